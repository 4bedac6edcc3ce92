/**
 * The calls that programs make a million times, made in place and in one go: those that begin an operation with a mechanism
 * that has no parameter or a few bytes of it, and those that do it on short data. They do what is done for any call argument
 * by argument, and leave to that what is not as plain.
 */
import { assertWithin, Block, word } from "../ffi/memory/block.ts";
import { hasPlainMemory } from "../ffi/memory/inputs.ts";
import { setBytes } from "../ffi/memory/structs.ts";
import { CKR } from "../ffi/constants/mod.ts";
import { nativeAbi, nativeRuntime } from "../ffi/runtime/runtime.ts";
import type { BoundFunction } from "../ffi/tables/cryptoki.ts";
import type { Call } from "./call.ts";
import { returned } from "./errors.ts";
import { plainLength, readHandle, ulongIn } from "./values.ts";

/** Bytes of a handle, and of every word here, on the platforms whose calls are made here. */
const WORD = 8;
/** Data is shorter; room from there on is written where it lies. */
const LONG = 0x1000;
/** Up to so many bytes are copied one by one: a view of them costs more. */
const FEW_BYTES = 64;
/** Where in the block the length of the room stands, and where the data begins. */
const LENGTH = 0;
const INPUT = LENGTH + WORD;
/** Where a CK_MECHANISM has its parameter and how long that is, and its size: the parameter follows where it is bytes. */
const PARAMETER = WORD;
const PARAMETER_LENGTH = 2 * WORD;
const MECHANISM = 3 * WORD;

/**
 * The function at a place of the list, once the calls of the session that are under way have returned; `null` where the
 * module has none.
 */
export type FindFunction = (method: string, index: number, session: bigint) => BoundFunction | null;

/** What is given where a call was not made here. */
export const NOT_FREQUENT: unique symbol = Symbol("not a frequent call");

/** The frequent calls of one library. No code of the caller runs from where one is laid out to its end. */
export class FrequentCalls {
  readonly #find: FindFunction;
  /** A CK_MECHANISM without a parameter, which stays for the next call, and its type. */
  readonly #mechanism: Block = new Block(nativeRuntime(), nativeAbi(), MECHANISM);
  #type = -1;
  /** What else a call uses, overwritten when it has returned. */
  readonly #block: Block = new Block(nativeRuntime(), nativeAbi(), INPUT + 2 * LONG);
  readonly #lengthAddress: bigint = this.#block.address(LENGTH);
  readonly #inputAddress: bigint = this.#block.address(INPUT);
  readonly #parameterAddress: bigint = this.#block.address(MECHANISM);

  /** Makes calls of the functions that `find` gives. */
  constructor(find: FindFunction) {
    this.#find = find;
  }

  /** Makes a call. Returns what it gives, or {@linkcode NOT_FREQUENT} where it was not made. */
  call(call: Call, args: readonly unknown[]): unknown {
    if (this.#block.abi.ulong !== WORD) return NOT_FREQUENT;
    return call.frequent === "start"
      ? this.#start(call, args[0] as Uint8Array, args[1], args[2])
      : this.#whole(call, args[0] as Uint8Array, args[1], args[2]);
  }

  #start(call: Call, session: Uint8Array, value: unknown, key: unknown): unknown {
    if (typeof value !== "object" || value === null) return NOT_FREQUENT;
    const { mechanism, parameter } = value as { readonly mechanism?: unknown; readonly parameter?: unknown };
    const bytes = parameter === undefined || parameter === null ? null : parameter as Uint8Array;
    const length = plainLength(bytes);
    if (bytes !== null && (length === 0 || length > FEW_BYTES)) return NOT_FREQUENT;
    const type = ulongIn(mechanism, WORD);
    // Looked at only now: getters may have taken the memory of a handle away.
    if (type === undefined || plainLength(session) !== WORD) return NOT_FREQUENT;
    const hasKey = call.arity === 3;
    if (hasKey && plainLength(key) !== WORD) return NOT_FREQUENT;
    const handle = readHandle(session, WORD);
    const keyHandle = hasKey ? readHandle(key as Uint8Array, WORD) : 0n;
    const fn = this.#function(call, handle);
    const block = bytes === null ? this.#typed(type) : this.#parametrised(type, bytes, length);
    try {
      const rv = hasKey ? fn.call(handle, block.base, keyHandle) : fn.call(handle, block.base);
      if (rv !== CKR.OK) throw returned(rv as number, call.name);
      return undefined;
    } finally {
      if (bytes !== null) block.clear();
    }
  }

  /** The mechanism without a parameter. */
  #typed(type: number): Block {
    if (type !== this.#type) {
      this.#mechanism.setUlong(0, type);
      this.#type = type;
    }
    return this.#mechanism;
  }

  /** A mechanism whose parameter is a few bytes. */
  #parametrised(type: number, bytes: Uint8Array, length: number): Block {
    const block = this.#block;
    block.used = MECHANISM + length;
    block.setUlong(0, type);
    block.setPointer(PARAMETER, this.#parameterAddress);
    block.setUlong(PARAMETER_LENGTH, length);
    setBytes(block, MECHANISM, bytes);
    return block;
  }

  #whole(call: Call, session: Uint8Array, input: unknown, output: unknown): unknown {
    if (plainLength(session) !== WORD) return NOT_FREQUENT;
    const handle = readHandle(session, WORD);
    const fn = this.#function(call, handle);
    const length = plainLength(input);
    const room = plainLength(output);
    if (length === 0 || length >= LONG || room === 0) return NOT_FREQUENT;
    const isLong = room >= LONG;
    if (isLong && !hasPlainMemory(output as Uint8Array)) return NOT_FREQUENT;
    const block = this.#block;
    const roomAt = INPUT + (length + WORD - 1 & -WORD);
    const address = isLong ? nativeRuntime().address(output as Uint8Array) : block.address(roomAt);
    // Overwritten to here, whatever the module says that it has written.
    block.used = isLong ? roomAt : roomAt + room;
    block.setUlong(LENGTH, room);
    setBytes(block, INPUT, input as Uint8Array);
    try {
      const rv = fn.call(handle, this.#inputAddress, word(length), address, this.#lengthAddress);
      if (rv !== CKR.OK) throw returned(rv as number, call.name);
      return taken(block, isLong ? -1 : roomAt, output as Uint8Array, room);
    } finally {
      block.clear();
    }
  }

  #function({ index, name }: Call, session: bigint): BoundFunction {
    const fn = this.#find(name, index, session);
    if (fn === null) throw returned(CKR.FUNCTION_NOT_SUPPORTED, name);
    return fn;
  }
}

/** The first bytes of the caller's room, written by now; `from` is where they lie instead, -1 where it is nowhere. */
function taken(block: Block, from: number, room: Uint8Array, capacity: number): Uint8Array {
  const length = block.getLength(LENGTH) ?? Infinity;
  assertWithin(length, capacity);
  if (from < 0) return room.subarray(0, length);
  const { bytes } = block;
  if (length > FEW_BYTES) room.set(bytes.subarray(from, from + length));
  else for (let index = 0; index < length; index++) room[index] = bytes[from + index]!;
  return room.subarray(0, length);
}
