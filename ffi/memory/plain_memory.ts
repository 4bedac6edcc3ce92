/** Memory of the caller that C may use where it lies, while nothing else runs. */
import { nativeRuntime } from "../runtime/runtime.ts";
import { TYPED_ARRAY } from "../runtime/views.ts";

const { buffer: bufferOf, byteOffset: offsetOf, byteLength: lengthOf } = TYPED_ARRAY;

/**
 * Where buffers begin that programs use again and again: to ask the runtime costs more. A buffer of a fixed length stays
 * where it is until it is detached, and views of it have no bytes then.
 */
const known = new WeakMap<ArrayBuffer, bigint>();
/** The two addresses that were found last: what is found there once more is kept by its program. */
let last = 0n;
let before = 0n;

/** The address of bytes; `null` where their memory may move, shrink or change meanwhile, or is gone. */
export function plainAddress(bytes: Uint8Array): bigint | null {
  if (lengthOf.call(bytes) === 0) return null;
  const buffer = bufferOf.call(bytes) as ArrayBuffer;
  const base = known.get(buffer);
  if (base === undefined) return unknownAddress(bytes, buffer);
  const offset = offsetOf.call(bytes) as number;
  return offset === 0 ? base : base + BigInt(offset);
}

function unknownAddress(bytes: Uint8Array, buffer: ArrayBuffer): bigint | null {
  if (!(buffer instanceof ArrayBuffer) || buffer.resizable || buffer.detached) return null;
  const address = nativeRuntime().address(bytes);
  if (address === last || address === before) known.set(buffer, address - BigInt(offsetOf.call(bytes) as number));
  before = last;
  last = address;
  return address;
}
