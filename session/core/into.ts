/** Results that are written into memory of the caller. */
import { assertRoom } from "../../ffi/engine/frame.ts";
import { viewMemory } from "../../ffi/memory/inputs.ts";
import { Destination } from "../../ffi/operations/crypto.ts";
import type { IntoOptions, ResultOptions } from "./call_options.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The memory that options name for a result; `null` where it is to be an array of its own.
 *
 * @throws {TypeError} when it is no Uint8Array, or its memory was taken away
 */
export function destination(options: ResultOptions | IntoOptions | undefined): Destination | null {
  const memory = memoryFor(options);
  return memory === null ? null : new Destination(memory);
}

/** The memory itself; see {@linkcode destination}. */
export function memoryFor(options: ResultOptions | IntoOptions | undefined): Uint8Array | null {
  const into: unknown = options?.into;
  return into === undefined ? null : viewMemory(into, "into");
}

/** A result as it is, or the number of its bytes after they were written into `into`. */
export function resultOf(result: Bytes, into: Destination | null): Bytes | number {
  if (into === null) return result;
  if (into.written >= 0) return into.written;
  const { length } = result;
  const { memory } = into;
  if (result.buffer === memory.buffer) return length;
  try {
    assertRoom(length, memory);
    memory.set(result);
  } finally {
    result.fill(0);
  }
  return length;
}

/** {@linkcode resultOf} for an asynchronous call, which writes nothing once it is aborted. */
export function resultLater(
  result: Bytes,
  into: Destination | null,
  options: ResultOptions | IntoOptions | undefined,
): Bytes | number {
  if (into === null) return result;
  if (options?.signal?.aborted) {
    result.fill(0);
    throw options.signal.reason;
  }
  return resultOf(result, into);
}
