/** Raw calls on worker threads, for doors that drive no operation: memory of their own, in the order of their session. */
import { inspectable } from "../../internal/inspection.ts";
import type { BoundFunction, Cryptoki } from "../tables/cryptoki.ts";
import type { FunctionName } from "../tables/functions.ts";
import { CKR } from "../constants/ckr.ts";
import type { Block } from "../memory/block.ts";
import { type NativeCall, type PendingJob, workerPool } from "../workers/worker_pool.ts";
import { Lane, type LaneEntry } from "./lane.ts";

/** Who keeps the order of each session's calls, and counts what is under way. */
export interface CallOrder {
  /** The lane of a session handle, to be given back. */
  lane(handle: bigint): Lane;
  /** Gives a lane back. */
  releaseLane(lane: Lane): void;
  /** The lane of a session handle, if there is one. */
  knownLane(handle: bigint): Lane | undefined;
  /** A call is made. */
  began(): void;
  /** It has returned. */
  ended(frame: null): void;
}

/** The order of those who share it with nobody. */
class OwnOrder implements CallOrder {
  readonly #lanes = new Map<bigint, Lane>();

  lane(handle: bigint): Lane {
    let lane = this.#lanes.get(handle);
    if (!lane) this.#lanes.set(handle, lane = new Lane(handle));
    lane.users++;
    return lane;
  }

  releaseLane(lane: Lane): void {
    if (--lane.users === 0) this.#lanes.delete(lane.handle);
  }

  knownLane(handle: bigint): Lane | undefined {
    return this.#lanes.get(handle);
  }

  began(): void {}

  ended(): void {}
}

/** Told the CK_RV of a call that has returned, or the error of a worker thread that died. */
export type RawCallDone = (rv: number, error: Error | null) => void;

/** One call on a worker thread. */
class RawCall implements LaneEntry, NativeCall {
  readonly fn: BoundFunction;
  readonly args: readonly bigint[];
  readonly #order: CallOrder;
  readonly #lane: Lane | null;
  readonly #block: Block | null;
  readonly #done: RawCallDone;
  #job: PendingJob | null = null;

  constructor(
    order: CallOrder,
    lane: Lane | null,
    fn: BoundFunction,
    args: readonly bigint[],
    block: Block | null,
    done: RawCallDone,
  ) {
    this.fn = fn;
    this.args = args;
    this.#order = order;
    this.#lane = lane;
    this.#block = block;
    this.#done = done;
  }

  /** Makes the call. */
  start(): void {
    this.#order.began();
    this.#job = workerPool().run(
      [this],
      (result, error) => this.#ended(Number(result?.value ?? 0), error),
      this.#block,
    );
  }

  /** Gives the call up before it was made. */
  drop(reason: unknown): void {
    if (this.#lane) this.#order.releaseLane(this.#lane);
    this.#done(0, reason as Error);
  }

  /** Waits in place until it has returned. */
  finish(): void {
    this.#job?.finish();
  }

  #ended(rv: number, error: Error | null): void {
    this.#done(rv, error);
    this.#order.ended(null);
    if (this.#lane === null) return;
    this.#lane.finished(this);
    this.#order.releaseLane(this.#lane);
  }
}

/** Calls on worker threads by whoever keeps their order. */
export class OrderedCalls {
  readonly #order: CallOrder;

  /** Calls in an order, which is what others who use the same sessions go by too. */
  constructor(order: CallOrder) {
    this.#order = order;
  }

  /** Makes a call in a lane that is kept; `done` is told before its next call is made. */
  start(fn: BoundFunction, words: readonly bigint[], block: Block | null, lane: Lane | null, done: RawCallDone): void {
    const call = new RawCall(this.#order, lane, fn, words, block, done);
    if (lane === null) return call.start();
    lane.users++;
    lane.add(call);
  }

  /**
   * Waits in place until every raw call of a session has returned, so that the next one can be made in place.
   *
   * @returns Whether the session is free: false where an operation of somebody else is under way in it.
   */
  finish(session: bigint): boolean {
    const lane = this.#order.knownLane(session);
    while (lane?.busy) {
      if (!(lane.current instanceof RawCall)) return false;
      lane.current.finish();
    }
    return true;
  }
}

/** What a raw call works with besides its words. */
export interface RawCallOptions {
  /** The session it works with: calls of one session are made one after the other, in the order they came. */
  readonly session?: bigint | undefined;
}

/**
 * Raw calls of one module on worker threads: a function, its words, and the block that holds everything the words point
 * to. The block is the call's own until it has returned: nobody else may write to it, and it is not collected meanwhile.
 *
 * @example Draw random bytes without holding up the event loop
 * ```ts
 * import { Block, Cryptoki, nativeAbi, nativeRuntime, RawCalls } from "@gp11/gp11/ffi";
 *
 * async function random(module: Cryptoki, session: bigint, length: number): Promise<Uint8Array> {
 *   const block = new Block(nativeRuntime(), nativeAbi(), 1024);
 *   const room = block.alloc(length);
 *   const words = [session, block.address(room), BigInt(length)];
 *   const rv = await new RawCalls(module).call("C_GenerateRandom", words, block, { session });
 *   if (rv !== 0) throw new Error(`C_GenerateRandom answered ${rv}`);
 *   return block.copyOut(room, length);
 * }
 * ```
 */
export class RawCalls {
  readonly #table: Cryptoki;
  readonly #order = new OwnOrder();
  readonly #calls = new OrderedCalls(this.#order);

  /** Calls of a module. */
  constructor(table: Cryptoki) {
    this.#table = table;
  }

  /**
   * Calls a function by its C name on a worker thread. A function the module lacks answers CKR.FUNCTION_NOT_SUPPORTED and
   * is never called.
   *
   * @param words Its words, as many as it has parameters.
   * @param block What the words point to; with `null` they point to nothing.
   * @returns Its CK_RV, once it has returned.
   * @throws {TypeError} When the number of words is not the function's.
   */
  call(
    name: FunctionName,
    words: readonly bigint[],
    block: Block | null,
    options: RawCallOptions = {},
  ): Promise<number> {
    const fn = this.#table.get(name);
    if (fn === null) return Promise.resolve(CKR.FUNCTION_NOT_SUPPORTED);
    if (words.length !== fn.arity) {
      return Promise.reject(
        new TypeError(`Cannot call ${name}: it takes ${fn.arity} arguments, got ${words.length}`),
      );
    }
    return new Promise((resolve, reject) => {
      const done: RawCallDone = (rv, error) => error === null ? resolve(rv) : reject(error);
      const lane = options.session === undefined ? null : this.#order.lane(options.session);
      this.#calls.start(fn, words, block, lane, done);
      if (lane !== null) this.#order.releaseLane(lane);
    });
  }

  /** Waits in place until every call of a session that was made here has returned. */
  finish(session: bigint): void {
    this.#calls.finish(session);
  }
}

inspectable(RawCalls, "RawCalls");
