/** What pkcs11js takes for bytes, handles and numbers, and how handles are given back. */
import { Buffer } from "node:buffer";
import { isBytesInput, viewBytes } from "../ffi/memory/inputs.ts";
import { isUint8Array, TYPED_ARRAY } from "../ffi/runtime/views.ts";
import { type Block, word } from "../ffi/memory/block.ts";

const lengthOf = TYPED_ARRAY.byteLength;
const BUFFER: object = Buffer.prototype;
const UINT8: object = Uint8Array.prototype;
const UINT32 = 0x1_0000_0000;

/** Bytes of an array as the engine knows them, whatever the array says of itself. */
export function lengthIn(bytes: Uint8Array): number {
  return lengthOf.call(bytes) as number;
}

/** Bytes of a Buffer or Uint8Array, or of what is one by another class; 0 of anything else. */
export function arrayLength(value: unknown): number {
  return isUint8Array(value) ? lengthIn(value) : 0;
}

/** Bytes of a Buffer or Uint8Array that is nothing but that; 0 of anything else. */
export function plainLength(value: unknown): number {
  if (!isUint8Array(value)) return 0;
  const prototype = Object.getPrototypeOf(value);
  return prototype === BUFFER || prototype === UINT8 ? lengthOf.call(value) as number : 0;
}

/** The bytes of a buffer or a view of one, not copied; `null` of anything else. Throws where its memory is gone. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== "object" || value === null) return null;
  if (plainLength(value) > 0) return value as Uint8Array;
  return ArrayBuffer.isView(value) && isBytesInput(value) ? viewBytes(value, "a Buffer") : null;
}

/** The number in a handle's bytes; `undefined` where it is no handle. */
export function handleIn(value: unknown, ulong: 4 | 8): bigint | undefined {
  const bytes = bytesOf(value);
  if (bytes === null || lengthIn(bytes) !== ulong) return undefined;
  return readHandle(bytes, ulong);
}

/** The number in the bytes of a handle. */
export function readHandle(b: Uint8Array, ulong: 4 | 8): bigint {
  const low = (b[0]! | b[1]! << 8 | b[2]! << 16 | b[3]! << 24) >>> 0;
  if (ulong === 4) return word(low);
  const high = (b[4]! | b[5]! << 8 | b[6]! << 16 | b[7]! << 24) >>> 0;
  return high === 0 ? word(low) : BigInt(high) << 32n | BigInt(low);
}

/** A handle as pkcs11js gives it: a Buffer with the bytes of a CK_ULONG. */
export function handleBuffer(handle: bigint, ulong: 4 | 8): Buffer<ArrayBuffer> {
  const buffer = Buffer.allocUnsafe(ulong) as Buffer<ArrayBuffer>;
  if (handle < 0x1_0000n) {
    // Most handles are small.
    const low = Number(handle);
    buffer[0] = low & 0xff;
    buffer[1] = low >> 8;
    for (let index = 2; index < ulong; index++) buffer[index] = 0;
  } else if (ulong === 8) buffer.writeBigUInt64LE(handle);
  else buffer.writeUInt32LE(Number(handle));
  return buffer;
}

/** The handle that C has written: its bytes are those that pkcs11js gives. */
export function handleAt(block: Block, offset: number): Buffer<ArrayBuffer> {
  const { ulong } = block.abi;
  const buffer = Buffer.allocUnsafe(ulong) as Buffer<ArrayBuffer>;
  block.copyInto(offset, ulong, buffer);
  return buffer;
}

/** A Buffer with memory of its own: what lies in that of others may be secret. */
export function newBuffer(length: number): Buffer<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(length) as Buffer<ArrayBuffer>;
}

/** A Buffer of the same memory. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A number as a CK_ULONG: a 32-bit one that went negative is meant unsigned. `undefined` where it is none. */
export function ulongIn(value: unknown, ulong: 4 | 8): number | undefined {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) return undefined;
  if (value < 0) return value >= -0x8000_0000 ? value + UINT32 : undefined;
  return ulong === 8 || value < UINT32 ? value : undefined;
}

/** A number of the module as pkcs11js tells it: CK_UNAVAILABLE_INFORMATION is 2^32 - 1. */
export function ulongOut(value: number | bigint): number {
  if (typeof value === "number") return value;
  return value === 0xffff_ffff_ffff_ffffn ? UINT32 - 1 : Number(value);
}
