/**
 * The call engine. An operation is a program that yields native calls; here it is driven, in place or on worker threads.
 * Calls on one session wait for each other in a lane; calls of one module are counted, so that it is never finalised
 * with one under way.
 */
import { nativeRuntime } from "./backend.ts";
import { type Cryptoki } from "./cryptoki.ts";
import { Frame } from "./frame.ts";
import { Lane } from "./lane.ts";
import { BlockPool } from "./memory.ts";
import { type NativeCall, type PendingJob, type WorkerPool, workerPool } from "./workers.ts";

/** Calls to make in order, up to the first that does not return CKR_OK. */
export type Step = readonly NativeCall[];

/** A question to the program's user, such as a PIN; its answer is found in {@linkcode Frame.answer}. */
export class Ask {
  /** Gives the answer, or a promise of it where the operation is driven asynchronously. */
  readonly question: (signal: AbortSignal | undefined) => unknown;

  /** Asks by calling `question`. */
  constructor(question: (signal: AbortSignal | undefined) => unknown) {
    this.question = question;
  }
}

/** A running operation: yields steps, is resumed with the CK_RV of the last call that ran, returns the result. */
export type Program<T> = Generator<Step | Ask, T, number>;

/**
 * An operation, written once. Up to its first step it runs when the call is made, so inputs are copied then. When it is
 * aborted, the reason is thrown at the step that was not finished; the steps it yields after that are its cleaning up.
 * Operations are declared once and get their inputs as `args`: making a generator function for each call is slow.
 */
export type Operation<T, A> = (frame: Frame, args: A) => Program<T>;

/** How an operation is run. */
export interface RunOptions<T> {
  /** Cancels it: see {@linkcode Engine.run}. */
  readonly signal?: AbortSignal | undefined;
  /** `"wait"` rejects an aborted operation only when its native call has returned. */
  readonly abort?: "now" | "wait" | undefined;
  /** Sees every call. */
  readonly observer?: CallObserver | null | undefined;
  /** Undoes what an aborted operation created. */
  readonly discard?: ((frame: Frame, value: T) => Program<unknown>) | undefined;
}

/** Errors of the floor above, which knows them as classes. */
export interface EngineErrors {
  /** A call returned something else than CKR_OK. */
  failure(rv: number, fn: string): Error;
  /** A call in place on a session that is busy. */
  busy(lane: Lane): Error;
}

/** Sees every native call of a module, for logs. */
export interface CallObserver {
  /** Before a call that may be made; what it returns is handed to {@linkcode CallObserver.called}. */
  calling(call: NativeCall): unknown;
  /** After a call was made; `microseconds` is the time of the whole step where calls travelled together. */
  called(call: NativeCall, context: unknown, rv: number | bigint, microseconds: number): void;
}

const BLOCK_SIZE = 0x4000;

/** Drives the operations of one module. */
export class Engine {
  /** The module's functions. */
  readonly table: Cryptoki;
  /** Makes the errors this engine throws. */
  readonly errors: EngineErrors;
  readonly #blocks: BlockPool;
  readonly #lanes = new Map<bigint, Lane>();
  readonly #pool: () => WorkerPool;
  readonly #drained: (() => void)[] = [];
  #inFlight = 0;

  /** An engine for a table of functions; `pool` gives the worker threads. */
  constructor(table: Cryptoki, errors: EngineErrors, pool: () => WorkerPool = workerPool) {
    this.table = table;
    this.errors = errors;
    this.#pool = pool;
    this.#blocks = new BlockPool(nativeRuntime(), table.abi, BLOCK_SIZE);
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
    let signal = options?.signal;
    signal?.throwIfAborted();
    if (lane?.busy) throw this.errors.busy(lane);
    const frame = new Frame(this, this.#blocks.take(), true);
    const observer = options?.observer ?? null;
    if (lane) lane.inPlace = true;
    this.#inFlight++;
    try {
      const program = operation(frame, args);
      let step = program.next(0);
      while (!step.done) {
        const value = step.value;
        try {
          if (signal?.aborted) throw signal.reason;
          if (value instanceof Ask) {
            frame.answer = value.question(signal);
            if (frame.answer instanceof Promise) {
              frame.answer.catch(() => {});
              throw new TypeError("Cannot wait for an answer in a synchronous call: the callback returned a promise");
            }
          } else {
            this.#callInPlace(value, frame, signal, observer);
          }
        } catch (error) {
          signal = undefined;
          step = program.throw(error);
          continue;
        }
        step = program.next(frame.rv);
      }
      return step.value;
    } finally {
      if (lane) lane.inPlace = false;
      this.#ended(frame);
      lane?.proceed();
    }
  }

  /**
   * Runs an operation on worker threads. Aborted before it starts, the module is not called. Aborted while a native call
   * runs, it rejects at once (unless `abort` is `"wait"`), and the lane stays busy until the call has returned and what
   * it created is undone.
   */
  run<T, A>(lane: Lane | null, operation: Operation<T, A>, args: A, options: RunOptions<T> = {}): Promise<T> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const frame = new Frame(this, this.#blocks.take(), false);
    let program: Program<T>;
    let first: IteratorResult<Step | Ask, T>;
    try {
      program = operation(frame, args);
      first = program.next(0);
    } catch (error) {
      this.#blocks.give(frame.block);
      return Promise.reject(error);
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const run = new Run(this, program, frame, options, resolve, reject);
    const start = () => {
      this.#inFlight++;
      void run.drive(first).finally(() => {
        this.#ended(frame);
        if (lane) {
          lane.current = null;
          lane.proceed();
        }
      });
    };
    const drop = (reason: unknown) => {
      run.detach();
      this.#blocks.give(frame.block);
      reject(reason);
    };
    if (!lane) {
      run.attach(null);
      start();
    } else {
      const entry = { start, drop };
      run.attach(() => lane.remove(entry) && (drop(signal!.reason), true));
      lane.add(entry);
    }
    return promise;
  }

  /** Hands a step to a worker thread. */
  submit(step: Step): PendingJob {
    return this.#pool().run(step);
  }

  #callInPlace(step: Step, frame: Frame, signal: AbortSignal | undefined, observer: CallObserver | null): void {
    frame.rv = 0;
    let index = 0;
    for (; index < step.length; index++) {
      if (index > 0 && signal?.aborted) {
        frame.stopped = index;
        frame.interrupted = true;
        throw signal.reason;
      }
      const call = step[index]!;
      const value = observer ? this.#observed(call, observer) : invoke(call);
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
    const value = invoke(call);
    observer.called(call, context, value ?? 0, (performance.now() - started) * 1000);
    return value;
  }

  #ended(frame: Frame): void {
    this.#blocks.give(frame.block);
    if (--this.#inFlight === 0 && this.#drained.length > 0) {
      for (const resolve of this.#drained.splice(0)) resolve();
    }
  }
}

/** One asynchronous operation under way. */
class Run<T> {
  readonly #engine: Engine;
  readonly #program: Program<T>;
  readonly #frame: Frame;
  readonly #options: RunOptions<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  #aborted = false;
  #job: PendingJob | null = null;
  #interrupt: (() => void) | null = null;
  #onAbort: (() => void) | null = null;

  constructor(
    engine: Engine,
    program: Program<T>,
    frame: Frame,
    options: RunOptions<T>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#engine = engine;
    this.#program = program;
    this.#frame = frame;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Listens to the signal; `dequeue` takes the operation out of its lane while it waits there. */
  attach(dequeue: (() => boolean) | null): void {
    const { signal } = this.#options;
    if (!signal) return;
    this.#onAbort = () => dequeue?.() || this.#abort(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Stops listening. */
  detach(): void {
    if (this.#onAbort) this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = null;
  }

  /** Drives the program to its end; never rejects. */
  async drive(first: IteratorResult<Step | Ask, T>): Promise<void> {
    try {
      const value = await this.#finish(first, true);
      if (!this.#aborted) return this.#resolve(value);
      await this.#discard(value);
      this.#reject(this.#options.signal?.reason);
    } catch (error) {
      // An aborted operation has one outcome, whatever its cleaning up met.
      this.#reject(this.#aborted ? this.#options.signal?.reason : error);
    } finally {
      this.detach();
    }
  }

  async #finish(first: IteratorResult<Step | Ask, T>, abortable: boolean): Promise<T> {
    let step = first;
    while (!step.done) {
      if (abortable && this.#aborted) {
        abortable = false;
        step = this.#program.throw(this.#options.signal?.reason);
        continue;
      }
      try {
        if (step.value instanceof Ask) await this.#ask(step.value);
        else await this.#call(step.value);
        if (abortable && this.#aborted && this.#frame.interrupted) throw this.#options.signal?.reason;
      } catch (error) {
        if (this.#aborted) abortable = false;
        step = this.#program.throw(error);
        continue;
      }
      step = this.#program.next(this.#frame.rv);
    }
    return step.value;
  }

  async #call(step: Step): Promise<void> {
    const { observer } = this.#options;
    const contexts = observer ? step.map((call) => observer.calling(call)) : null;
    const job = this.#engine.submit(step);
    this.#job = job;
    const result = await job.done;
    this.#job = null;
    const frame = this.#frame;
    frame.stopped = result.stopped;
    frame.interrupted = result.cancelled;
    frame.rv = typeof result.value === "number" ? result.value : 0;
    frame.value = typeof result.value === "bigint" ? result.value : 0n;
    if (!observer || !contexts) return;
    const made = Math.min(step.length, result.cancelled ? result.stopped : result.stopped + 1);
    for (let i = 0; i < made; i++) {
      observer.called(step[i]!, contexts[i], i === made - 1 ? result.value : 0, result.microseconds);
    }
  }

  async #ask(ask: Ask): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.#interrupt = () => reject(this.#options.signal?.reason);
    try {
      this.#frame.answer = await Promise.race([ask.question(this.#options.signal), promise]);
    } finally {
      this.#interrupt = null;
    }
  }

  #abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#interrupt?.();
    this.#job?.cancel();
    if (this.#options.abort === "wait") return;
    this.#job?.abandon();
    this.#reject(reason);
  }

  async #discard(value: T): Promise<void> {
    if (value instanceof Uint8Array) value.fill(0);
    const undo = this.#options.discard?.(this.#frame, value);
    if (!undo) return;
    let step = undo.next(0);
    while (!step.done) {
      if (step.value instanceof Ask) throw new TypeError("Cannot ask while undoing an aborted operation");
      await this.#call(step.value);
      step = undo.next(this.#frame.rv);
    }
  }
}

/** Makes one call in place. */
function invoke(call: NativeCall): number | bigint | undefined {
  const a = call.args;
  const fn = call.fn.call;
  switch (a.length) {
    case 1:
      return fn(a[0]!);
    case 2:
      return fn(a[0]!, a[1]!);
    case 3:
      return fn(a[0]!, a[1]!, a[2]!);
    case 4:
      return fn(a[0]!, a[1]!, a[2]!, a[3]!);
    case 5:
      return fn(a[0]!, a[1]!, a[2]!, a[3]!, a[4]!);
    default:
      return fn(...a);
  }
}
