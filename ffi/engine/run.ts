/** One asynchronous operation: waits in its lane, is driven step by step on worker threads, can be aborted at any point. */
import { CKR } from "../constants/mod.ts";
import { type Abortable, listen, stopListening } from "./aborts.ts";
import type { Engine } from "./engine.ts";
import {
  Ask,
  type Caller,
  type CallObserver,
  type Program,
  type ProgramStep,
  type RunOptions,
  type Step,
} from "./program.ts";
import type { Frame } from "./frame.ts";
import { Question } from "./question.ts";
import type { LaneEntry, WaitingRoom } from "./lane.ts";
import { callsOf } from "../workers/repeated_calls.ts";
import type { JobDone, JobResult, NativeCall, PendingJob } from "../workers/worker_pool.ts";

type Progress<T> = ProgramStep<T>;

const REFUSED: JobResult = { value: CKR.CRYPTOKI_NOT_INITIALIZED, stopped: 0, cancelled: false, microseconds: 0 };

/** An operation laid out in native memory of its own, its first step ready. */
export interface Prepared<T> {
  /** Its memory. */
  readonly frame: Frame;
  /** The operation. */
  readonly program: Program<T>;
  /** Its first step. */
  readonly first: Progress<T>;
}

/** An operation that is laid out when its turn comes. */
export interface Waiting<T> {
  /** Lays it out; the inputs are needed no more. */
  prepare(): Prepared<T>;
  /** Gives the inputs up. */
  drop(): void;
}

/** An asynchronous run of an operation. */
export class Run<T> implements LaneEntry, Abortable {
  readonly #engine: Engine;
  readonly #room: WaitingRoom;
  readonly #options: RunOptions<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  /** What is to be driven, until it begins. */
  #work: Prepared<T> | Waiting<T> | null;
  #frame: Frame | null = null;
  /** What is driven now: the operation, or what undoes it. */
  #program: Program<T> | Program<unknown> | null = null;
  #undoing = false;
  #aborted = false;
  /** Whether the reason of the abort has been thrown into the program: what it still yields is its cleaning up. */
  #told = false;
  #job: PendingJob | null = null;
  #question: ((error: unknown) => void) | null = null;
  /** Who waits for it. */
  #caller: Caller | null;

  /** A run that starts when its turn comes. */
  constructor(
    engine: Engine,
    room: WaitingRoom,
    work: Prepared<T> | Waiting<T>,
    options: RunOptions<T>,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#engine = engine;
    this.#room = room;
    this.#work = work;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    if (options.signal) listen(options.signal, this);
    this.#caller = options.caller ?? null;
    if (this.#caller) this.#caller.pending++;
  }

  /** Begins with the first step. */
  start(): void {
    const work = this.#work!;
    this.#work = null;
    this.#engine.began();
    let prepared: Prepared<T>;
    try {
      prepared = "prepare" in work ? work.prepare() : work;
    } catch (error) {
      return this.#failed(error);
    }
    this.#frame = prepared.frame;
    this.#program = prepared.program;
    this.#proceed(prepared.first);
  }

  /** Gives the run up before it began. */
  drop(reason: unknown): void {
    this.#unlisten();
    this.#engine.givenUp(this.#work!);
    this.#refuse(reason);
  }

  /** The signal was aborted. */
  abort(reason: unknown): void {
    if (this.#work) {
      if (this.#room.remove(this)) this.drop(reason);
      return;
    }
    this.#aborted = true;
    const job = this.#job;
    const now = this.#options.abort !== "wait";
    if (now) this.#refuse(reason);
    if (this.#question) return this.#question(reason);
    const frame = this.#frame!;
    if (job === null && frame.turn?.withdraw(frame)) return this.#tell();
    // What belongs together on the token is not taken apart.
    if (!frame.turn?.isHeldBy(frame)) job?.cancel();
    if (!now) return;
    job?.abandon();
    this.#room.abandoned(this);
  }

  #unlisten(): void {
    if (this.#options.signal) stopListening(this.#options.signal, this);
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
      progress = this.#program!.next(this.#frame!.rv);
    } catch (error) {
      return this.#failed(error);
    }
    this.#proceed(progress);
  }

  #throw(error: unknown): void {
    let progress: Progress<unknown>;
    try {
      progress = this.#program!.throw(error);
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
    const frame = this.#frame!;
    const { turn } = frame;
    if (turn === null || turn.enter(frame)) this.#submit(step);
    else turn.wait(frame, () => this.#submit(step));
  }

  #submit(step: Step): void {
    const { observer, gate } = this.#options;
    if (gate && !gate.enter()) return this.#called(REFUSED, null);
    const done: JobDone = (result, error) => {
      gate?.leave();
      this.#called(result, error);
    };
    if (!observer) this.#job = this.#engine.submit(step, this.#frame!, done);
    else if (observer.isExact) this.#submitOne(callsOf(step), 0, observer, done);
    else this.#submitObserved(callsOf(step), observer, done);
  }

  #submitObserved(step: readonly NativeCall[], observer: CallObserver, done: JobDone): void {
    const contexts = step.map((call) => observer.calling(call));
    this.#job = this.#engine.submit(step, this.#frame!, (result, error) => {
      this.#tellObserver(step, contexts, result);
      done(result, error);
    });
  }

  /** Hands the calls of a step to a worker thread one by one, and stops where all of them together would. */
  #submitOne(step: readonly NativeCall[], index: number, observer: CallObserver, done: JobDone): void {
    const call = step[index]!;
    const context = observer.calling(call);
    this.#job = this.#engine.submit([call], this.#frame!, (result, error) => {
      if (result === null || result.cancelled) observer.dropped?.(context, error ?? this.#options.signal?.reason);
      else observer.called(call, context, result.value, result.microseconds);
      if (result === null) return done(null, error);
      const stops = result.cancelled || hasFailed(result);
      const made = stops ? index : index + 1;
      const isTakenApart = this.#aborted && !this.#frame!.turn?.isHeldBy(this.#frame!);
      if (stops || made === step.length) return done({ ...result, stopped: made }, null);
      if (isTakenApart) return done({ ...result, stopped: made, cancelled: true }, null);
      this.#submitOne(step, index + 1, observer, done);
    });
  }

  #tellObserver(step: readonly NativeCall[], contexts: readonly unknown[], result: JobResult | null): void {
    const made = result ? result.stopped + (hasFailed(result) ? 1 : 0) : 0;
    for (let i = 0; i < made; i++) {
      const value = i === made - 1 ? result!.value : 0;
      this.#options.observer!.called(step[i]!, contexts[i], value, result!.microseconds);
    }
  }

  #called(result: JobResult | null, error: Error | null): void {
    this.#job = null;
    this.#frame!.turn?.leave();
    if (!result) return this.#throw(error);
    const frame = this.#frame!;
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
    // Whoever answers may need calls of his own, and take his time: the place is another's meanwhile.
    this.#room.abandoned(this);
    let answered = false;
    let open: Question | null = null;
    const settle = (continuation: () => void) => {
      if (answered) return;
      answered = true;
      this.#question = null;
      if (open) open.close(continuation);
      else continuation();
    };
    const answer = (value: unknown) => {
      // A PIN that comes too late is used by nobody.
      if (answered) return overwrite(value);
      settle(() => {
        this.#frame!.answer = value;
        this.#next();
      });
    };
    const refuse = (error: unknown) => settle(() => this.#throw(error));
    // Whoever is asked learns when nobody waits for the answer any more.
    const over = ask.isForUser ? new AbortController() : null;
    const giveUp = (reason: unknown, continuation: () => void) => {
      if (answered) return;
      settle(continuation);
      over?.abort(reason);
    };
    this.#question = (reason) => giveUp(reason, () => this.#tell());
    const begin = () => {
      if (answered) return;
      let value: unknown;
      try {
        const question = () => ask.question(over?.signal);
        value = open ? open.run(question) : question();
      } catch (error) {
        return refuse(error);
      }
      Promise.resolve(value).then(answer, refuse);
    };
    try {
      if (over) open = new Question(this.#frame!, (reason) => giveUp(reason, () => this.#throw(reason)));
    } catch (error) {
      return refuse(error);
    }
    if (ask.within) ask.within(begin);
    else begin();
  }

  #finished(value: unknown): void {
    if (!this.#aborted) {
      this.#settled();
      this.#resolve(value as T);
      return this.#end();
    }
    if (!this.#undoing) {
      // The call came too late to be stopped: what it gave is undone.
      this.#undoing = this.#told = true;
      overwrite(value);
      const undo = this.#options.discard?.(this.#frame!, value as T);
      if (undo) {
        this.#program = undo;
        this.#frame!.rv = 0;
        return this.#next();
      }
    }
    this.#refuse(this.#options.signal?.reason);
    this.#end();
  }

  #failed(error: unknown): void {
    // An aborted operation has one outcome, whatever its cleaning up met.
    this.#refuse(this.#aborted ? this.#options.signal?.reason : error);
    this.#end();
  }

  #refuse(reason: unknown): void {
    this.#settled();
    this.#reject(reason);
  }

  /** Nobody waits for it any more. */
  #settled(): void {
    if (this.#caller) this.#caller.pending--;
    this.#caller = null;
  }

  /** Ends the run: the caller, whose promise is settled, learns of it in a microtask, when the lane is free. */
  #end(): void {
    this.#unlisten();
    this.#engine.ended(this.#frame);
    this.#room.finished(this);
  }
}

/** Overwrites the bytes of a result nobody waits for, wherever they stand in it. */
export function overwrite(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0);
  else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) overwrite(part);
  }
}

/** Whether the last of the calls that were made is one that failed. */
function hasFailed({ value }: JobResult): boolean {
  return typeof value === "number" && value !== CKR.OK;
}
