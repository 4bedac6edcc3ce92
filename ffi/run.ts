/** One asynchronous operation: waits in its lane, is driven step by step on worker threads, can be aborted at any point. */
import { Ask, type Engine, type Program, type ProgramStep, type RunOptions, type Step } from "./engine.ts";
import type { Frame } from "./frame.ts";
import type { Lane, LaneEntry } from "./lane.ts";
import type { JobResult, PendingJob } from "./workers.ts";

type Progress<T> = ProgramStep<T>;

/** An asynchronous run of an operation whose first step is ready. */
export class Run<T> implements LaneEntry {
  readonly #engine: Engine;
  readonly #lane: Lane | null;
  readonly #frame: Frame;
  readonly #options: RunOptions<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  /** What is driven now: the operation, or what undoes it. */
  #program: Program<T> | Program<unknown>;
  #first: Progress<T> | null;
  #undoing = false;
  #started = false;
  #aborted = false;
  /** Whether the reason of the abort has been thrown into the program: what it still yields is its cleaning up. */
  #told = false;
  #job: PendingJob | null = null;
  #question: ((error: unknown) => void) | null = null;
  #unlisten: (() => void) | null = null;

  /** A run that starts when its lane lets it. */
  constructor(
    engine: Engine,
    lane: Lane | null,
    program: Program<T>,
    first: Progress<T>,
    frame: Frame,
    options: RunOptions<T>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#engine = engine;
    this.#lane = lane;
    this.#program = program;
    this.#first = first;
    this.#frame = frame;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Aborts when the signal does. */
  listen(signal: AbortSignal): void {
    const abort = () => this.#abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", abort);
  }

  /** Begins with the first step. */
  start(): void {
    this.#started = true;
    this.#engine.began();
    const first = this.#first!;
    this.#first = null;
    this.#proceed(first);
  }

  /** Gives the run up before it began. */
  drop(reason: unknown): void {
    this.#unlisten?.();
    this.#engine.dropped(this.#frame);
    this.#reject(reason);
  }

  #proceed(progress: Progress<unknown>): void {
    if (progress.done) return this.#finished(progress.value);
    if (this.#aborted && !this.#told) return this.#tell();
    if (progress.value instanceof Ask) return this.#ask(progress.value);
    this.#call(progress.value);
  }

  /** Resumes the program with the last CK_RV. */
  #next(): void {
    let progress: Progress<unknown>;
    try {
      progress = this.#program.next(this.#frame.rv);
    } catch (error) {
      return this.#failed(error);
    }
    this.#proceed(progress);
  }

  #throw(error: unknown): void {
    let progress: Progress<unknown>;
    try {
      progress = this.#program.throw(error);
    } catch (thrown) {
      return this.#failed(thrown);
    }
    this.#proceed(progress);
  }

  /** Throws the reason of the abort into the program, once. */
  #tell(): void {
    this.#told = true;
    this.#throw(this.#options.signal?.reason);
  }

  #call(step: Step): void {
    const { observer } = this.#options;
    if (!observer) {
      this.#job = this.#engine.submit(step, (result, error) => this.#called(result, error));
      return;
    }
    const contexts = step.map((call) => observer.calling(call));
    this.#job = this.#engine.submit(step, (result, error) => {
      const made = result ? Math.min(step.length, result.cancelled ? result.stopped : result.stopped + 1) : 0;
      for (let i = 0; i < made; i++) {
        observer.called(step[i]!, contexts[i], i === made - 1 ? result!.value : 0, result!.microseconds);
      }
      this.#called(result, error);
    });
  }

  #called(result: JobResult | null, error: Error | null): void {
    this.#job = null;
    if (!result) return this.#throw(error);
    const frame = this.#frame;
    frame.stopped = result.stopped;
    frame.interrupted = result.cancelled;
    if (typeof result.value === "number") {
      frame.rv = result.value;
      frame.value = 0n;
    } else {
      frame.rv = 0;
      frame.value = result.value;
    }
    if (this.#aborted && !this.#told && result.cancelled) return this.#tell();
    this.#next();
  }

  #ask(ask: Ask): void {
    let answered = false;
    const settle = (continuation: () => void) => {
      if (answered) return;
      answered = true;
      this.#question = null;
      continuation();
    };
    this.#question = () => settle(() => this.#tell());
    const answer = (value: unknown) =>
      settle(() => {
        this.#frame.answer = value;
        this.#next();
      });
    const refuse = (error: unknown) => settle(() => this.#throw(error));
    let value: unknown;
    try {
      value = ask.question(this.#options.signal);
    } catch (error) {
      return refuse(error);
    }
    Promise.resolve(value).then(answer, refuse);
  }

  #abort(reason: unknown): void {
    if (!this.#started) {
      if (this.#lane?.remove(this)) this.drop(reason);
      return;
    }
    this.#aborted = true;
    const job = this.#job;
    if (this.#options.abort !== "wait") this.#reject(reason);
    if (this.#question) return this.#question(reason);
    job?.cancel();
    if (this.#options.abort !== "wait") job?.abandon();
  }

  #finished(value: unknown): void {
    if (!this.#aborted) return this.#end(() => this.#resolve(value as T));
    if (!this.#undoing) {
      // The call came too late to be stopped: what it gave is undone.
      this.#undoing = this.#told = true;
      overwrite(value);
      const undo = this.#options.discard?.(this.#frame, value as T);
      if (undo) {
        this.#program = undo;
        this.#frame.rv = 0;
        return this.#next();
      }
    }
    this.#end(() => this.#reject(this.#options.signal?.reason));
  }

  #failed(error: unknown): void {
    // An aborted operation has one outcome, whatever its cleaning up met.
    this.#end(() => this.#reject(this.#aborted ? this.#options.signal?.reason : error));
  }

  /** Ends the run: the caller learns of it in a microtask, when the lane is free. */
  #end(settle: () => void): void {
    this.#unlisten?.();
    settle();
    this.#engine.ended(this.#frame);
    this.#lane?.finished(this);
  }
}

/** Overwrites the bytes of a result nobody waits for, wherever they stand in it. */
function overwrite(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0);
  else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) overwrite(part);
  }
}
