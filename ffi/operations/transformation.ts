/**
 * Operations that turn data into other data in two calls. Their common case, both calls done in one step, is what speed
 * depends on: it is driven without a generator, in memory whose layout is kept from the last call.
 */
import { CKR } from "../constants/mod.ts";
import { assertPresent } from "../memory/inputs.ts";
import { plainAddress } from "../memory/plain_memory.ts";
import type { Program, ProgramStep } from "../engine/program.ts";
import type { Frame, Output } from "../engine/frame.ts";
import { type Block, word } from "../memory/block.ts";
import {
  type BuiltParameter,
  type PreparedMechanism,
  rewriteMechanism,
  type WrittenMechanism,
} from "../memory/mechanisms.ts";
import type { BoundFunction } from "../tables/cryptoki.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import {
  abandon,
  beginAgain,
  beginAuthenticated,
  type Beginning,
  beginning,
  type CryptoArgs,
  type CryptoFunctions,
  mechanismOf,
  settle,
} from "./beginning.ts";
import type { AuthenticatedUse } from "../engine/active.ts";
import { type KeyAuthentication, type KeyTraits, mayAsk, mayRunCaller } from "./authentication.ts";
import { wantsFit } from "./key_fit.ts";
import { wantsKeyCheck } from "./key_types.ts";
import { endUse } from "./key_use.ts";
import { MAX_GROWTHS } from "./output.ts";

type Bytes = Uint8Array<ArrayBuffer>;
/** What came of the first step: its CK_RV, what was thrown at it; `null` before it. */
type Outcome = { readonly rv: number } | { readonly error: unknown } | null;

/** Layouts larger than this are not kept. */
const KEPT_BYTES = 0x2000;
const KEPT_PARAMETER = 256;
/** The end of an operation whose result is where the caller wants it. */
const WRITTEN: ProgramStep<Bytes> = { done: true, value: new Uint8Array(0) };

/**
 * An operation of the functions given, with `room` for its result: more than it can have, unless its length is `known`.
 */
export function transform(
  frame: Frame,
  args: CryptoArgs,
  functions: CryptoFunctions,
  room: number,
  known = false,
): Program<Bytes> {
  assertPresent(args.data);
  const { kept } = frame.block;
  if (kept instanceof Transformation && kept.repeats(frame, args, functions, room)) return kept;
  return new Transformation(frame, args, functions, room, known);
}

/** A transformation as it lies in the memory of its operation; its words serve again for the next call that looks alike. */
export class Transformation implements Program<Bytes>, Beginning {
  args: CryptoArgs | null;
  readonly functions: CryptoFunctions;
  readonly mechanism: WrittenMechanism;
  readonly init: Beginning["init"];
  once: NativeCall;
  readonly both: readonly NativeCall[];
  readonly asks: boolean;
  paired = true;
  active = false;
  use: AuthenticatedUse | null = null;
  readonly #room: number;
  /** The length of a result that is not to be believed; -1 where there is none. */
  readonly #doubtful: number;
  readonly #input: bigint;
  readonly #inputOffset: number;
  readonly #output: Output;
  readonly #length: number;
  /** Memory in use when everything was laid out. */
  readonly #used: number;
  readonly #hasKey: boolean;
  /** What both calls are made of, beside handles: fields are nearer than the steps for those who drive it call by call. */
  readonly #initCall: BoundFunction["call"];
  readonly #onceCall: BoundFunction["call"];
  readonly #mechanismWord: bigint;
  readonly #dataWord: bigint;
  readonly #outputWord: bigint;
  readonly #lengthWord: bigint;
  /** Words of the second call. */
  readonly #words: bigint[];
  readonly #type: number;
  /** Bytes of a raw parameter; -1 for one that is long or built anew for each call. */
  readonly #parameterLength: number;
  readonly #dataLength: number;
  readonly #workKind: number;
  readonly #firstStep: ProgramStep<Bytes>;
  #frame: Frame | null;
  #begun = false;
  /** What came of the calls where that is not simply a result. */
  #outcome: Outcome = null;
  /** Drives everything but the common case. */
  #rest: Program<Bytes> | null = null;

  /** Lays the calls out. */
  constructor(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, room: number, known: boolean) {
    const { session, data, mechanism: { type, parameter } } = args;
    const { block } = frame;
    const fresh = block.isFresh;
    const small = data.length + room < KEPT_BYTES;
    const asks = mayRunCaller(args.authentication) || wantsFit(args);
    const mechanism = mechanismOf(frame, args, functions);
    this.#frame = frame;
    this.#room = room;
    this.#doubtful = known ? -1 : room;
    this.#inputOffset = small ? block.putBytes(data) : 0;
    // What is decrypted comes as a ciphertext.
    this.#input = small ? block.address(this.#inputOffset) : frame.input(data, asks, functions.kind !== "decrypt");
    this.#output = frame.output(room, asks ? null : directly(frame, args, room));
    this.#length = frame.ulong(room);
    this.#hasKey = args.key !== null;
    this.#type = type;
    this.#dataLength = data.length;
    this.#workKind = frame.workKind;
    this.#dataWord = word(data.length);
    this.#outputWord = this.#output.address;
    this.#lengthWord = block.address(this.#length);
    const words = [session, this.#input, this.#dataWord, this.#outputWord, this.#lengthWord];
    this.#words = words;
    const begun = beginning(frame, args, functions, mechanism, { fn: frame.fn(functions.onceIndex), args: words });
    this.args = args;
    this.functions = functions;
    this.mechanism = begun.mechanism;
    this.init = begun.init;
    this.once = begun.once;
    this.both = begun.both;
    this.asks = begun.asks;
    this.#initCall = begun.init.fn.call;
    this.#onceCall = begun.once.fn.call;
    this.#mechanismWord = begun.init.args[1]!;
    this.#parameterLength = parameter === null ? 0 : rawLength(parameter);
    this.#firstStep = { done: false, value: begun.both };
    this.#used = block.used;
    if (fresh && small && this.#parameterLength >= 0 && !this.asks) block.kept = this;
  }

  /** Takes the next call in, where it differs from the last in nothing but bytes, session and key. Returns whether it does. */
  repeats(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, room: number): boolean {
    const { key, traits, mechanism, data, authentication } = args;
    if (functions !== this.functions || room !== this.#room) return false;
    if (!this.isLike(frame, key, traits, mechanism, data, authentication)) return false;
    this.#write(frame.block, mechanism, data);
    this.#renew(frame, args);
    return true;
  }

  /** Whether a call of the same functions differs in nothing but bytes and handles. */
  isLike(
    frame: Frame,
    key: bigint | null,
    traits: KeyTraits | null,
    mechanism: PreparedMechanism,
    data: Uint8Array,
    authentication: KeyAuthentication | null,
  ): boolean {
    return data.length === this.#dataLength && (key !== null) === this.#hasKey && frame.block.isFresh &&
      this.#hasShapeOf(mechanism) && !mayAsk(authentication) &&
      (key === null || !wantsKeyCheck(frame, { session: 0n, key, traits, mechanism }));
  }

  #write(block: Block, mechanism: PreparedMechanism, data: Uint8Array): void {
    block.used = this.#used;
    block.bytes.set(data, this.#inputOffset);
    block.setUlong(this.#length, this.#room);
    rewriteMechanism(block, mechanism, this.mechanism);
  }

  #renew(frame: Frame, args: CryptoArgs): void {
    const { key, session } = args;
    this.init.args[0] = this.#words[0] = session;
    if (key !== null) this.init.args[2] = key;
    frame.workKind = this.#workKind;
    this.args = args;
    this.once = this.both[1]!;
    this.use = null;
    this.paired = true;
    this.active = false;
    this.#frame = frame;
    this.#begun = false;
    this.#rest = null;
  }

  #hasShapeOf({ type, parameter }: PreparedMechanism): boolean {
    return type === this.#type && (parameter === null ? 0 : rawLength(parameter)) === this.#parameterLength;
  }

  begin(): ProgramStep<Bytes> {
    this.#begun = true;
    if (this.asks) return this.#proceed(null);
    const { block } = this.#frame!;
    const { session, key } = this.args!;
    const outcome = this.#makeBoth(this.#frame!, session, key);
    return outcome === null ? this.#succeeded(block) : this.#proceed(outcome);
  }

  /** Makes the calls of one that is like it: the result, or how much of it was written; `null` where there is more to it. */
  repeat(
    frame: Frame,
    session: bigint,
    key: bigint | null,
    mechanism: PreparedMechanism,
    data: Uint8Array,
    memory: Uint8Array | null,
  ): Bytes | number | null {
    const { block } = frame;
    this.#write(block, mechanism, data);
    this.#outcome = this.#makeBoth(frame, session, key);
    if (this.#outcome !== null) return null;
    const length = Number(block.getUlong(this.#length));
    if (memory === null) return this.#output.take(length);
    this.#output.takeInto(length, memory);
    return length;
  }

  /** Goes on from there. */
  proceed(frame: Frame, args: CryptoArgs): ProgramStep<Bytes> {
    const outcome = this.#outcome;
    this.#outcome = null;
    this.#renew(frame, args);
    this.#begun = true;
    return this.#proceed(outcome);
  }

  /**
   * Makes both calls, and answers what came of them where they have not given a result to be believed. Written out: what all
   * operations share would be looked up anew in each call, as it is called with so many functions.
   */
  #makeBoth(frame: Frame, session: bigint, key: bigint | null): Outcome {
    const init = this.#initCall;
    const once = this.#onceCall;
    let stopped = 0;
    let rv: number | bigint | undefined;
    try {
      rv = key === null ? init(session, this.#mechanismWord) : init(session, this.#mechanismWord, key);
      if (rv === CKR.OK) {
        stopped = 1;
        rv = once(session, this.#input, this.#dataWord, this.#outputWord, this.#lengthWord);
        if (rv === CKR.OK && frame.block.getUlong(this.#length) !== this.#doubtful) return null;
      }
    } catch (error) {
      frame.rv = 0;
      frame.stopped = 0;
      return { error };
    }
    frame.rv = rv as number;
    frame.stopped = rv === CKR.OK ? 2 : stopped;
    return { rv: frame.rv };
  }

  next(rv: number): ProgramStep<Bytes> {
    if (this.#rest) return this.#rest.next(rv);
    if (!this.#begun) {
      this.#begun = true;
      return this.asks ? this.#proceed(null) : this.#firstStep;
    }
    return this.#called(rv);
  }

  /** Goes on after both calls. */
  #called(rv: number): ProgramStep<Bytes> {
    const { block } = this.#frame!;
    return this.#isResult(block, rv) ? this.#succeeded(block) : this.#proceed({ rv });
  }

  #isResult(block: Block, rv: number): boolean {
    return rv === CKR.OK && block.getUlong(this.#length) !== this.#doubtful;
  }

  #succeeded(block: Block): ProgramStep<Bytes> {
    const { into } = this.args!;
    this.args = null;
    this.#frame = null;
    if (!into) return { done: true, value: this.#result(block, this.#output) };
    this.mechanism.readBack();
    const length = Number(block.getUlong(this.#length));
    this.#output.takeInto(length, into.memory);
    into.written = length;
    return WRITTEN;
  }

  throw(error: unknown): ProgramStep<Bytes> {
    return this.#rest ? this.#rest.throw(error) : this.#proceed({ error });
  }

  [Symbol.iterator](): this {
    return this;
  }

  #result(block: Block, output: Output): Bytes {
    this.mechanism.readBack();
    return output.take(Number(block.getUlong(this.#length)));
  }

  #proceed(outcome: Outcome): ProgramStep<Bytes> {
    this.#rest = this.#drive(this.#frame!, outcome);
    return this.#rest.next(0);
  }

  /** The operation once more, asked for the length of its result first. */
  *#measured(frame: Frame): Program<Output> {
    if (this.use) {
      // Nobody is asked for a PIN twice for one result.
      throw new RangeError(
        `Cannot use the module's answer: it tells the room of ${this.#doubtful} bytes as the length`,
      );
    }
    const { fn } = this.once;
    const words = (output: bigint) => {
      const length = frame.block.address(this.#length);
      return [this.#words[0]!, this.#input, word(this.#dataLength), output, length];
    };
    frame.block.setUlong(this.#length, 0);
    let rv = yield* beginAgain(frame, this, { fn, args: words(0n) });
    if (rv === CKR.OK) {
      this.active = true;
      const output = frame.asked(this.#length);
      rv = yield [{ fn, args: words(output.address) }];
      this.active = rv === CKR.BUFFER_TOO_SMALL;
      if (rv === CKR.OK) return output;
    }
    throw frame.failure(this.functions.once);
  }

  *#drive(frame: Frame, outcome: Outcome): Program<Bytes> {
    const { once } = this.functions;
    let output = this.#output;
    try {
      if (outcome && "error" in outcome) throw outcome.error;
      let rv = outcome ? outcome.rv : yield* beginAuthenticated(frame, this);
      if (rv !== CKR.OK) rv = yield* settle(frame, this, rv);
      for (let growths = 0; rv === CKR.BUFFER_TOO_SMALL; growths++) {
        this.active = true;
        if (growths === MAX_GROWTHS) throw frame.failure(once, rv);
        output = frame.grow(output, this.#length);
        const size = word(this.#dataLength);
        const session = this.use?.session ?? this.#words[0]!;
        const words = [session, this.#input, size, output.address, frame.block.address(this.#length)];
        const call = { fn: this.once.fn, args: words };
        rv = yield [call];
        this.active = false;
        if (this.use) this.use.active = rv === CKR.BUFFER_TOO_SMALL;
        // Some modules end the operation with the answer that the room is too small.
        if (rv === CKR.OPERATION_NOT_INITIALIZED) rv = yield* beginAgain(frame, this, call);
      }
      if (rv !== CKR.OK) throw frame.failure(once);
      if (frame.block.getUlong(this.#length) === this.#doubtful) output = yield* this.#measured(frame);
      if (this.use) yield* endUse(frame, this.use);
      return this.#result(frame.block, output);
    } catch (error) {
      yield* abandon(frame, this, this.#words[0]!);
      throw error;
    } finally {
      // The layout may be kept; the caller's data is not.
      this.args = null;
      this.#frame = null;
    }
  }
}

/** The caller's memory for the result, where C may write to it at once. */
function directly(frame: Frame, { data, into }: CryptoArgs, room: number): Uint8Array<ArrayBuffer> | null {
  if (!into || !frame.undisturbed) return null;
  const { memory } = into;
  // Not every module can read what it overwrites.
  if (memory.length < room || memory.buffer === data.buffer || plainAddress(memory) === null) return null;
  return memory as Uint8Array<ArrayBuffer>;
}

/** Bytes of a raw parameter that may be written again; -1 for others. An empty one has no place to be written to. */
function rawLength(parameter: Uint8Array | BuiltParameter): number {
  return parameter instanceof Uint8Array && parameter.length > 0 && parameter.length <= KEPT_PARAMETER
    ? parameter.length
    : -1;
}
