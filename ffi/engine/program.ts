/** The words of an operation: what it yields, what it is given, how it is run. */
import type { Asker } from "./question.ts";
import type { Frame } from "./frame.ts";
import type { CallGate } from "./gate.ts";
import type { SessionRegister } from "./session_register.ts";
import type { TokenTurn } from "./turn.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import type { Step } from "../workers/repeated_calls.ts";

export type { Step };

/** A question to the program's user, such as a PIN; its answer is found in {@linkcode Frame.answer}. */
export class Ask {
  /** Gives the answer, or a promise of it where the operation is driven asynchronously. */
  readonly question: (signal: AbortSignal | undefined) => unknown;
  /** Whether code of the user is asked, which may make calls of its own. */
  readonly isForUser: boolean;
  /** Runs a part in the context of the call that asks; `null` where it may run in any. */
  readonly within: ((part: () => void) => void) | null;

  /** Asks by calling `question`. */
  constructor(
    question: (signal: AbortSignal | undefined) => unknown,
    isForUser = false,
    within: ((part: () => void) => void) | null = null,
  ) {
    this.question = question;
    this.isForUser = isForUser;
    this.within = within;
  }
}

/** What a running operation yields, or its result. */
export type ProgramStep<T> = IteratorResult<Step | Ask, T>;

/**
 * A running operation, nearly always a generator: yields steps, is resumed with the CK_RV of the last call that ran,
 * returns the result.
 */
export interface Program<T> {
  /** Resumes it with a CK_RV; 0 at first. */
  next(rv: number): ProgramStep<T>;
  /**
   * Instead of `next(0)` where the calls of the first step are made in place, all of them at once and unseen: makes them
   * itself, leaves in the frame what came of them, and goes on.
   */
  begin?(): ProgramStep<T>;
  /** Throws an error at the step it yielded last. */
  throw(error: unknown): ProgramStep<T>;
  /** Itself, for `yield*`. */
  [Symbol.iterator](): Program<T>;
}

/**
 * An operation, written once. Up to its first step it runs when the call is made, so inputs are copied then. When it is
 * aborted, the reason is thrown at the step that was not finished; the steps it yields after that are its cleaning up.
 * Operations are declared once and get their inputs as `args`: making a generator function for each call is slow.
 */
export type Operation<T, A> = (frame: Frame, args: A) => Program<T>;

/** What an operation is given. */
export type ArgsOf<O extends (frame: Frame, args: never) => unknown> = Parameters<O>[1];

/**
 * The first step of an operation that takes what others wait for, such as a lock: until its turn comes it has taken
 * nothing, and where it is given up before, nothing has to be given back.
 */
export function* whenItsTurnComes({ inPlace }: Pick<Frame, "inPlace">): Program<void> {
  if (!inPlace) yield new Ask(() => undefined);
}

/** How an operation is run. */
export interface RunOptions<T> {
  /** Cancels it: see {@linkcode Engine.run}. */
  readonly signal?: AbortSignal | null | undefined;
  /** `"wait"` rejects an aborted operation only when its native call has returned. */
  readonly abort?: "now" | "wait" | undefined;
  /** Sees every call. */
  readonly observer?: CallObserver | null | undefined;
  /** The turns of the token, for an operation without a session. */
  readonly turn?: TokenTurn | null | undefined;
  /** Lets calls through. */
  readonly gate?: CallGate | null | undefined;
  /** Where the sessions of an operation without one are written down. */
  readonly register?: SessionRegister | null | undefined;
  /** Where the open question of an operation without a session is kept. */
  readonly asker?: Asker | null | undefined;
  /** Undoes what an aborted operation created. */
  readonly discard?: ((frame: Frame, value: T) => Program<unknown>) | undefined;
  /** Who counts the asynchronous operations that are waited for. */
  readonly caller?: Caller | undefined;
}

/** Who has asynchronous operations run. */
export interface Caller {
  /** How many of them somebody waits for. */
  pending: number;
}

/** Errors of the floor above, which knows them as classes. */
export interface EngineErrors {
  /** A call returned something else than CKR_OK; `args` is what its operation was given, `token` the token's label. */
  failure(rv: number, fn: string, args: unknown, token: string | undefined): Error;
  /** Nobody gave the PIN a function wants. */
  declined(fn: string, token: string | undefined): Error;
  /** A login without a PIN, on a token that has no other way to get it. */
  noPinPad(rv: number, fn: string, token: string | undefined): Error;
  /** A PIN without a character, for a token whose PINs have so many bytes at least; it was not given to the token. */
  emptyPin(least: number, fn: string, token: string | undefined): Error;
  /** A call in place on a session, or on the token that `turn` is of, that is busy with `operation`. */
  busy(operation: string, turn?: TokenTurn): Error;
}

/** Sees every native call of a module, for logs and traces. */
export interface CallObserver {
  /** Whether calls are made one by one, so that each has a time of its own. */
  readonly isExact?: boolean;
  /** Before a call that may be made; what it returns is handed to {@linkcode CallObserver.called}. */
  calling(call: NativeCall): unknown;
  /** After a call was made; `microseconds` is the time of the whole step where calls travelled together. */
  called(call: NativeCall, context: unknown, rv: number | bigint, microseconds: number): void;
  /** Instead of {@linkcode CallObserver.called}: the call was not made. */
  dropped?(context: unknown, reason: unknown): void;
}

/** Copies bytes that are the caller's. */
export type CopyBytes = (bytes: Uint8Array) => Uint8Array;

/** Arguments without anything that the caller may change. */
export type OwnArgs<A> = (args: A, copy: CopyBytes) => A;

const waiting = new WeakMap<object, unknown>();

/**
 * Lets calls of an operation wait before they are laid out. It must look at no input that may change later but through
 * `own`, and hold no secret that has to be overwritten when the call is given up. Others are laid out when they are made.
 */
export function mayWait<T, A>(operation: Operation<T, A>, own: OwnArgs<A> = (args) => args): void {
  waiting.set(operation, own);
}

/** Arguments of a call that has to wait; `null` where its operation is to be laid out now. `copies` takes the copies. */
export function argsToWait<T, A>(operation: Operation<T, A>, args: A, copies: Uint8Array[]): A | null {
  const own = waiting.get(operation) as OwnArgs<A> | undefined;
  if (!own) return null;
  return own(args, (bytes) => {
    const copy = new Uint8Array(bytes);
    copies.push(copy);
    return copy;
  });
}
