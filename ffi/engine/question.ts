/**
 * Questions that an operation asks its user, such as for a PIN. Nothing has begun on the session then, so whoever is asked
 * may use it: his calls run inside the one that asks, which would wait for itself if they came after it.
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "../../internal/builtin_modules.ts";
import type { Engine } from "./engine.ts";
import type { Frame } from "./frame.ts";
import { Lane } from "./lane.ts";
import type { TokenTurn } from "./turn.ts";

/** What is asked where this code runs, from the innermost question outwards; made when the first one is asked. */
let asked: AsyncLocalStorage<Question> | null = null;

/** Where a question is asked: a session's order of calls, or a session that is being opened. */
export interface Asker {
  /** The question that is open. */
  question: Question | null;
}

/** A question that is open. */
export class Question {
  /** The question within which this one is asked. */
  readonly outer: Question | undefined;
  /** The order of calls that whoever is asked makes on the session. */
  readonly inner: Lane | null;
  /** Makes its call fail with a reason instead of waiting for an answer; whoever is asked may never give one. */
  readonly end: (reason: unknown) => void;
  readonly #frame: Frame;
  readonly #asker: Asker | null;
  #isOpen = true;
  #isOver = false;

  /**
   * Opens a question of an operation.
   *
   * @throws what `errors.busy` makes when the same token asks already: nobody would ever answer
   */
  constructor(frame: Frame, end: (reason: unknown) => void = () => {}) {
    this.#frame = frame;
    this.#asker = frame.lane ?? frame.asker;
    this.end = end;
    this.outer = frame.within;
    for (let question = this.outer; question !== undefined; question = question.outer) {
      if (!question.#isOver && frame.turn !== null && question.#frame.turn === frame.turn) {
        throw frame.engine.errors.busy("a question for its PIN", frame.turn);
      }
    }
    this.inner = frame.lane && new Lane(frame.lane.handle);
    if (this.inner) this.inner.token = frame.turn;
    if (this.#asker) this.#asker.question = this;
  }

  /** Asks; calls that are made meanwhile, and in what follows from it, know of the question. */
  run(ask: () => unknown): unknown {
    asked ??= new builtin.asyncHooks.AsyncLocalStorage();
    return asked.run(this, ask);
  }

  /** Whether it waits for an answer. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether its operation runs in place. */
  get isInPlace(): boolean {
    return this.#frame.inPlace;
  }

  /** The token that its operation is for, where that has one. */
  get token(): TokenTurn | null {
    return this.#frame.turn ?? this.#frame.lane?.token ?? null;
  }

  /** The engine of its operation. */
  get engine(): Engine {
    return this.#frame.engine;
  }

  /** Goes on when the question is answered and the calls made on the session meanwhile have ended. */
  close(proceed: () => void): void {
    this.#isOpen = false;
    if (this.#asker?.question === this) this.#asker.question = null;
    const over = () => {
      this.#isOver = true;
      proceed();
    };
    if (this.inner?.busy) void this.inner.idle().then(over);
    else over();
  }
}

function* chain(question: Question | undefined): Generator<Question> {
  for (let at = question; at !== undefined; at = at.outer) if (at.isOpen) yield at;
}

/** The question within which this code runs. */
export function currentQuestion(): Question | undefined {
  return asked?.getStore();
}

/** The order a call on a session belongs in: that of the question within which it is made, if the session asks one. */
export function laneOf(lane: Lane, inPlace: boolean): Lane {
  const { question } = lane;
  if (question === null || question.inner === null) return lane;
  // A call in place cannot wait for what happens on worker threads meanwhile.
  if (question.isInPlace && !inPlace) return lane;
  for (const known of chain(currentQuestion())) if (known === question) return laneOf(question.inner, inPlace);
  return lane;
}

/** Whether this code was asked for a PIN by the session: what waits for the session's calls would wait for itself. */
export function isAskedOn(lane: Lane): boolean {
  return laneOf(lane, true) !== lane;
}

/** Whether this code was asked for a PIN by an operation of the engine. */
export function isAskedBy(engine: Engine): boolean {
  for (const question of chain(currentQuestion())) if (question.engine === engine) return true;
  return false;
}

/** Whether this code was asked for the PIN of a token: what waits for that token would wait for itself. */
export function isAskedFor(token: TokenTurn): boolean {
  for (const question of chain(currentQuestion())) if (question.token === token) return true;
  return false;
}

/** Runs code that waits for nothing, outside of every question. */
export function unasked<T>(body: () => T): T {
  return asked === null ? body() : asked.exit(body);
}
