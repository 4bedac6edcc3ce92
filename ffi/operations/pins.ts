/** PINs on their way to the token. */
import { secretText } from "../../internal/bytes.ts";
import type { Frame } from "../engine/frame.ts";

/** A PIN as it goes to the token: text is encoded as UTF-8, `null` is the protected authentication path. */
export type PinBytes = string | Uint8Array | null;

/** Most bytes a UTF-16 code unit takes in UTF-8. */
const MAX_UTF8 = 3;

const encoder = new TextEncoder();

/** {@linkcode placePin}; bytes are the operation's own copy and are overwritten at once. */
export function putPin(frame: Frame, pin: PinBytes): [address: bigint, length: bigint] {
  const placed = placePin(frame, pin);
  forgetPin(pin);
  return placed;
}

/** Address and length of a PIN in the block, which is overwritten when the operation ends. */
export function placePin({ block }: Pick<Frame, "block">, pin: PinBytes): [address: bigint, length: bigint] {
  if (pin === null) return [0n, 0n];
  block.secret = true;
  if (typeof pin !== "string") return [block.address(block.putBytes(pin)), BigInt(pin.length)];
  const room = pin.length * MAX_UTF8 || 1;
  const offset = block.alloc(room);
  const { written } = encoder.encodeInto(pin, block.bytesAt(offset, room));
  return [block.address(offset), BigInt(written)];
}

/** A PIN as bytes that can be compared, and overwritten when they are not needed any more. */
export function ownPin(pin: string | Uint8Array): Uint8Array {
  return typeof pin === "string" ? secretText(pin) : pin;
}

/** Overwrites a copy of a PIN that is not needed any more. */
export function forgetPin(pin: unknown): void {
  if (pin instanceof Uint8Array) pin.fill(0);
}
