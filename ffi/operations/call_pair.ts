/**
 * Both calls of an operation as they lie in its memory, ready for the next that differs in bytes and handles only. What is
 * compared and written here runs where the module's code has left nothing in the processor's caches: each object that is
 * looked at and each frame below the module's is seen in the time of a small call.
 */
import { CKR } from "../constants/ckr.ts";
import type { Block } from "../memory/block.ts";
import type { BuiltParameter, PreparedMechanism, WrittenMechanism } from "../memory/mechanisms.ts";
import { CK_MECHANISM } from "../memory/structs_infos.ts";
import { structLayout } from "../memory/structs.ts";
import { isUint8Array, lengthOf } from "../runtime/views.ts";
import type { Cryptoki } from "../tables/cryptoki.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import type { KeyTraits } from "./authentication.ts";
import type { CryptoArgs, CryptoFunctions } from "./beginning.ts";
import { keyTypeOf, wantsKeyCheck } from "./key_checks.ts";

/** Raw parameters up to this length are written again in their place. */
const SHORT_PARAMETER = 256;

/** What came of both calls: the CK_RV of the last one made, and the place of the one that failed; or what was thrown. */
export type Outcome = { readonly rv: number; readonly stopped: number } | { readonly error: unknown };

/** Where everything lies. */
export interface PairPlaces {
  /** The memory. */
  readonly block: Block;
  /** The module's functions. */
  readonly table: Cryptoki;
  /** The mechanism. */
  readonly mechanism: WrittenMechanism;
  /** Offset of the data. */
  readonly input: number;
  /** Offset of the room for the result. */
  readonly output: number;
  /** Offset of the length of the result. */
  readonly length: number;
  /** Bytes that the result has room for. */
  readonly room: number;
  /** Whether the result may fill all of its room; a module that says so otherwise has told the room and not the length. */
  readonly known: boolean;
}

/** The two calls of one operation in memory. */
export class CallPair {
  /** The functions of both. */
  readonly functions: CryptoFunctions;
  /** Bytes that the result has room for. */
  readonly room: number;
  readonly #type: number;
  /** Bytes of a raw parameter; 0 without one, -1 for one that cannot be written again. */
  readonly #parameterLength: number;
  readonly #dataLength: number;
  readonly #hasKey: boolean;
  /** The one type of key that the mechanism takes; `null` where it takes several. */
  readonly #keyType: number | null;
  readonly #block: Block;
  readonly #mechanism: number;
  readonly #input: number;
  readonly #output: number;
  readonly #length: number;
  /** The longest result that is to be believed. */
  readonly #longest: number;
  readonly #used: number;
  readonly #init: NativeCall["fn"]["call"];
  readonly #once: NativeCall["fn"]["call"];
  readonly #mechanismWord: bigint;
  readonly #inputWord: bigint;
  readonly #dataWord: bigint;
  readonly #outputWord: bigint;
  readonly #lengthWord: bigint;
  readonly #parameter: number;
  readonly #parameterWord: bigint;
  readonly #pointer: number;
  readonly #pointerLength: number;
  readonly #table: Cryptoki;
  /** The key of the call that was taken in. */
  #key: bigint | null = null;
  /** The room for its result in memory of the caller; -1 where it is to be an array of its own. */
  #space = -1;
  #outcome: Outcome | null = null;

  /** Notes calls that were laid out. */
  constructor(args: CryptoArgs, functions: CryptoFunctions, [init, once]: readonly NativeCall[], places: PairPlaces) {
    const { mechanism: { type, parameter }, data, key } = args;
    this.functions = functions;
    this.room = places.room;
    this.#type = type;
    this.#parameterLength = parameter === null ? 0 : rawLength(parameter);
    this.#dataLength = data.length;
    this.#hasKey = key !== null;
    this.#keyType = key === null ? null : keyTypeOf(type);
    this.#block = places.block;
    this.#mechanism = places.mechanism.offset;
    this.#input = places.input;
    this.#output = places.output;
    this.#length = places.length;
    this.#longest = places.known ? places.room : places.room - 1;
    this.#used = places.block.used;
    this.#init = init!.fn.call;
    this.#once = once!.fn.call;
    this.#mechanismWord = init!.args[1]!;
    [, this.#inputWord, this.#dataWord, this.#outputWord, this.#lengthWord] = once!.args as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    const { offset, parameterOffset } = places.mechanism;
    const { offsets } = structLayout(CK_MECHANISM, places.block.abi);
    this.#parameter = parameterOffset;
    this.#parameterWord = places.block.address(parameterOffset);
    this.#pointer = offset + offsets.pParameter;
    this.#pointerLength = offset + offsets.ulParameterLen;
    this.#table = places.table;
  }

  /** Whether it can be written again: not where it has a parameter that is made anew for each call. */
  get isPlain(): boolean {
    return this.#parameterLength >= 0 && this.#dataLength > 0 && this.#type <= 0xffff_ffff;
  }

  /**
   * Takes a call of the same functions in, before which nobody can be asked, where it differs in nothing but bytes and handles:
   * it is written to the memory, which is in use from then on. Returns whether it does.
   *
   * @param space Room for the result in memory of the caller; -1 where it is to be an array of its own.
   */
  takes(
    key: bigint | null,
    traits: KeyTraits | null,
    type: number,
    parameter: unknown,
    data: unknown,
    space: number,
  ): boolean {
    const block = this.#block;
    if (
      !block.isFresh || type !== this.#type || (key !== null) !== this.#hasKey || !isUint8Array(data) ||
      lengthOf.call(data) !== this.#dataLength
    ) return false;
    if (this.#parameterLength === 0 ? parameter != null : !this.#isParameter(parameter)) return false;
    if (this.#keyType !== null && wantsKeyCheck(this.#table, key, traits, type)) return false;
    const { bytes, view } = block;
    block.used = this.#used;
    this.#key = key;
    this.#space = space;
    // The other half of each word is zero: the memory was overwritten.
    view.setUint32(this.#mechanism, type, true);
    if (this.#parameterLength > 0) this.#writeParameter(parameter as Uint8Array);
    bytes.set(data, this.#input);
    view.setUint32(this.#length, this.room, true);
    return true;
  }

  #isParameter(parameter: unknown): boolean {
    return isUint8Array(parameter) && lengthOf.call(parameter) === this.#parameterLength;
  }

  #writeParameter(parameter: Uint8Array): void {
    const { bytes, view } = this.#block;
    bytes.set(parameter, this.#parameter);
    view.setBigUint64(this.#pointer, this.#parameterWord, true);
    view.setUint32(this.#pointerLength, this.#parameterLength, true);
  }

  /** The key of the call that was taken in. */
  protected get takenKey(): bigint | null {
    return this.#key;
  }

  /** The mechanism of the call that was taken in. */
  protected get takenMechanism(): PreparedMechanism {
    const length = this.#parameterLength;
    return { type: this.#type, parameter: length > 0 ? this.#block.copyOut(this.#parameter, length) : null };
  }

  /**
   * Makes the calls of one that was taken in: the result, or how much of it was written into `memory`; and its own memory is
   * overwritten. `null` where there is more to it: {@linkcode CallPair.takeOutcome} tells what. No code of a caller can run
   * meanwhile, so nobody is told that something runs.
   */
  repeat(session: bigint, memory: Uint8Array | undefined): Uint8Array<ArrayBuffer> | number | null {
    const length = this.make(session, this.#key);
    if (length < 0 || memory !== undefined && length > this.#space) return null;
    const block = this.#block;
    try {
      if (memory === undefined) return block.copyOut(this.#output, length);
      block.copyInto(this.#output, length, memory);
      return length;
    } finally {
      block.overwrite(this.#used);
      block.used = 0;
    }
  }

  /** Makes both calls: the length of a result that is to be believed; -1 where there is something else. */
  make(session: bigint, key: bigint | null): number {
    // Fields of this object: what all operations share would be looked up anew in each call, as there are so many functions.
    const init = this.#init;
    const once = this.#once;
    this.#outcome = null;
    try {
      let rv = key === null ? init(session, this.#mechanismWord) : init(session, this.#mechanismWord, key);
      if (rv !== CKR.OK) return this.#endedWith({ rv: rv as number, stopped: 0 });
      rv = once(session, this.#inputWord, this.#dataWord, this.#outputWord, this.#lengthWord);
      if (rv !== CKR.OK) return this.#endedWith({ rv: rv as number, stopped: 1 });
      const length = this.#block.getUlong(this.#length);
      if (length <= this.#longest) return length as number;
      return this.#endedWith({ rv, stopped: 2 });
    } catch (error) {
      return this.#endedWith({ error });
    }
  }

  #endedWith(outcome: Outcome): number {
    this.#outcome = outcome;
    return -1;
  }

  /** What came of the calls where that is not simply a result; it is told once. */
  takeOutcome(): Outcome | null {
    const outcome = this.#outcome;
    this.#outcome = null;
    return outcome;
  }
}

/** Bytes of a raw parameter that may be written again; -1 for others. An empty one has no place to be written to. */
function rawLength(parameter: Uint8Array | BuiltParameter): number {
  return parameter instanceof Uint8Array && parameter.length > 0 && parameter.length <= SHORT_PARAMETER
    ? parameter.length
    : -1;
}
