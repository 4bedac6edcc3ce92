/** What a session's verbs, objects and streams share and nobody else sees. */
import { checkOptions } from "../../ffi/engine/aborts.ts";
import type { Operation, RunOptions } from "../../ffi/engine/program.ts";
import type { Lane } from "../../ffi/engine/lane.ts";
import type { Asker, Question } from "../../ffi/engine/question.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";
import type { CallOptions } from "./call_options.ts";

/** A session while it is being opened, which asks for the PIN of its login and belongs to nobody yet. */
export class Opening implements Asker {
  /** The slot; `null` while it is looked for. */
  slot: bigint | null;
  /** The question for its PIN that is open. */
  question: Question | null = null;
  #reason: Error | null = null;

  /** A session that is about to be opened. */
  constructor(slot: bigint | null = null) {
    this.slot = slot;
  }

  /** Nobody will use the session: nobody is asked for a PIN any more, and a question that is open ends with the reason. */
  end(reason: Error): void {
    this.#reason ??= reason;
    this.question?.end(reason);
  }

  /** Throws why nobody will use the session. */
  assertWanted(): void {
    if (this.#reason !== null) throw this.#reason;
  }
}

/** The state of one open session. */
export class SessionCore {
  /** The module. */
  readonly module: ModuleCore;
  /** CK_SLOT_ID of its slot. */
  readonly slot: bigint;
  /** The handle. */
  readonly handle: bigint;
  /** The order of calls on the handle. */
  readonly lane: Lane;
  /** Whether it was opened for reading and writing, as far as is known. */
  readonly readWrite: boolean;
  /** The PIN the session was opened with, a copy: keys that want it for each use get it too. */
  readonly pin: Uint8Array | null;
  /** Whether the pool may keep the handle: nothing of its user is left in it. */
  reusable: boolean;
  /** Whether it is closed, or about to be. */
  closed = false;
  /** Whether it ended with the server of a remote module. */
  lost = false;
  /** What else belongs to it, which only the floor above knows. */
  context: object | null = null;
  /** The session itself, to close it together with its module. */
  session: { close(): Promise<void>; closeSync(): void } | null = null;
  #asksNobody = false;

  #whenClosed: Set<() => void> | null = null;

  /** The state of an open session. */
  constructor(
    module: ModuleCore,
    slot: bigint,
    handle: bigint,
    options: Pick<SessionCore, "readWrite" | "pin" | "reusable">,
  ) {
    this.module = module;
    this.slot = slot;
    this.handle = handle;
    this.readWrite = options.readWrite;
    this.pin = options.pin;
    this.reusable = options.reusable;
    this.lane = module.engine.lane(handle);
    this.lane.token = module.turn(slot);
    this.lane.register ??= module.backend.register;
    module.sessions.add(this);
  }

  /** It is closed, or about to be: whoever waits for something else than the module is told. */
  close(): void {
    this.closed = true;
    const told = this.#whenClosed;
    this.#whenClosed = null;
    for (const each of told ?? []) each();
  }

  /** Calls a function once the session is closed; what is returned ends that. */
  onClose(told: () => void): () => void {
    (this.#whenClosed ??= new Set()).add(told);
    return () => void this.#whenClosed?.delete(told);
  }

  /** The server of the module went away, and the session with it. */
  lose(): void {
    this.lost = true;
    this.close();
    this.lane.open = null;
    this.lane.failed = null;
    this.lane.unused = null;
    this.lane.begun.clear();
    this.release();
  }

  /** Throws where the session, and with it its objects, was lost with the server of the module. */
  assertNotLost(action: string): void {
    if (!this.lost) return;
    throw new Pkcs11Error(CKR.SESSION_HANDLE_INVALID, "C_GetSessionInfo", {
      action,
      hint: "The module's server went away and is back: open a new session and find the objects again.",
    });
  }

  /** Throws unless the session can be used. */
  assertOpen(action: string): void {
    if (this.lost || this.closed) this.#refuse(action);
  }

  /** Throws unless an operation that would disturb an open multi-part operation can begin. */
  assertFree(action: string): void {
    if (this.lost || this.closed || this.lane.open !== null) this.#refuse(action);
  }

  #refuse(action: string): never {
    this.assertNotLost(action);
    if (this.closed) throw new SessionClosedError(action);
    throw new SessionBusyError(action, `an open ${this.lane.open}`);
  }

  /** Runs an operation in place. */
  runSync<T, A>(operation: Operation<T, A>, args: A, options?: CallOptions): T {
    return this.module.runSync(this.lane, operation, args, this.#stillOpen(options));
  }

  /** Runs an operation on a worker thread, after those that wait before it. */
  run<T, A>(
    operation: Operation<T, A>,
    args: A,
    options?: CallOptions,
    discard?: RunOptions<T>["discard"],
  ): Promise<T> {
    return this.module.run(this.lane, operation, args, this.#stillOpen(options), discard);
  }

  /** The options of a call, read: they and the arguments may have getters, and those may have closed the session. */
  #stillOpen(options: CallOptions | undefined): CallOptions | undefined {
    const own = options === undefined ? undefined : checkOptions(options);
    if (this.closed) this.#refuse("make the call");
    return own;
  }

  /** Ends a question for a PIN that is open: the session is closed, and whoever is asked may never answer. */
  endQuestion(): void {
    const { question } = this.lane;
    question?.inner?.dropWaiting(new SessionClosedError("run the call that was waiting"));
    question?.end(new SessionClosedError("wait for a PIN"));
  }

  /** Who uses the session may finish with it, but nobody is asked for a PIN any more: whoever is may never answer. */
  askNobody(): void {
    this.#asksNobody = true;
    this.endQuestion();
  }

  /** Throws where nobody would end a question for a PIN. */
  assertAsks(): void {
    this.assertOpen("ask for a PIN");
    if (this.#asksNobody) throw new SessionClosedError("ask for a PIN");
  }

  /** The session's place is given up: no wrapper uses it any more. */
  release(): void {
    forgetPin(this.pin);
    if (this.module.sessions.delete(this)) this.module.engine.releaseLane(this.lane);
  }
}
