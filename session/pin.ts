/** PINs as callers give them, made ready for the token. */
import { describeType, isBytesInput, viewBytes } from "../ffi/bytes.ts";
import type { PinAttempt, PinQuestion } from "../ffi/operations/authentication.ts";
import type { PinBytes } from "../ffi/operations/pins.ts";
import type { Pkcs11Object } from "./object.ts";
import type { Pin, PinAnswer, PinCallback } from "./options.ts";
import type { Slot } from "./slot.ts";

/** Checks a PIN that is at hand. The bytes are copied by the operation when the call is made. */
export function plainPin(pin: string | BufferSource | null, subject: string): PinBytes {
  if (pin === null || typeof pin === "string") return pin;
  if (isBytesInput(pin)) {
    const bytes = viewBytes(pin, subject);
    // Memory of its own: a small array on the heap is moved about, and leaves copies where it was.
    const copy = new Uint8Array(new ArrayBuffer(bytes.length));
    copy.set(bytes);
    return copy;
  }
  throw new TypeError(`Cannot use ${subject}: expected text, bytes or null, got ${describeType(pin)}`);
}

/** Checks a PIN that may be a callback to ask. */
export function preparePin(pin: Pin | null, slot: Slot): PinBytes | PinQuestion {
  return typeof pin === "function" ? question(pin, slot) : plainPin(pin as string | BufferSource | null, "a PIN");
}

/** A callback as the operations ask it. */
export function question(
  ask: PinCallback,
  slot: Slot,
  key?: { readonly object: Pkcs11Object; readonly label: () => string },
): PinQuestion {
  return (attempt: PinAttempt, signal: AbortSignal | undefined) => {
    const request = {
      slot,
      ...(key ? { object: key.object } : {}),
      label: key?.label() || attempt.tokenLabel,
      retry: attempt.retry,
      countLow: attempt.countLow,
      finalTry: attempt.finalTry,
    };
    const answer = ask(request, signal);
    return answer instanceof Promise ? answer.then(answered) : answered(answer);
  };
}

function answered(answer: PinAnswer): PinBytes {
  return plainPin((answer ?? null) as string | BufferSource | null, "the answer to a question for a PIN");
}
