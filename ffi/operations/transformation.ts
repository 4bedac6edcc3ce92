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
import type { WrittenMechanism } from "../memory/mechanisms.ts";
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
import { CallPair, type Outcome } from "./call_pair.ts";
import type { AuthenticatedUse } from "../engine/active.ts";
import { type KeyAuthentication, mayAsk, mayRunCaller } from "./authentication.ts";
import { wantsFit } from "./key_checks.ts";
import { endUse } from "./key_use.ts";
import { MAX_GROWTHS } from "./output.ts";

type Bytes = Uint8Array<ArrayBuffer>;
/** Layouts larger than this are not kept. */
const KEPT_BYTES = 0x2000;
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
export class Transformation extends CallPair implements Program<Bytes>, Beginning {
  args: CryptoArgs | null;
  readonly mechanism: WrittenMechanism;
  readonly init: Beginning["init"];
  once: NativeCall;
  readonly both: readonly NativeCall[];
  readonly asks: boolean;
  paired = true;
  active = false;
  use: AuthenticatedUse | null = null;
  /** The length of a result that is not to be believed; -1 where there is none. */
  readonly #doubtful: number;
  readonly #output: Output;
  readonly #length: number;
  /** Words of the second call. */
  readonly #words: bigint[];
  readonly #workKind: number;
  readonly #firstStep: ProgramStep<Bytes>;
  #frame: Frame | null;
  #begun = false;
  /** Drives everything but the common case. */
  #rest: Program<Bytes> | null = null;

  /** Lays the calls out. */
  constructor(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, room: number, known: boolean) {
    const { session, data } = args;
    const { block, table } = frame;
    const fresh = block.isFresh;
    const small = data.length + room < KEPT_BYTES;
    const asks = mayRunCaller(args.authentication) || wantsFit(args);
    const mechanism = mechanismOf(frame, args, functions);
    const input = small ? block.putBytes(data) : 0;
    // What is decrypted comes as a ciphertext.
    const address = small ? block.address(input) : frame.input(data, asks, functions.kind !== "decrypt");
    const output = frame.output(room, asks ? null : directly(frame, args, room));
    const length = frame.ulong(room);
    const words = [session, address, word(data.length), output.address, block.address(length)];
    const begun = beginning(frame, args, functions, mechanism, { fn: frame.fn(functions.onceIndex), args: words });
    super(args, functions, begun.both, { block, table, mechanism, input, output: output.offset, length, room, known });
    this.args = args;
    this.mechanism = mechanism;
    this.init = begun.init;
    this.once = begun.once;
    this.both = begun.both;
    this.asks = begun.asks;
    this.#doubtful = known ? -1 : room;
    this.#output = output;
    this.#length = length;
    this.#words = words;
    this.#workKind = frame.workKind;
    this.#firstStep = { done: false, value: begun.both };
    this.#frame = frame;
    if (fresh && small && this.isPlain && !this.asks) block.kept = this;
  }

  /** Takes the next operation in, where it differs from the last in nothing but bytes, session and key. Returns whether it does. */
  repeats(frame: Frame, args: CryptoArgs, functions: CryptoFunctions, room: number): boolean {
    const { key, traits, mechanism, data, authentication } = args;
    if (
      functions !== this.functions || room !== this.room || mayAsk(authentication) ||
      !this.takes(key, traits, mechanism.type, mechanism.parameter, data, -1)
    ) return false;
    this.#renew(frame, args);
    return true;
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

  begin(): ProgramStep<Bytes> {
    this.#begun = true;
    if (this.asks) return this.#proceed(null);
    const { session, key } = this.args!;
    this.make(session, key);
    return this.#made(this.#frame!, this.takeOutcome());
  }

  /**
   * Goes on after {@linkcode CallPair.repeat}.
   *
   * @param ask Whom to ask for the PIN of the key; called where the token wants one, as code of the caller may be asked for it.
   */
  proceed(
    frame: Frame,
    rest: Pick<CryptoArgs, "session" | "traits" | "data" | "into">,
    ask: () => KeyAuthentication | null,
  ): ProgramStep<Bytes> {
    let outcome = this.takeOutcome();
    let authentication: KeyAuthentication | null = null;
    try {
      if (outcome !== null && "rv" in outcome && outcome.rv === CKR.USER_NOT_LOGGED_IN) authentication = ask();
    } catch (error) {
      outcome = { error };
    }
    const args = { ...rest, key: this.takenKey, mechanism: this.takenMechanism, authentication };
    frame.args = args;
    this.#renew(frame, args);
    this.#begun = true;
    return this.#made(frame, outcome);
  }

  /** Goes on after calls that were made unseen. */
  #made(frame: Frame, outcome: Outcome | null): ProgramStep<Bytes> {
    if (outcome === null) return this.#succeeded(frame.block);
    frame.rv = "rv" in outcome ? outcome.rv : 0;
    frame.stopped = "rv" in outcome ? outcome.stopped : 0;
    return this.#proceed(outcome);
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
    const { block, stopped } = this.#frame!;
    return this.#isResult(block, rv) ? this.#succeeded(block) : this.#proceed({ rv, stopped });
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

  #proceed(outcome: Outcome | null): ProgramStep<Bytes> {
    const frame = this.#frame!;
    this.#rest = this.#drive(frame, outcome);
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
      const [session, input, size] = this.#words;
      return [session!, input!, size!, output, length];
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

  *#drive(frame: Frame, outcome: Outcome | null): Program<Bytes> {
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
        const [own, input, size, , length] = this.#words;
        const call = { fn: this.once.fn, args: [this.use?.session ?? own!, input!, size!, output.address, length!] };
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
