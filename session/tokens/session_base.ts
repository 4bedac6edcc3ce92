/** What every session can do whatever it is used for: its life, random numbers, operation state. */
import { setImmediate } from "node:timers";
import { TypedEventTarget } from "../../internal/events.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { checkUlong, viewBytes } from "../../ffi/memory/inputs.ts";
import { CKF, CKR } from "../../ffi/constants/mod.ts";
import { cancelBegun } from "../../ffi/operations/parts.ts";
import {
  closeSession,
  generateRandom,
  operationState,
  seedRandom,
  sessionInfo,
  setOperationState,
} from "../../ffi/operations/sessions.ts";
import { isAskedOn, unasked } from "../../ffi/engine/question.ts";
import { keyHandle } from "./crypto_args.ts";
import { DiscardHandleEvent } from "../core/discard_handle.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../errors.ts";
import { type SessionInfo, sessionInfoOf } from "../core/infos.ts";
import type { Module } from "./module.ts";
import type { Pkcs11Object } from "./object.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { SessionCore } from "../core/session_core.ts";
import { leave } from "../core/handle_pool.ts";
import type { Slot } from "./slot.ts";
import { faceOf } from "./faces.ts";

/** Events of a session. */
export interface SessionEvents {
  /** The session gives up its handle. */
  "discard-handle": DiscardHandleEvent;
}

/** Keys of an operation state that the token cannot save. */
export interface OperationStateOptions extends CallOptions {
  /** The key that encrypts or decrypts. */
  readonly encryptionKey?: Pkcs11Object | undefined;
  /** The key that signs or verifies. */
  readonly authenticationKey?: Pkcs11Object | undefined;
}

/** Answers of C_CloseSession that mean there is nothing left to close. */
const GONE: ReadonlySet<number> = new Set([
  CKR.OK,
  CKR.SESSION_HANDLE_INVALID,
  CKR.SESSION_CLOSED,
  CKR.DEVICE_REMOVED,
  CKR.TOKEN_NOT_PRESENT,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]);
/** CKF_MESSAGE_ENCRYPT to CKF_MESSAGE_VERIFY, CKF_FIND_OBJECTS, CKF_ENCRYPT to CKF_VERIFY_RECOVER. */
const ALL_OPERATIONS = 0x7f5e;
/** The flag of each operation in parts. */
const OPEN_FLAGS: Readonly<Record<string, number>> = {
  encryptor: CKF.ENCRYPT,
  decryptor: CKF.DECRYPT,
  digester: CKF.DIGEST,
  signer: CKF.SIGN,
  verifier: CKF.VERIFY,
};
/** C_GenerateRandom is asked for at most this many bytes. */
const MAX_RANDOM = 0x7fff_ffff;

/** The state behind a session, for the rooms of this floor. */
export let coreOf: (session: SessionBase) => SessionCore;

/** The part of {@linkcode Session} that has nothing to do with objects. */
export abstract class SessionBase extends TypedEventTarget<SessionEvents> {
  readonly #core: SessionCore;
  #closing: Promise<void> | null = null;

  static {
    coreOf = (session) => session.#core;
  }

  /** Sessions come from {@linkcode Slot.openSession} and {@linkcode Session.fromHandle}. */
  constructor(core: SessionCore) {
    super();
    this.#core = core;
  }

  /** The module (`gp11_session_get_module`). */
  get module(): Module {
    return faceOf(this.#core).slot.module;
  }

  /** The slot (`gp11_session_get_slot`). */
  get slot(): Slot {
    return faceOf(this.#core).slot;
  }

  /** The handle of the module, CK_SESSION_HANDLE (`gp11_session_get_handle`). */
  get handle(): bigint {
    return this.#core.handle;
  }

  /** Whether the session is closed, or will be when the running call ends. */
  get closed(): boolean {
    return this.#core.closed;
  }

  /** The state of the session, asked anew each time (`gp11_session_get_info`, C_GetSessionInfo). */
  async getInfo(options?: CallOptions): Promise<SessionInfo> {
    return sessionInfoOf(await this.#opened("read the session's information").run(sessionInfo, this.#args(), options));
  }

  /** {@linkcode SessionBase.getInfo} in place. */
  getInfoSync(options?: CallOptions): SessionInfo {
    return sessionInfoOf(this.#opened("read the session's information").runSync(sessionInfo, this.#args(), options));
  }

  /**
   * Random bytes of the token (C_GenerateRandom).
   *
   * @param length Bytes wanted.
   */
  async generateRandom(length: number, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#opened("generate random bytes").run(generateRandom, this.#lengthArgs(length), options);
  }

  /** {@linkcode SessionBase.generateRandom} in place. */
  generateRandomSync(length: number, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#opened("generate random bytes").runSync(generateRandom, this.#lengthArgs(length), options);
  }

  /** Mixes bytes into the token's random numbers (C_SeedRandom). */
  async seedRandom(data: BufferSource, options?: CallOptions): Promise<void> {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    await this.#opened("seed the random generator").run(seedRandom, args, options);
  }

  /** {@linkcode SessionBase.seedRandom} in place. */
  seedRandomSync(data: BufferSource, options?: CallOptions): void {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    this.#opened("seed the random generator").runSync(seedRandom, args, options);
  }

  /** Saves the state of the open multi-part operation (C_GetOperationState). */
  async getOperationState(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#opened("save the operation's state").run(operationState, this.#args(), options);
  }

  /** {@linkcode SessionBase.getOperationState} in place. */
  getOperationStateSync(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#opened("save the operation's state").runSync(operationState, this.#args(), options);
  }

  /** Restores a state that was saved (C_SetOperationState). */
  async setOperationState(state: BufferSource, options?: OperationStateOptions): Promise<void> {
    await this.#opened("restore the operation's state").run(
      setOperationState,
      this.#stateArgs(state, options),
      options,
    );
  }

  /** {@linkcode SessionBase.setOperationState} in place. */
  setOperationStateSync(state: BufferSource, options?: OperationStateOptions): void {
    this.#opened("restore the operation's state").runSync(setOperationState, this.#stateArgs(state, options), options);
  }

  /**
   * Ends operations that are active on the session, those whose object was lost too (C_SessionCancel of PKCS#11 3.0;
   * where the module has not got it, they are finished and what they give is thrown away).
   *
   * @param flags CKF_ flags of the operations; by default the one that is open in parts, or any the module knows of.
   */
  async cancelOperation(flags?: number, options?: CallOptions): Promise<void> {
    await this.#opened("cancel the session's operation").run(cancelBegun, this.#cancelArgs(flags), options);
    this.#core.lane.open = null;
  }

  /** {@linkcode SessionBase.cancelOperation} in place. */
  cancelOperationSync(flags?: number, options?: CallOptions): void {
    this.#opened("cancel the session's operation").runSync(cancelBegun, this.#cancelArgs(flags), options);
    this.#core.lane.open = null;
  }

  /** Resolves when no call runs or waits on the session. */
  async idle(): Promise<void> {
    this.#assertNotAsked("wait for the session");
    await this.#core.lane.idle();
    // Those who wait for the last calls learn of them first.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /**
   * Closes the session. The running call delivers its result; those that wait reject with SessionClosedError. The handle
   * is offered by `discard-handle` before it is closed with C_CloseSession. What fails is reported by the first call alone.
   */
  async close(): Promise<void> {
    this.#assertNotAsked("close the session");
    await this.#closed();
  }

  #closed(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    const closing = this.#close();
    this.#closing = closing.catch(() => {});
    return closing;
  }

  /**
   * {@linkcode SessionBase.close} in place.
   *
   * @throws {SessionBusyError} when a call runs; nothing is closed then
   */
  closeSync(): void {
    const core = this.#core;
    if (core.closed) return;
    if (core.lane.busy) throw new SessionBusyError("close the session", core.lane.open ?? "an asynchronous call");
    core.closed = true;
    this.#closing = Promise.resolve();
    try {
      if (!this.#discard(core.runSync(leave, { core }))) this.#checkClosed(core.runSync(closeSession, this.#args()));
    } finally {
      core.release();
    }
  }

  /** Closes the session, now or when the running call has ended. */
  [Symbol.dispose](): void {
    if (this.#core.lane.busy) {
      unasked(() => this.#closed()).catch(reportUncaught);
    } else {
      this.closeSync();
    }
  }

  /** Closes the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const core = this.#core;
    if (core.closed) return;
    core.closed = true;
    core.lane.dropWaiting(new SessionClosedError("run the call that was waiting"));
    try {
      await core.lane.idle();
      if (!this.#discard(await core.run(leave, { core }))) {
        this.#checkClosed(await core.run(closeSession, this.#args()));
      }
    } finally {
      core.release();
    }
  }

  /** Offers the handle, to the pool too if it is fit for it; returns whether somebody has claimed it. */
  #discard(fit: boolean): boolean {
    const core = this.#core;
    const event = new DiscardHandleEvent(core.handle);
    this.dispatchEvent(event);
    if (!event.claimed && fit && core.reusable && !core.module.closed) {
      core.module.pool?.offer(event, core.slot, core.readWrite);
    }
    core.lane.open = null;
    return event.claimed;
  }

  #checkClosed(rv: number): void {
    // A server that is away has closed its sessions.
    if (GONE.has(rv) || rv === CKR.DEVICE_ERROR && this.#core.module.backend.reconnect !== null) return;
    throw new Pkcs11Error(rv, "C_CloseSession");
  }

  #opened(action: string): SessionCore {
    this.#core.assertOpen(action);
    return this.#core;
  }

  /** Refuses what would wait for the question for a PIN within which it is called. */
  #assertNotAsked(action: string): void {
    if (isAskedOn(this.#core.lane)) throw new SessionBusyError(action, "the call that asks for a PIN");
  }

  #args(): { readonly session: bigint } {
    return { session: this.#core.handle };
  }

  #lengthArgs(length: number) {
    if (checkUlong(length, "a number of random bytes") > MAX_RANDOM) {
      throw new RangeError(`Cannot generate random bytes: ${length} is no integer from 0 to ${MAX_RANDOM}`);
    }
    return { session: this.#core.handle, length: Number(length) };
  }

  #stateArgs(state: BufferSource, options: OperationStateOptions | undefined) {
    return {
      session: this.#core.handle,
      state: viewBytes(state, "an operation state"),
      encryptionKey: this.#stateKey(options?.encryptionKey),
      authenticationKey: this.#stateKey(options?.authenticationKey),
    };
  }

  #stateKey(key: Pkcs11Object | undefined): bigint {
    return key === undefined ? 0n : keyHandle(this.#core, "restore the operation's state", key);
  }

  #cancelArgs(flags: number | undefined) {
    const { handle: session, lane } = this.#core;
    if (flags !== undefined) {
      return { session, flags: BigInt(checkUlong(flags, "flags of operations")), ifAny: false };
    }
    const open = lane.open === null ? undefined : OPEN_FLAGS[lane.open];
    return { session, flags: BigInt(open ?? ALL_OPERATIONS), ifAny: true };
  }
}
