/**
 * The call engine. An operation is a program that yields native calls; here it is driven, in place or on worker threads.
 * Calls on one session wait for each other in a lane; calls of one module are counted, so that it is never finalised
 * with one under way.
 */
import { CKR } from "../constants/mod.ts";
import { checkOptions } from "./aborts.ts";
import { nativeRuntime, runtimeInPlace } from "../runtime/runtime.ts";
import { type Cryptoki, invoke } from "../tables/cryptoki.ts";
import { Frame } from "./frame.ts";
import type { CallGate } from "./gate.ts";
import { Crowd, Lane } from "./lane.ts";
import type { CallOrder } from "./raw_calls.ts";
import { BlockPool } from "../memory/block_pool.ts";
import {
  argsToWait,
  Ask,
  type CallObserver,
  type EngineErrors,
  type Operation,
  type Program,
  type ProgramStep,
  type RunOptions,
  type Step,
} from "./program.ts";
import { overwrite, type Prepared, Run, type Waiting } from "./run.ts";
import { currentQuestion, laneOf, Question } from "./question.ts";
import { callsOf } from "../workers/repeated_calls.ts";
import { type JobDone, type NativeCall, type PendingJob, type WorkerPool, workerPool } from "../workers/worker_pool.ts";

const BLOCK_SIZE = 0x4000;
/** Calls that wait behind so many are laid out when their turn comes: the first ones wait for less than that takes. */
const LAID_OUT = 16;
/** Operations without a session that run at once: more than the worker threads take in one go. */
const CROWD = 64;

/** What a frame is told of the call that it is made for. */
type Place = Pick<Frame, "lane" | "asker" | "turn" | "within" | "refusals" | "register">;

/** Drives the operations of one module. */
export class Engine implements CallOrder {
  /** The module's functions. */
  readonly table: Cryptoki;
  /** Makes the errors this engine throws. */
  readonly errors: EngineErrors;
  readonly #blocks: BlockPool;
  readonly #blocksInPlace: BlockPool;
  /** That of the last operation in place, kept with its block for the next: one within another is rare. */
  #idle: Frame | null = null;
  readonly #lanes = new Map<bigint, Lane>();
  readonly #crowd = new Crowd(CROWD);
  readonly #pool: () => WorkerPool;
  readonly #drained: (() => void)[] = [];
  #inFlight = 0;

  /** An engine for a table of functions; `pool` gives the worker threads. */
  constructor(table: Cryptoki, errors: EngineErrors, pool: () => WorkerPool = workerPool) {
    this.table = table;
    this.errors = errors;
    this.#pool = pool;
    this.#blocks = new BlockPool(nativeRuntime(), table.abi, BLOCK_SIZE);
    this.#blocksInPlace = new BlockPool(runtimeInPlace(), table.abi, BLOCK_SIZE);
  }

  /** Operations that have been started and have not ended, whether anybody waits for them or not. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The lane of a session handle, shared by all who ask for it; give it back with {@linkcode Engine.releaseLane}. */
  lane(handle: bigint): Lane {
    let lane = this.#lanes.get(handle);
    if (!lane) this.#lanes.set(handle, lane = new Lane(handle));
    lane.users++;
    return lane;
  }

  /** The lane of a session handle, if anybody has asked for it. */
  knownLane(handle: bigint): Lane | undefined {
    return this.#lanes.get(handle);
  }

  /** Gives a lane back. */
  releaseLane(lane: Lane): void {
    if (--lane.users === 0 && this.#lanes.get(lane.handle) === lane) this.#lanes.delete(lane.handle);
  }

  /** Resolves when no operation is under way. */
  drained(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /**
   * Runs an operation in place. The signal is looked at before each native call.
   *
   * @throws what `errors.busy` makes when the lane is in use
   */
  runSync<T, A>(lane: Lane | null, operation: Operation<T, A>, args: A, options?: RunOptions<T>): T {
    let signal: AbortSignal | undefined;
    let observer: CallObserver | null = null;
    let turn = lane?.token ?? null;
    let gate: CallGate | null = null;
    let register = lane?.register ?? null;
    if (options) {
      checkOptions(options);
      register ??= options.register ?? null;
      turn ??= options.turn ?? null;
      signal = options.signal ?? undefined;
      signal?.throwIfAborted();
      observer = options.observer ?? null;
      gate = options.gate ?? null;
    }
    const place = lane && laneOf(lane, true);
    if (place?.busy) throw this.errors.busy(lane!.open ?? "an asynchronous call");
    const frame = this.#idle ?? new Frame(this, this.#blocksInPlace.take(), true);
    this.#idle = null;
    if (!frame.isClean) frame.reset();
    if (place !== null) place.inPlace = true;
    this.#inFlight++;
    try {
      frame.enter(lane, turn, register, args);
      frame.undisturbed = !signal && observer === null;
      const program = operation(frame, args);
      const isAlone = frame.undisturbed && gate === null && !turn?.isTakenFrom(frame);
      const first = isAlone && program.begin ? program.begin() : program.next(0);
      return first.done ? first.value : this.#drive(frame, program, first, gate, signal, observer);
    } finally {
      // Where the stack ends here, what follows is not called, and this is enough for others to go on.
      this.#idle ??= frame;
      this.#inFlight--;
      if (place !== null) place.inPlace = false;
      this.#leave(frame, place);
    }
  }

  /** The memory of the last operation in place, where the next of a session may begin in it at once. */
  idleFor(lane: Lane): Frame | null {
    const frame = this.#idle;
    if (frame === null || !frame.isClean || lane.question !== null || lane.busy || lane.token?.isTakenFrom(frame)) {
      return null;
    }
    return frame;
  }

  /**
   * Goes on with an operation whose first calls were made in that memory, unseen and one after the other.
   *
   * @param prepare Makes its arguments, and gives the step it goes on with.
   */
  goOn<T>(lane: Lane, program: Program<T>, prepare: (frame: Frame) => ProgramStep<T>): T {
    const frame = this.#idle!;
    this.#idle = null;
    lane.inPlace = true;
    this.#inFlight++;
    try {
      frame.enter(lane, lane.token, lane.register, null);
      frame.undisturbed = true;
      return this.#drive(frame, program, prepare(frame), null, undefined, null);
    } finally {
      this.#idle ??= frame;
      this.#inFlight--;
      lane.inPlace = false;
      this.#leave(frame, lane);
    }
  }

  /** Drives an operation in place from a step on. */
  #drive<T>(
    frame: Frame,
    program: Program<T>,
    first: ProgramStep<T>,
    gate: CallGate | null,
    signal: AbortSignal | undefined,
    observer: CallObserver | null,
  ): T {
    let step = first;
    while (!step.done) {
      const value = step.value;
      try {
        if (signal?.aborted) throw signal.reason;
        if (value instanceof Ask) {
          frame.answer = value.isForUser ? askInPlace(frame, value, signal) : value.question(signal);
          if (frame.answer instanceof Promise) {
            frame.answer.then(overwrite, () => {});
            throw new TypeError("Cannot wait for an answer in a synchronous call: the callback returned a promise");
          }
        } else {
          this.#callThrough(gate, value, frame, signal, observer);
        }
      } catch (error) {
        signal = undefined;
        step = program.throw(error);
        continue;
      }
      step = program.next(frame.rv);
    }
    return step.value;
  }

  /** An operation in place is over: its memory is overwritten, and who waits for it goes on. */
  #leave(frame: Frame, place: Lane | null): void {
    frame.reset();
    if (this.#idle !== frame) this.#blocksInPlace.give(frame.block);
    if (this.#inFlight === 0) this.#notifyDrained();
    place?.proceed();
  }

  /**
   * Runs an operation on worker threads. Aborted before it starts, the module is not called. Aborted while a native call
   * runs, it rejects at once (unless `abort` is `"wait"`), and the lane stays busy until the call has returned and what
   * it created is undone.
   */
  run<T, A>(lane: Lane | null, operation: Operation<T, A>, args: A, options: RunOptions<T> = {}): Promise<T> {
    const { signal } = options;
    try {
      checkOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    const room = lane === null ? this.#crowd : laneOf(lane, false);
    const turn = lane?.token ?? options.turn ?? null;
    const within = currentQuestion();
    const refusals = turn?.pins.refusals ?? 0;
    const register = lane?.register ?? options.register ?? null;
    const place = { lane, asker: options.asker ?? null, turn, within, refusals, register };
    let work: Prepared<T> | Waiting<T>;
    try {
      work = (room.waiting >= LAID_OUT ? this.#waiting(operation, args, place) : null) ??
        this.#prepare(operation, args, place);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      let run: Run<T>;
      try {
        run = new Run(this, room, work, options, resolve, reject);
      } catch (error) {
        // The signal takes no listener.
        this.givenUp(work);
        throw error;
      }
      room.add(run);
    });
  }

  #prepare<T, A>(operation: Operation<T, A>, args: A, place: Place): Prepared<T> {
    const frame = new Frame(this, this.#blocks.take(), false);
    frame.lane = place.lane;
    frame.asker = place.asker;
    frame.turn = place.turn;
    frame.within = place.within;
    frame.refusals = place.refusals;
    frame.register = place.register;
    frame.args = args;
    try {
      const program = operation(frame, args);
      return { frame, program, first: program.next(0) };
    } catch (error) {
      this.dropped(frame);
      throw error;
    }
  }

  #waiting<T, A>(operation: Operation<T, A>, args: A, place: Place): Waiting<T> | null {
    const copies: Uint8Array[] = [];
    const own = argsToWait(operation, args, copies);
    if (own === null) return null;
    const drop = () => {
      for (const copy of copies.splice(0)) copy.fill(0);
    };
    const prepare = () => {
      try {
        return this.#prepare(operation, own, place);
      } finally {
        drop();
      }
    };
    return { prepare, drop };
  }

  /** Hands a step of an operation to a worker thread. */
  submit(step: Step, frame: Frame, done: JobDone): PendingJob {
    return this.#pool().run(step, done, frame.block, frame.workKind);
  }

  /** An operation has started. */
  began(): void {
    this.#inFlight++;
  }

  /** An operation has ended: its memory is overwritten and kept for the next. */
  ended(frame: Frame | null): void {
    frame?.overwriteOutputs();
    if (frame) this.#blocks.give(frame.block);
    if (--this.#inFlight === 0) this.#notifyDrained();
  }

  /** Gives up an operation that never started. */
  givenUp<T>(work: Prepared<T> | Waiting<T>): void {
    if ("prepare" in work) work.drop();
    else this.dropped(work.frame);
  }

  /** Gives back the memory of an operation that never started. */
  dropped(frame: Frame): void {
    frame.whenDropped?.();
    // It was laid out with data of the caller, which would be kept alive with it.
    frame.block.kept = null;
    frame.overwriteOutputs();
    this.#blocks.give(frame.block);
  }

  #notifyDrained(): void {
    if (this.#drained.length === 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #callThrough(
    gate: CallGate | null,
    step: Step,
    frame: Frame,
    signal: AbortSignal | undefined,
    observer: CallObserver | null,
  ): void {
    if (gate === null) return this.#callInPlace(step, frame, signal, observer);
    if (!gate.enter()) {
      frame.rv = CKR.CRYPTOKI_NOT_INITIALIZED;
      frame.stopped = 0;
      return;
    }
    try {
      this.#callInPlace(step, frame, signal, observer);
    } finally {
      gate.leave();
    }
  }

  #callInPlace(step: Step, frame: Frame, signal: AbortSignal | undefined, observer: CallObserver | null): void {
    const { turn } = frame;
    if (turn?.isTakenFrom(frame)) throw this.errors.busy("a use of a key that wants it for itself", turn);
    const isWhole = turn?.isHeldBy(frame) ?? false;
    frame.rv = 0;
    const calls = callsOf(step);
    let index = 0;
    for (; index < calls.length; index++) {
      if (index > 0 && signal?.aborted && !isWhole) {
        frame.stopped = index;
        frame.interrupted = true;
        throw signal.reason;
      }
      const call = calls[index]!;
      const value = observer ? this.#observed(call, observer) : invoke(call.fn, call.args);
      if (typeof value === "number") {
        frame.rv = value;
        if (value !== 0) break;
      } else {
        frame.value = value ?? 0n;
      }
    }
    frame.stopped = index;
  }

  #observed(call: NativeCall, observer: CallObserver): number | bigint | undefined {
    const context = observer.calling(call);
    const started = performance.now();
    let value: number | bigint | undefined;
    try {
      value = invoke(call.fn, call.args);
    } catch (error) {
      observer.dropped?.(context, error);
      throw error;
    }
    observer.called(call, context, value ?? 0, (performance.now() - started) * 1000);
    return value;
  }
}

function askInPlace(frame: Frame, { question }: Ask, signal: AbortSignal | undefined): unknown {
  frame.within = currentQuestion();
  const open = new Question(frame);
  try {
    return open.run(() => question(signal));
  } finally {
    open.close(() => {});
  }
}
