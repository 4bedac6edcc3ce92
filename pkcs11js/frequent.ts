/**
 * The calls that programs make a million times, made in place and in one go: those that begin an operation with a mechanism
 * that has no parameter or a few bytes of it, and those that do it on short data. They do what is done for any call argument
 * by argument, and leave to that what is not as plain. What they do is written out in them where a function of its own would
 * cost more than its work.
 */
import { assertWithin, Block, word } from "../ffi/memory/block.ts";
import { LARGE } from "../ffi/memory/inputs.ts";
import { plainAddress } from "../ffi/memory/plain_memory.ts";
import { CKR } from "../ffi/constants/mod.ts";
import { expectLargeData } from "../ffi/runtime/freed_memory.ts";
import { nativeAbi, runtimeInPlace } from "../ffi/runtime/runtime.ts";
import type { BoundFunction } from "../ffi/tables/cryptoki.ts";
import type { Call } from "./call.ts";
import { returned } from "./errors.ts";
import { arrayLength, plainLength, readHandle, ulongIn } from "./values.ts";

/** Bytes of a handle, and of every word here, on the platforms whose calls are made here. */
const WORD = 8;
/** Data and room from there on are used where they lie, as the addon uses all: to copy and to overwrite takes longer. */
const LONG = 0x400;
/** Parameters that are longer are written otherwise. */
const LONGEST_PARAMETER = 64;
/** Where in the block the length of the room stands, and where the data begins. */
const LENGTH = 0;
const INPUT = LENGTH + WORD;
/** Where a CK_MECHANISM has its parameter and how long that is, and its size: the parameter follows where it is bytes. */
const PARAMETER = WORD;
const PARAMETER_LENGTH = 2 * WORD;
const MECHANISM = 3 * WORD;
const UINT32 = 0x1_0000_0000;

/** Who has the functions. */
export interface FunctionSource {
  /** The function of a call, once the calls of the session that are under way have returned. Throws where there is none. */
  find(method: string, index: number, session: bigint): BoundFunction;
}

/** The frequent calls of one library. No code of the caller runs from where one is laid out to its end. */
export class FrequentCalls {
  readonly #functions: FunctionSource;
  /** A CK_MECHANISM without a parameter, which stays for the next call, and its type. */
  readonly #mechanism: Block = new Block(runtimeInPlace(), nativeAbi(), MECHANISM);
  #type = -1;
  /** What else a call uses, overwritten when it has returned. */
  readonly #block: Block = new Block(runtimeInPlace(), nativeAbi(), INPUT + LONG + LONG);
  readonly #inputAddress: bigint = this.#block.address(INPUT);
  readonly #parameterAddress: bigint = this.#block.address(MECHANISM);

  /** Makes calls of these functions. */
  constructor(functions: FunctionSource) {
    this.#functions = functions;
  }

  /** Begins an operation: with a mechanism and, for most functions, a key. Whether that was done here. */
  start(call: Call, session: unknown, value: unknown, key: unknown): boolean {
    if (typeof value !== "object" || value === null) return false;
    const { mechanism, parameter } = value as { readonly mechanism?: unknown; readonly parameter?: unknown };
    const type = ulongIn(mechanism, WORD);
    const length = parameter === undefined || parameter === null ? 0 : arrayLength(parameter) || LONG;
    if (type === undefined || length > LONGEST_PARAMETER) return false;
    // Looked at only now: getters may have taken the memory of a handle away.
    const hasKey = call.arity === 3;
    if (arrayLength(session) !== WORD || hasKey && arrayLength(key) !== WORD) return false;
    const handle = readHandle(session as Uint8Array, WORD);
    const keyHandle = hasKey ? readHandle(key as Uint8Array, WORD) : 0n;
    const fn = this.#functions.find(call.name, call.index, handle);
    if (length === 0) {
      this.#putType(type);
      return begin(call, fn, handle, this.#mechanism.base, keyHandle);
    }
    const block = this.#block;
    try {
      this.#putMechanism(type, parameter as Uint8Array, length);
      return begin(call, fn, handle, block.base, keyHandle);
    } finally {
      block.overwrite(MECHANISM + length);
    }
  }

  /** Does a part of an operation, or all of it: data gives data. The caller's room, as much of it as was written, or `null`. */
  whole(call: Call, session: unknown, input: unknown, output: unknown): Uint8Array | null {
    const length = arrayLength(input);
    const capacity = plainLength(output);
    if (length === 0 || capacity === 0 || arrayLength(session) !== WORD) return null;
    const data = input as Uint8Array;
    const room = output as Uint8Array;
    const isLongRoom = capacity >= LONG;
    const handle = readHandle(session as Uint8Array, WORD);
    const fn = this.#functions.find(call.name, call.index, handle);
    const inputAddress = length >= LONG ? plainAddress(data) : null;
    const roomAddress = isLongRoom ? plainAddress(room) : null;
    if (isLongRoom && roomAddress === null || length >= LONG && inputAddress === null) return null;
    if (length >= LARGE) expectLargeData();
    const block = this.#block;
    const { bytes, view } = block;
    const roomAt = inputAddress === null ? INPUT + (length + WORD - 1 & -WORD) : INPUT;
    try {
      putNumber(view, LENGTH, capacity);
      if (inputAddress === null) bytes.set(data, INPUT);
      const rv = fn.call(
        handle,
        inputAddress ?? this.#inputAddress,
        word(length),
        roomAddress ?? block.address(roomAt),
        block.base,
      );
      if (rv !== CKR.OK) throw returned(rv as number, call.name);
      const given = view.getUint32(LENGTH + 4, true) === 0 ? view.getUint32(LENGTH, true) : Infinity;
      assertWithin(given, capacity);
      if (!isLongRoom) block.copyInto(roomAt, given, room);
      return room.subarray(0, given);
    } finally {
      // To the end of the room, whatever the module says that it has written.
      block.overwrite(isLongRoom ? roomAt : roomAt + capacity);
    }
  }

  #putType(type: number): void {
    if (type === this.#type) return;
    putNumber(this.#mechanism.view, 0, type);
    this.#type = type;
  }

  /** A mechanism whose parameter is a few bytes. */
  #putMechanism(type: number, parameter: Uint8Array, length: number): void {
    const { bytes, view } = this.#block;
    putNumber(view, 0, type);
    view.setBigUint64(PARAMETER, this.#parameterAddress, true);
    putNumber(view, PARAMETER_LENGTH, length);
    bytes.set(parameter, MECHANISM);
  }
}

function begin(call: Call, fn: BoundFunction, session: bigint, mechanism: bigint, key: bigint): true {
  const rv = call.arity === 3 ? fn.call(session, mechanism, key) : fn.call(session, mechanism);
  if (rv !== CKR.OK) throw returned(rv as number, call.name);
  return true;
}

function putNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, value < UINT32 ? 0 : Math.floor(value / UINT32), true);
}
