/** Sessions: where keys are found, made and used. */
import { builtin } from "../../internal/builtin_modules.ts";
import { TypedEventTarget } from "../../internal/events.ts";
import { plainPortrait, shownAs } from "../../internal/inspection.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import type { AttributeType, UserType } from "../../ffi/constants/mod.ts";
import { isAskedOn, unasked } from "../../ffi/engine/question.ts";
import { type BytesInput, copyBytes, viewBytes } from "../../ffi/memory/inputs.ts";
import {
  DECRYPT,
  decrypt,
  DIGEST,
  digest,
  ENCRYPT,
  encrypt,
  SIGN,
  sign,
  signRecover,
  verify,
  verifyRecover,
} from "../../ffi/operations/crypto.ts";
import {
  decapsulateKey,
  deriveKey,
  type Encapsulated,
  encapsulateKey,
  generateKey,
  generateKeyPair,
  type KeyPairHandles,
  unwrapKey,
  wrapKey,
} from "../../ffi/operations/keys.ts";
import { decryptMany, digestMany, encryptMany, signMany, verifyMany } from "../../ffi/operations/many.ts";
import { decryptMessage, encryptMessage } from "../../ffi/operations/messages.ts";
import { copyObject, createObject, discardObjects, findObjects, type Found } from "../../ffi/operations/objects.ts";
import { cancelBegun } from "../../ffi/operations/parts.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import {
  generateRandom,
  initPin,
  operationState,
  seedRandom,
  sessionInfo,
  setOperationState,
  setPin,
} from "../../ffi/operations/sessions.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import type { TemplateInput } from "../attributes/attributes_init.ts";
import type { CallOptions, IntoOptions, ResultOptions } from "../core/call_options.ts";
import { destination, resultLater, resultOf } from "../core/into.ts";
import { assertRoom } from "../../ffi/engine/frame.ts";
import { type SessionInfo, sessionInfoOf } from "../core/infos.ts";
import { countedLogin, countedLogout } from "../core/logins.ts";
import { SessionCore } from "../core/session_core.ts";
import { SessionBusyError } from "../errors.ts";
import { importCertificate, importKey, importKeyPair } from "../keys/create_keys.ts";
import { type KeyInput, withKey, withKeySync } from "../keys/forms/read_key.ts";
import { chainOf } from "../keys/partners.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import {
  cryptoArgs,
  digestArgs,
  digestManyArgs,
  manyArgs,
  messageArgs,
  transformed,
  verifyArgs,
  verifyManyArgs,
} from "./crypto_args.ts";
import { contextOf, revealCore, setContext } from "./session_contexts.ts";
import {
  certificateArgs,
  checkEncapsulation,
  describeMatch,
  encapsulation,
  importArgs,
  importPairArgs,
  lacksLogin,
  mayBeHidden,
  objectArgs,
  onlyOne,
  sharedKey,
} from "./form_args.ts";
import {
  copyArgs,
  createArgs,
  decapsulateArgs,
  deriveArgs,
  destroyLate,
  eachObject,
  eachObjectSync,
  findArgs,
  generateArgs,
  pairArgs,
  unwrapArgs,
  wrapArgs,
} from "./key_args.ts";
import type { Module } from "./module.ts";
import { Pkcs11Object } from "./object.ts";
import type {
  DataInput,
  EncapsulatedKey,
  EncapsulateOptions,
  FindAndReadOptions,
  FindOptions,
  FromHandleOptions,
  ImportKeyOptions,
  LoginOptions,
  MessageOptions,
  OpenSessionOptions,
  OperationStateOptions,
  Pin,
  PinCallback,
  Pkcs11KeyPair,
  SessionEvents,
  WrapOptions,
} from "./options.ts";
import {
  type Decryptor,
  type Digester,
  type Encryptor,
  newDecryptor,
  newDigester,
  newEncryptor,
  newPartsSigner,
  newPartsVerifier,
  type PartsSigner,
  type PartsVerifier,
} from "./parts_async.ts";
import {
  newSyncDecryptor,
  newSyncDigester,
  newSyncEncryptor,
  newSyncPartsSigner,
  newSyncPartsVerifier,
  type SyncDecryptor,
  type SyncDigester,
  type SyncEncryptor,
  type SyncPartsSigner,
  type SyncPartsVerifier,
} from "./parts_sync.ts";
import { endSession, endSessionSync } from "./session_end.ts";
import { moduleCoreOf, Slot } from "./slot.ts";
import {
  cancelArgs,
  lengthArgs,
  loginArgs,
  logoutArgs,
  pinArgs,
  stateArgs,
  twoPins,
  undoneLogin,
} from "./session_args.ts";
import { withPins } from "./pin.ts";
import { cipherStream, fed, isPiecemeal } from "./streams.ts";

const encapsulatedShown = plainPortrait<EncapsulatedKey>("EncapsulatedKey");

let newSession: (core: SessionCore) => Session;

/**
 * A session with a token (`GP11Session`), from {@linkcode Slot.openSession} or {@linkcode Session.fromHandle}. Every verb has two forms: a plain one runs its native calls on a worker thread
 * and returns a promise, one with `Sync` at its end runs them in place. Calls on one session wait for each other, so any
 * number can be made at once; a synchronous call while another one runs throws SessionBusyError.
 *
 * @example Sign with a key that never leaves the token
 * ```ts
 * import { CKM, CKO, CKU, Module } from "@gp11/gp11";
 *
 * async function sign(path: string, pin: string, label: string, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
 *   await using module = await Module.load(path);
 *   const [slot] = await module.slots({ tokenPresent: true });
 *   await using session = await slot!.openSession({ login: { userType: CKU.USER, pin } });
 *   const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY, label });
 *   return await session.sign(key!, CKM.ECDSA_SHA256, data);
 * }
 * ```
 */
export class Session extends TypedEventTarget<SessionEvents> {
  readonly #core: SessionCore;
  #closing: Promise<void> | null = null;

  static {
    revealCore((session) => session.#core);
    newSession = (core) => new Session(core);
  }

  private constructor(core: SessionCore) {
    if (!(core instanceof SessionCore)) {
      throw new TypeError("Cannot make a session: sessions come from slot.openSession()");
    }
    super();
    this.#core = core;
  }

  /**
   * Wraps a handle and owns it: it is discarded when the wrapper closes (`gp11_session_from_handle`). The handle is not
   * checked.
   *
   * @param slot The slot whose token the session is with.
   * @param handle The module's CK_SESSION_HANDLE.
   * @param options Whether it was opened for reading and writing, and who is asked for PINs.
   * @returns The session.
   * @throws {TypeError} When the handle is no bigint, or the slot none.
   * @throws {RangeError} When the handle is negative or no CK_SESSION_HANDLE.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed.
   */
  static fromHandle(slot: Slot, handle: bigint, options: FromHandleOptions = {}): Session {
    if (typeof handle !== "bigint") {
      throw new TypeError(`Cannot wrap a session handle: expected a bigint, got a ${typeof handle}`);
    }
    if (handle < 0n || handle > 0xffff_ffff_ffff_ffffn) {
      throw new RangeError(`Cannot wrap a session handle: ${handle} is out of range`);
    }
    if (!(slot instanceof Slot)) throw new TypeError("Cannot wrap a session handle: the slot is no Slot");
    moduleCoreOf(slot).assertOpen("C_OpenSession");
    // What has been done with the handle before is not known: the pool does not get it.
    return sessionOn(slot, handle, options, null);
  }

  /** The module (`gp11_session_get_module`). */
  get module(): Module {
    return contextOf(this.#core).slot.module;
  }

  /** The slot (`gp11_session_get_slot`). */
  get slot(): Slot {
    return contextOf(this.#core).slot;
  }

  /** The handle of the module, CK_SESSION_HANDLE (`gp11_session_get_handle`). */
  get handle(): bigint {
    return this.#core.handle;
  }

  /** Whether the session is closed, or will be when the running call ends. */
  get closed(): boolean {
    return this.#core.closed;
  }

  /**
   * The state of the session, asked anew each time (`gp11_session_get_info`, C_GetSessionInfo).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Its slot, its state and its flags.
   * @throws {Pkcs11Error} CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR: the token is gone or broken.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async getInfo(options?: CallOptions): Promise<SessionInfo> {
    return sessionInfoOf(await this.#opened("read the session's information").run(sessionInfo, this.#args(), options));
  }

  /**
   * The state of the session, asked anew each time (`gp11_session_get_info`, C_GetSessionInfo). In place; see
   * {@linkcode Session.getInfo}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns Its slot, its state and its flags.
   * @throws {Pkcs11Error} CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR: the token is gone or broken.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  getInfoSync(options?: CallOptions): SessionInfo {
    return sessionInfoOf(this.#opened("read the session's information").runSync(sessionInfo, this.#args(), options));
  }

  /**
   * Random bytes of the token (C_GenerateRandom).
   *
   * @param length Bytes wanted.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns As many bytes.
   * @throws {Pkcs11Error} CKR_RANDOM_NO_RNG: the token makes none.
   * @throws {RangeError} When the length is no whole number from 0 on.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateRandom(length: number, options?: ResultOptions): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Random bytes of the token (C_GenerateRandom).
   *
   * @param length Bytes wanted.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_RANDOM_NO_RNG: the token makes none.
   * @throws {RangeError} When the length is no whole number from 0 on, and when `into` has no room for so many bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateRandom(length: number, options: IntoOptions): Promise<number>;
  async generateRandom(
    length: number,
    options?: ResultOptions | IntoOptions,
  ): Promise<Uint8Array<ArrayBuffer> | number> {
    const into = destination(options);
    const args = lengthArgs(this.#core, length);
    if (into !== null) assertRoom(args.length, into.memory);
    const result = await this.#opened("generate random bytes").run(generateRandom, args, options);
    return resultLater(result, into, options);
  }

  /**
   * Random bytes of the token (C_GenerateRandom). In place; see {@linkcode Session.generateRandom}.
   *
   * @param length Bytes wanted.
   * @param options A signal, which is looked at before each native call.
   * @returns As many bytes.
   * @throws {Pkcs11Error} CKR_RANDOM_NO_RNG: the token makes none.
   * @throws {RangeError} When the length is no whole number from 0 on.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateRandomSync(length: number, options?: ResultOptions): Uint8Array<ArrayBuffer>;
  /**
   * Random bytes of the token (C_GenerateRandom). In place; see {@linkcode Session.generateRandom}.
   *
   * @param length Bytes wanted.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_RANDOM_NO_RNG: the token makes none.
   * @throws {RangeError} When the length is no whole number from 0 on, and when `into` has no room for so many bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateRandomSync(length: number, options: IntoOptions): number;
  generateRandomSync(length: number, options?: ResultOptions | IntoOptions): Uint8Array<ArrayBuffer> | number {
    const into = destination(options);
    const args = lengthArgs(this.#core, length);
    if (into !== null) assertRoom(args.length, into.memory);
    return resultOf(this.#opened("generate random bytes").runSync(generateRandom, args, options), into);
  }

  /**
   * Mixes bytes into the token's random numbers (C_SeedRandom).
   *
   * @param data Bytes to mix in; nothing is lost when they are not random.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_RANDOM_SEED_NOT_SUPPORTED, CKR_RANDOM_NO_RNG …
   * @throws {TypeError} When the data is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async seedRandom(data: BytesInput, options?: CallOptions): Promise<void> {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    await this.#opened("seed the random generator").run(seedRandom, args, options);
  }

  /**
   * Mixes bytes into the token's random numbers (C_SeedRandom). In place; see {@linkcode Session.seedRandom}.
   *
   * @param data Bytes to mix in; nothing is lost when they are not random.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_RANDOM_SEED_NOT_SUPPORTED, CKR_RANDOM_NO_RNG …
   * @throws {TypeError} When the data is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  seedRandomSync(data: BytesInput, options?: CallOptions): void {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    this.#opened("seed the random generator").runSync(seedRandom, args, options);
  }

  /**
   * Saves the state of the open multi-part operation (C_GetOperationState).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The state, for a session on the same token.
   * @throws {Pkcs11Error} CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE, CKR_FUNCTION_NOT_SUPPORTED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async getOperationState(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#opened("save the operation's state").run(operationState, this.#args(), options);
  }

  /**
   * Saves the state of the open multi-part operation (C_GetOperationState). In place; see
   * {@linkcode Session.getOperationState}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The state, for a session on the same token.
   * @throws {Pkcs11Error} CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE, CKR_FUNCTION_NOT_SUPPORTED …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  getOperationStateSync(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#opened("save the operation's state").runSync(operationState, this.#args(), options);
  }

  /**
   * Restores a state that was saved (C_SetOperationState).
   *
   * @param state What {@linkcode Session.getOperationState} gave.
   * @param options The keys of the operation, and a signal that cancels the call.
   * @throws {Pkcs11Error} CKR_SAVED_STATE_INVALID, CKR_KEY_NEEDED, CKR_KEY_CHANGED …
   * @throws {TypeError} When the state is not bytes, or a key is of another token.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async setOperationState(state: BytesInput, options?: OperationStateOptions): Promise<void> {
    await this.#opened("restore the operation's state").run(
      setOperationState,
      stateArgs(this.#core, state, options),
      options,
    );
  }

  /**
   * Restores a state that was saved (C_SetOperationState). In place; see {@linkcode Session.setOperationState}.
   *
   * @param state What {@linkcode Session.getOperationState} gave.
   * @param options The keys of the operation, and a signal.
   * @throws {Pkcs11Error} CKR_SAVED_STATE_INVALID, CKR_KEY_NEEDED, CKR_KEY_CHANGED …
   * @throws {TypeError} When the state is not bytes, or a key is of another token.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  setOperationStateSync(state: BytesInput, options?: OperationStateOptions): void {
    this.#opened("restore the operation's state").runSync(
      setOperationState,
      stateArgs(this.#core, state, options),
      options,
    );
  }

  /**
   * Ends operations that are active on the session, those whose object was lost too (C_SessionCancel of PKCS#11 3.0;
   * where the module has not got it, they are finished and what they give is thrown away).
   *
   * @param flags CKF_ flags of the operations; by default the one that is open in parts, or any the module knows of.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_OPERATION_CANCEL_FAILED, CKR_OPERATION_NOT_INITIALIZED: nothing of what was named is
   * active.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async cancelOperation(flags?: number, options?: CallOptions): Promise<void> {
    await this.#opened("cancel the session's operation").run(cancelBegun, cancelArgs(this.#core, flags), options);
    this.#core.lane.open = null;
  }

  /**
   * Ends operations that are active on the session, those whose object was lost too (C_SessionCancel of PKCS#11 3.0;
   * where the module has not got it, they are finished and what they give is thrown away). In place; see
   * {@linkcode Session.cancelOperation}.
   *
   * @param flags CKF_ flags of the operations; by default the one that is open in parts, or any the module knows of.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_OPERATION_CANCEL_FAILED, CKR_OPERATION_NOT_INITIALIZED: nothing of what was named is
   * active.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  cancelOperationSync(flags?: number, options?: CallOptions): void {
    this.#opened("cancel the session's operation").runSync(cancelBegun, cancelArgs(this.#core, flags), options);
    this.#core.lane.open = null;
  }

  /**
   * Resolves when no call runs or waits on the session.
   *
   * @throws {SessionBusyError} Within a question for a PIN that a call of the session asks: it would wait for itself.
   */
  async idle(): Promise<void> {
    this.#assertNotAsked("wait for the session");
    await this.#core.lane.idle();
    // Those who wait for the last calls learn of them first.
    await new Promise((resolve) => builtin.timers.setImmediate(resolve));
  }

  /**
   * Closes the session. The running call delivers its result; those that wait reject with SessionClosedError, and so does
   * one that waits for a PIN: its signal tells whoever is asked. The handle is offered by `discard-handle` before it is
   * closed with C_CloseSession. What fails is reported by the first call alone.
   *
   * @throws {Pkcs11Error} What C_CloseSession answers; the session is closed all the same.
   * @throws {SessionBusyError} Within a question for a PIN that a call of the session asks: it would wait for itself.
   */
  async close(): Promise<void> {
    this.#assertNotAsked("close the session");
    const closing = this.#closed();
    this.#core.endQuestion();
    await closing;
  }

  /**
   * Closes the session. In place; see {@linkcode Session.close}.
   *
   * @throws {Pkcs11Error} What C_CloseSession answers; the session is closed all the same.
   * @throws {SessionBusyError} When a call runs; nothing is closed then.
   */
  closeSync(): void {
    endSessionSync(this);
  }

  /** Closes the session, now or when the running call has ended. */
  [Symbol.dispose](): void {
    const { lane } = this.#core;
    if (!lane.busy) return this.closeSync();
    const isAsked = isAskedOn(lane);
    unasked(() => this.#closed()).catch(reportUncaught);
    // Whoever disposes of the session that asks him may answer all the same.
    if (!isAsked) this.#core.endQuestion();
  }

  /** Closes the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Logs in to the token, for every session this program has on it (`gp11_session_login`, C_Login).
   *
   * @param userType A CKU number.
   * @param pin The PIN; `null` uses the protected authentication path.
   * @param options Whether a login that is not needed fails, how often a callback is asked, and a signal that cancels
   * the call.
   * @returns Whether a login was made; `false` only with `ifNeeded`.
   * @throws {Pkcs11Error} CKR_USER_ALREADY_LOGGED_IN, CKR_PIN_INCORRECT, CKR_PIN_LOCKED …
   * @throws {TypeError} When the PIN is neither text nor bytes, a callback or `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async login(userType: UserType, pin: Pin | null, options?: LoginOptions): Promise<boolean> {
    const core = this.#opened("log in");
    const args = loginArgs(this.#core, userType, pin, options);
    try {
      return await core.run(countedLogin, args, options, (frame, made) => undoneLogin(frame, args, made));
    } finally {
      forgetPin(args.pin);
    }
  }

  /**
   * Logs in to the token, for every session this program has on it (`gp11_session_login`, C_Login). In place; see
   * {@linkcode Session.login}.
   *
   * @param userType A CKU number.
   * @param pin The PIN; `null` uses the protected authentication path.
   * @param options Whether a login that is not needed fails, how often a callback is asked, and a signal.
   * @returns Whether a login was made; `false` only with `ifNeeded`.
   * @throws {Pkcs11Error} CKR_USER_ALREADY_LOGGED_IN, CKR_PIN_INCORRECT, CKR_PIN_LOCKED …
   * @throws {TypeError} When the PIN is neither text nor bytes, a callback or `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  loginSync(userType: UserType, pin: Pin | null, options?: LoginOptions): boolean {
    const core = this.#opened("log in");
    const args = loginArgs(this.#core, userType, pin, options);
    try {
      return core.runSync(countedLogin, args, options);
    } finally {
      forgetPin(args.pin);
    }
  }

  /**
   * Logs out of the token (`gp11_session_logout`, C_Logout). Where the callers of the module are counted and another of
   * them has logged in too, the token stays logged in until the last of them logs out.
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_USER_NOT_LOGGED_IN.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async logout(options?: CallOptions): Promise<void> {
    await this.#opened("log out").run(countedLogout, logoutArgs(this.#core), options);
  }

  /**
   * Logs out of the token (`gp11_session_logout`, C_Logout). In place; see {@linkcode Session.logout}.
   *
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_USER_NOT_LOGGED_IN.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  logoutSync(options?: CallOptions): void {
    this.#opened("log out").runSync(countedLogout, logoutArgs(this.#core), options);
  }

  /**
   * Sets the user's PIN, as security officer (C_InitPIN).
   *
   * @param pin The PIN the user shall have; `null` uses the protected authentication path.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_USER_NOT_LOGGED_IN, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID …
   * @throws {TypeError} When the PIN is neither text nor bytes nor `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async initPin(pin: string | BytesInput | null, options?: CallOptions): Promise<void> {
    const core = this.#opened("set the user's PIN");
    await withPins(pinArgs(core, pin), (args) => core.run(initPin, args, options));
  }

  /**
   * Sets the user's PIN, as security officer (C_InitPIN). In place; see {@linkcode Session.initPin}.
   *
   * @param pin The PIN the user shall have; `null` uses the protected authentication path.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_USER_NOT_LOGGED_IN, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID …
   * @throws {TypeError} When the PIN is neither text nor bytes nor `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  initPinSync(pin: string | BytesInput | null, options?: CallOptions): void {
    const core = this.#opened("set the user's PIN");
    withPins(pinArgs(core, pin), (args) => core.runSync(initPin, args, options));
  }

  /**
   * Changes the PIN of whoever is logged in, or of the user in a public session (C_SetPIN).
   *
   * @param oldPin The present PIN; `null` uses the protected authentication path for both.
   * @param newPin The PIN it shall be.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE, CKR_SESSION_READ_ONLY …
   * @throws {TypeError} When a PIN is neither text nor bytes nor `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async setPin(
    oldPin: string | BytesInput | null,
    newPin: string | BytesInput | null,
    options?: CallOptions,
  ): Promise<void> {
    const core = this.#opened("change the PIN");
    await withPins(twoPins(core, oldPin, newPin), (args) => core.run(setPin, args, options));
  }

  /**
   * Changes the PIN of whoever is logged in, or of the user in a public session (C_SetPIN). In place; see
   * {@linkcode Session.setPin}.
   *
   * @param oldPin The present PIN; `null` uses the protected authentication path for both.
   * @param newPin The PIN it shall be.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE, CKR_SESSION_READ_ONLY …
   * @throws {TypeError} When a PIN is neither text nor bytes nor `null`.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  setPinSync(
    oldPin: string | BytesInput | null,
    newPin: string | BytesInput | null,
    options?: CallOptions,
  ): void {
    const core = this.#opened("change the PIN");
    withPins(twoPins(core, oldPin, newPin), (args) => core.runSync(setPin, args, options));
  }

  /**
   * Creates an object (`gp11_session_create_object`, C_CreateObject).
   *
   * @param attributes What it is made of: at least its class.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The object.
   * @throws {Pkcs11Error} CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID,
   * CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async createObject(attributes: TemplateInput, options?: CallOptions): Promise<Pkcs11Object> {
    const args = createArgs(this.#core, attributes);
    return this.#object(await this.#core.run(createObject, args, options, destroyLate(args.session)));
  }

  /**
   * Creates an object (`gp11_session_create_object`, C_CreateObject). In place; see {@linkcode Session.createObject}.
   *
   * @param attributes What it is made of: at least its class.
   * @param options A signal, which is looked at before each native call.
   * @returns The object.
   * @throws {Pkcs11Error} CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID,
   * CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  createObjectSync(attributes: TemplateInput, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(createObject, createArgs(this.#core, attributes), options));
  }

  /**
   * Copies an object; `attributes` differ from the original's (C_CopyObject).
   *
   * @param object The original.
   * @param attributes What the copy has otherwise.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The copy.
   * @throws {Pkcs11Error} CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY, CKR_SESSION_READ_ONLY …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async copyObject(
    object: Pkcs11Object,
    attributes: TemplateInput = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = copyArgs(this.#core, object, attributes);
    return this.#object(await this.#core.run(copyObject, args, options, destroyLate(args.session)));
  }

  /**
   * Copies an object; `attributes` differ from the original's (C_CopyObject). In place; see
   * {@linkcode Session.copyObject}.
   *
   * @param object The original.
   * @param attributes What the copy has otherwise.
   * @param options A signal, which is looked at before each native call.
   * @returns The copy.
   * @throws {Pkcs11Error} CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY, CKR_SESSION_READ_ONLY …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  copyObjectSync(object: Pkcs11Object, attributes: TemplateInput = {}, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(copyObject, copyArgs(this.#core, object, attributes), options));
  }

  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal).
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that cancels the call.
   * @returns The objects; finding none is no error.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjects<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): Promise<Pkcs11Object<R>[]>;
  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal).
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that cancels the call.
   * @returns The objects; finding none is no error.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjects(match?: TemplateInput, options?: FindOptions): Promise<Pkcs11Object[]>;
  async findObjects(match: TemplateInput = {}, options?: FindOptions): Promise<Pkcs11Object[]> {
    return this.#objects(await this.#core.run(findObjects, findArgs(this.#core, match, options), options));
  }

  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal). In place; see
   * {@linkcode Session.findObjects}.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal.
   * @returns The objects; finding none is no error.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjectsSync<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): Pkcs11Object<R>[];
  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal). In place; see
   * {@linkcode Session.findObjects}.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal.
   * @returns The objects; finding none is no error.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjectsSync(match?: TemplateInput, options?: FindOptions): Pkcs11Object[];
  findObjectsSync(match: TemplateInput = {}, options?: FindOptions): Pkcs11Object[] {
    return this.#objects(this.#core.runSync(findObjects, findArgs(this.#core, match, options), options));
  }

  /**
   * The objects that have these attributes, one by one. The session is not held between the steps: any call works inside
   * the loop, and a loop that is left early leaves nothing open. Objects that vanish meanwhile are passed over. What to
   * look for is checked and copied when this is called; the objects are found at the first step.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that ends the loop.
   * @returns The objects, in the token's order.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  objects<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): AsyncGenerator<Pkcs11Object<R>, void, undefined>;
  /**
   * The objects that have these attributes, one by one. The session is not held between the steps: any call works inside
   * the loop, and a loop that is left early leaves nothing open. Objects that vanish meanwhile are passed over. What to
   * look for is checked and copied when this is called; the objects are found at the first step.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that ends the loop.
   * @returns The objects, in the token's order.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  objects(match?: TemplateInput, options?: FindOptions): AsyncGenerator<Pkcs11Object, void, undefined>;
  objects(match: TemplateInput = {}, options?: FindOptions): AsyncGenerator<Pkcs11Object, void, undefined> {
    const args = findArgs(this.#core, match, options);
    return eachObject(this.#core, args, options, (handle, attributes) => this.#object(handle, attributes));
  }

  /**
   * The objects that have these attributes, one by one. In place; see {@linkcode Session.objects}.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that ends the loop.
   * @returns The objects, in the token's order.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  objectsSync<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): Generator<Pkcs11Object<R>, void, undefined>;
  /**
   * The objects that have these attributes, one by one. In place; see {@linkcode Session.objects}.
   *
   * @param match What they have; nothing for all.
   * @param options Attributes to read of each, and a signal that ends the loop.
   * @returns The objects, in the token's order.
   * @throws {Pkcs11Error} CKR_ATTRIBUTE_TYPE_INVALID, CKR_DEVICE_REMOVED …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  objectsSync(match?: TemplateInput, options?: FindOptions): Generator<Pkcs11Object, void, undefined>;
  objectsSync(match: TemplateInput = {}, options?: FindOptions): Generator<Pkcs11Object, void, undefined> {
    const args = findArgs(this.#core, match, options);
    return eachObjectSync(this.#core, args, options, (handle, attributes) => this.#object(handle, attributes));
  }

  /**
   * Brings a key into the token: its class and type come from the input. It is a session object unless `token: true` is
   * among the attributes; private and secret keys are private, sensitive and unextractable unless those say otherwise,
   * and may be used for all that fits their type unless those name a use. What was read is overwritten afterwards.
   *
   * @param key PEM, DER, a JSON Web Key or an extractable `CryptoKey`.
   * @param attributes What it shall have besides what the input says.
   * @param options The passphrase of an encrypted key, another way in, and a signal that cancels the call.
   * @returns The key.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no key; the message says which part is
   * wrong.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   *
   * @example Bring a PEM key into a token
   * ```ts
   * import type { Pkcs11Object, Session } from "@gp11/gp11";
   *
   * async function bringIn(session: Session, pem: string): Promise<Pkcs11Object> {
   *   return await session.importKey(pem, { token: true, label: "release 2027" });
   * }
   * ```
   */
  async importKey(
    key: KeyInput,
    attributes: TemplateInput = {},
    options: ImportKeyOptions = {},
  ): Promise<Pkcs11Object> {
    const args = importArgs(this.#core, attributes, options);
    const { handle } = this.#core;
    return await withKey(key, options.passphrase, async (read) =>
      this.#object(
        await this.#free("import a key").run(importKey, args(read), options, destroyLate(handle)),
      ));
  }

  /**
   * Brings a key into the token: its class and type come from the input. In place; a `CryptoKey` can only be read by
   * waiting; see {@linkcode Session.importKey}.
   *
   * @param key PEM, DER, a JSON Web Key or an extractable `CryptoKey`.
   * @param attributes What it shall have besides what the input says.
   * @param options The passphrase of an encrypted key, another way in, and a signal.
   * @returns The key.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no key; the message says which part is
   * wrong.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  importKeySync(key: KeyInput, attributes: TemplateInput = {}, options: ImportKeyOptions = {}): Pkcs11Object {
    const args = importArgs(this.#core, attributes, options);
    return withKeySync(
      key,
      options.passphrase,
      (read) => this.#object(this.#core.runSync(importKey, args(read), options)),
    );
  }

  /**
   * Brings both halves of a private key into the token, as {@linkcode Session.importKey} does. They have one CKA_ID:
   * the one given, else the SHA-1 of the public key's bits. When one half is refused, nothing of the other stays.
   *
   * @param key A private key; its public half is calculated where the input does not hold it.
   * @param publicAttributes What the public half shall have besides.
   * @param privateAttributes What the private half shall have besides.
   * @param options The passphrase of an encrypted key, another way in, and a signal that cancels the call.
   * @returns Both halves.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no private key.
   * @throws {Pkcs11Error} Where the token does not take a half (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async importKeyPair(
    key: KeyInput,
    publicAttributes: TemplateInput = {},
    privateAttributes: TemplateInput = {},
    options: ImportKeyOptions = {},
  ): Promise<Pkcs11KeyPair> {
    const args = importPairArgs(this.#core, publicAttributes, privateAttributes, options);
    const { handle } = this.#core;
    return await withKey(key, options.passphrase, async (read) =>
      this.#pair(
        await this.#free("import a key pair").run(
          importKeyPair,
          args(read),
          options,
          (frame, made) => discardObjects(frame, handle, [made.privateKey, made.publicKey]),
        ),
      ));
  }

  /**
   * Brings both halves of a private key into the token, as {@linkcode Session.importKey} does. In place; see
   * {@linkcode Session.importKeyPair}.
   *
   * @param key A private key; its public half is calculated where the input does not hold it.
   * @param publicAttributes What the public half shall have besides.
   * @param privateAttributes What the private half shall have besides.
   * @param options The passphrase of an encrypted key, another way in, and a signal.
   * @returns Both halves.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no private key.
   * @throws {Pkcs11Error} Where the token does not take a half (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  importKeyPairSync(
    key: KeyInput,
    publicAttributes: TemplateInput = {},
    privateAttributes: TemplateInput = {},
    options: ImportKeyOptions = {},
  ): Pkcs11KeyPair {
    const args = importPairArgs(this.#core, publicAttributes, privateAttributes, options);
    return withKeySync(
      key,
      options.passphrase,
      (read) => this.#pair(this.#core.runSync(importKeyPair, args(read), options)),
    );
  }

  /**
   * Brings a certificate into the token, with subject, issuer, serial number and dates from it. Its CKA_ID is that of the
   * token's key with the same public key, else the SHA-1 of that key's bits, so that a key imported later meets it.
   *
   * @param certificate PEM or DER, one certificate.
   * @param attributes What it shall have besides.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The certificate.
   * @throws {TypeError} Where it is damaged or no certificate.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async importCertificate(
    certificate: string | BytesInput,
    attributes: TemplateInput = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = certificateArgs(this.#core, certificate, attributes);
    return this.#object(await this.#core.run(importCertificate, args, options, destroyLate(args.session)));
  }

  /**
   * Brings a certificate into the token, with subject, issuer, serial number and dates from it. In place; see
   * {@linkcode Session.importCertificate}.
   *
   * @param certificate PEM or DER, one certificate.
   * @param attributes What it shall have besides.
   * @param options A signal, which is looked at before each native call.
   * @returns The certificate.
   * @throws {TypeError} Where it is damaged or no certificate.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  importCertificateSync(
    certificate: string | BytesInput,
    attributes: TemplateInput = {},
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#object(
      this.#core.runSync(importCertificate, certificateArgs(this.#core, certificate, attributes), options),
    );
  }

  /**
   * A certificate and those of its issuers that the token has, the leaf first. Issuers are found by name and, where
   * several have it, by the key identifier (RFC 5280 §4.2.1.1); signatures are not checked.
   *
   * @param certificate Where it begins.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The certificates as far as the token has them; the first is the one given.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the certificate is gone.
   * @throws {TypeError} When the object is of another token or no certificate.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async certificateChain(certificate: Pkcs11Object, options?: CallOptions): Promise<Pkcs11Object[]> {
    const chain = await this.#core.run(chainOf, objectArgs(this.#core, "find the chain", certificate), options);
    return chain.map((handle) => this.#object(handle));
  }

  /**
   * A certificate and those of its issuers that the token has, the leaf first. In place; see
   * {@linkcode Session.certificateChain}.
   *
   * @param certificate Where it begins.
   * @param options A signal, which is looked at before each native call.
   * @returns The certificates as far as the token has them; the first is the one given.
   * @throws {Pkcs11Error} CKR_OBJECT_HANDLE_INVALID: the certificate is gone.
   * @throws {TypeError} When the object is of another token or no certificate.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  certificateChainSync(certificate: Pkcs11Object, options?: CallOptions): Pkcs11Object[] {
    const chain = this.#core.runSync(chainOf, objectArgs(this.#core, "find the chain", certificate), options);
    return chain.map((handle) => this.#object(handle));
  }

  /**
   * The one object that has these attributes.
   *
   * @param match What it has.
   * @param options Attributes to read of it, and a signal that cancels the call.
   * @throws {ObjectNotFoundError} Where there is none; it says so where a login may show one.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObject<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): Promise<Pkcs11Object<R>>;
  /**
   * The one object that has these attributes.
   *
   * @param match What it has.
   * @param options Attributes to read of it, and a signal that cancels the call.
   * @throws {ObjectNotFoundError} Where there is none; it says so where a login may show one.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObject(match: TemplateInput, options?: FindOptions): Promise<Pkcs11Object>;
  async findObject(match: TemplateInput, options?: FindOptions): Promise<Pkcs11Object> {
    const text = describeMatch(match);
    const found = await this.findObjects(match, options);
    const { signal } = options ?? {};
    const isHidden = mayBeHidden(match, found) &&
      lacksLogin(await this.slot.tokenInfo({ signal }), await this.getInfo({ signal }));
    return onlyOne(found, text, isHidden);
  }

  /**
   * The one object that has these attributes. In place; see {@linkcode Session.findObject}.
   *
   * @param match What it has.
   * @param options Attributes to read of it, and a signal.
   * @throws {ObjectNotFoundError} Where there is none; it says so where a login may show one.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjectSync<const R extends AttributeName | AttributeType>(
    match: TemplateInput,
    options: FindAndReadOptions<R>,
  ): Pkcs11Object<R>;
  /**
   * The one object that has these attributes. In place; see {@linkcode Session.findObject}.
   *
   * @param match What it has.
   * @param options Attributes to read of it, and a signal.
   * @throws {ObjectNotFoundError} Where there is none; it says so where a login may show one.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  findObjectSync(match: TemplateInput, options?: FindOptions): Pkcs11Object;
  findObjectSync(match: TemplateInput, options?: FindOptions): Pkcs11Object {
    const text = describeMatch(match);
    const found = this.findObjectsSync(match, options);
    const isHidden = mayBeHidden(match, found) && lacksLogin(this.slot.tokenInfoSync(), this.getInfoSync());
    return onlyOne(found, text, isHidden);
  }

  /**
   * A shared secret for who has the private half, as a key, and the ciphertext that brings it there (C_EncapsulateKey,
   * PKCS#11 3.2; FIPS 203). The key is a sensitive, unextractable session object and a generic secret of 32 bytes unless
   * the attributes say otherwise; `{ keyType: CKK.AES }` alone makes an AES key of 32 bytes.
   *
   * @param publicKey Whose owner gets the secret.
   * @param options Attributes of the secret, another mechanism, and a signal that cancels the call.
   * @returns The secret, and the ciphertext for the owner of the private key.
   * @throws {TypeError} Where the key's type has no mechanism of its own: name it.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async encapsulate(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): Promise<EncapsulatedKey> {
    checkEncapsulation(this.#core, "encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation((await publicKey.get(["keyType"], call)).keyType);
    return await this.encapsulateKey(publicKey, own, sharedKey(attributes), call);
  }

  /**
   * A shared secret for who has the private half, as a key, and the ciphertext that brings it there (C_EncapsulateKey,
   * PKCS#11 3.2; FIPS 203). In place; see {@linkcode Session.encapsulate}.
   *
   * @param publicKey Whose owner gets the secret.
   * @param options Attributes of the secret, another mechanism, and a signal.
   * @returns The secret, and the ciphertext for the owner of the private key.
   * @throws {TypeError} Where the key's type has no mechanism of its own: name it.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encapsulateSync(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): EncapsulatedKey {
    checkEncapsulation(this.#core, "encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(publicKey.getSync(["keyType"], call).keyType);
    return this.encapsulateKeySync(publicKey, own, sharedKey(attributes), call);
  }

  /**
   * The shared secret out of a ciphertext of {@linkcode Session.encapsulate} (C_DecapsulateKey, PKCS#11 3.2).
   *
   * @param privateKey The key the secret was made for.
   * @param ciphertext What {@linkcode Session.encapsulate} gave beside the secret.
   * @param options Attributes of the secret, another mechanism, and a signal that cancels the call.
   * @returns The secret. A wrong ciphertext gives another one (FIPS 203 §6.3).
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} Where the key's type has no mechanism of its own, and for a ciphertext that is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async decapsulate(
    privateKey: Pkcs11Object,
    ciphertext: BytesInput,
    options: EncapsulateOptions = {},
  ): Promise<Pkcs11Object> {
    checkEncapsulation(this.#core, "decapsulate a key", privateKey, options);
    const { attributes, mechanism, ...call } = options;
    const bytes = copyBytes(ciphertext, "a ciphertext");
    const own = mechanism ?? encapsulation((await privateKey.get(["keyType"], call)).keyType);
    return await this.decapsulateKey(privateKey, own, bytes, sharedKey(attributes), call);
  }

  /**
   * The shared secret out of a ciphertext of {@linkcode Session.encapsulate} (C_DecapsulateKey, PKCS#11 3.2). In place;
   * see {@linkcode Session.decapsulate}.
   *
   * @param privateKey The key the secret was made for.
   * @param ciphertext What {@linkcode Session.encapsulate} gave beside the secret.
   * @param options Attributes of the secret, another mechanism, and a signal.
   * @returns The secret. A wrong ciphertext gives another one (FIPS 203 §6.3).
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} Where the key's type has no mechanism of its own, and for a ciphertext that is not bytes.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decapsulateSync(privateKey: Pkcs11Object, ciphertext: BytesInput, options: EncapsulateOptions = {}): Pkcs11Object {
    checkEncapsulation(this.#core, "decapsulate a key", privateKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(privateKey.getSync(["keyType"], call).keyType);
    return this.decapsulateKeySync(privateKey, own, ciphertext, sharedKey(attributes), call);
  }

  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt).
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is encrypted.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The encrypted data.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt).
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is encrypted.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options: IntoOptions,
  ): Promise<number>;
  async encrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Promise<Uint8Array<ArrayBuffer> | number> {
    const into = destination(options);
    const result = await this.#core.run(encrypt, cryptoArgs(this.#core, "encrypt", key, mechanism, data), options);
    return resultLater(result, into, options);
  }

  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt). In place; see {@linkcode Session.encrypt}.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is encrypted.
   * @param options A signal, which is looked at before each native call.
   * @returns The encrypted data.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions,
  ): Uint8Array<ArrayBuffer>;
  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt). In place; see {@linkcode Session.encrypt}.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is encrypted.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options: IntoOptions,
  ): number;
  encryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Uint8Array<ArrayBuffer> | number {
    return transformed(this.#core, "encrypt", encrypt, ENCRYPT, key, mechanism, data, options);
  }

  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt).
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is decrypted; with AES-GCM and its like the tag is at its end.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The plain data.
   * @throws {Pkcs11Error} CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt).
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is decrypted; with AES-GCM and its like the tag is at its end.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options: IntoOptions,
  ): Promise<number>;
  async decrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Promise<Uint8Array<ArrayBuffer> | number> {
    const into = destination(options);
    const result = await this.#core.run(decrypt, cryptoArgs(this.#core, "decrypt", key, mechanism, data), options);
    return resultLater(result, into, options);
  }

  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt). In place; see {@linkcode Session.decrypt}.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is decrypted; with AES-GCM and its like the tag is at its end.
   * @param options A signal, which is looked at before each native call.
   * @returns The plain data.
   * @throws {Pkcs11Error} CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions,
  ): Uint8Array<ArrayBuffer>;
  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt). In place; see {@linkcode Session.decrypt}.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesGcm} makes.
   * @param data What is decrypted; with AES-GCM and its like the tag is at its end.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_ENCRYPTED_DATA_INVALID, CKR_AEAD_DECRYPT_FAILED, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options: IntoOptions,
  ): number;
  decryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Uint8Array<ArrayBuffer> | number {
    return transformed(this.#core, "decrypt", decrypt, DECRYPT, key, mechanism, data, options);
  }

  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). Raw mechanisms sign a hash, combined ones the data.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What is signed: bytes, a Blob, a stream, an asynchronous iterable.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The signature.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  sign(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    options?: ResultOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). Raw mechanisms sign a hash, combined ones the data.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What is signed: bytes, a Blob, a stream, an asynchronous iterable.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  sign(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    options: IntoOptions,
  ): Promise<number>;
  async sign(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    options?: ResultOptions | IntoOptions,
  ): Promise<Uint8Array<ArrayBuffer> | number> {
    const into = destination(options);
    if (isPiecemeal(data)) {
      const parts = newPartsSigner(this, key, mechanism);
      return resultLater(await fed(this.#core, parts, data, options, (all, call) => all.final(call)), into, options);
    }
    const signature = await this.#core.run(sign, cryptoArgs(this.#core, "sign", key, mechanism, data), options);
    return resultLater(signature, into, options);
  }

  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). In place; see {@linkcode Session.sign}.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What is signed.
   * @param options A signal, which is looked at before each native call.
   * @returns The signature.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  signSync(key: Pkcs11Object, mechanism: Mechanism, data: BytesInput, options?: ResultOptions): Uint8Array<ArrayBuffer>;
  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). In place; see {@linkcode Session.sign}.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What is signed.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  signSync(key: Pkcs11Object, mechanism: Mechanism, data: BytesInput, options: IntoOptions): number;
  signSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Uint8Array<ArrayBuffer> | number {
    return transformed(this.#core, "sign", sign, SIGN, key, mechanism, data, options);
  }

  /**
   * Verifies a signature (`gp11_session_verify_full`; C_VerifyInit, C_Verify).
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What was signed: bytes, a Blob, a stream, an asynchronous iterable.
   * @param signature The signature.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Whether it is right; `false` for a signature that is wrong or of a wrong length.
   * @throws {Pkcs11Error} when the token could not look at it
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async verify(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    signature: BytesInput,
    options?: CallOptions,
  ): Promise<boolean> {
    if (isPiecemeal(data)) {
      const verifier = newPartsVerifier(this, key, mechanism);
      return await fed(this.#core, verifier, data, options, (all, call) => all.final(signature, call));
    }
    return await this.#core.run(verify, verifyArgs(this.#core, key, mechanism, data, signature), options);
  }

  /**
   * Verifies a signature (`gp11_session_verify_full`; C_VerifyInit, C_Verify). In place; see
   * {@linkcode Session.verify}.
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param data What was signed.
   * @param signature The signature.
   * @param options A signal, which is looked at before each native call.
   * @returns Whether it is right; `false` for a signature that is wrong or of a wrong length.
   * @throws {Pkcs11Error} when the token could not look at it
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  verifySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    signature: BytesInput,
    options?: CallOptions,
  ): boolean {
    return this.#core.runSync(verify, verifyArgs(this.#core, key, mechanism, data, signature), options);
  }

  /**
   * Hashes data (C_DigestInit, C_Digest).
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param data What is hashed: bytes, a Blob, a stream, an asynchronous iterable.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The hash.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  digest(mechanism: Mechanism, data: DataInput, options?: ResultOptions): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Hashes data (C_DigestInit, C_Digest).
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param data What is hashed: bytes, a Blob, a stream, an asynchronous iterable.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  digest(mechanism: Mechanism, data: DataInput, options: IntoOptions): Promise<number>;
  async digest(
    mechanism: Mechanism,
    data: DataInput,
    options?: ResultOptions | IntoOptions,
  ): Promise<Uint8Array<ArrayBuffer> | number> {
    const into = destination(options);
    if (isPiecemeal(data)) {
      const digester = newDigester(this, null, mechanism);
      return resultLater(await fed(this.#core, digester, data, options, (all, call) => all.final(call)), into, options);
    }
    const hash = await this.#core.run(digest, digestArgs(this.#core, mechanism, data), options);
    return resultLater(hash, into, options);
  }

  /**
   * Hashes data (C_DigestInit, C_Digest). In place; see {@linkcode Session.digest}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param data What is hashed.
   * @param options A signal, which is looked at before each native call.
   * @returns The hash.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  digestSync(mechanism: Mechanism, data: BytesInput, options?: ResultOptions): Uint8Array<ArrayBuffer>;
  /**
   * Hashes data (C_DigestInit, C_Digest). In place; see {@linkcode Session.digest}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param data What is hashed.
   * @param options Where the result is written, and what cancels the call.
   * @returns The number of bytes written into `into`.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {RangeError} When `into` has no room for the result.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  digestSync(mechanism: Mechanism, data: BytesInput, options: IntoOptions): number;
  digestSync(
    mechanism: Mechanism,
    data: BytesInput,
    options?: ResultOptions | IntoOptions,
  ): Uint8Array<ArrayBuffer> | number {
    return transformed(this.#core, "digest", digest, DIGEST, null, mechanism, data, options);
  }

  /**
   * Signs data that {@linkcode Session.verifyRecover} gets back (C_SignRecoverInit, C_SignRecover).
   *
   * @param key A private key that may sign with recovery.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rawMechanism} makes.
   * @param data What is signed, short enough to stand in the signature.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The signature.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async signRecover(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#core.run(
      signRecover,
      cryptoArgs(this.#core, "sign with recovery", key, mechanism, data),
      options,
    );
  }

  /**
   * Signs data that {@linkcode Session.verifyRecover} gets back (C_SignRecoverInit, C_SignRecover). In place; see
   * {@linkcode Session.signRecover}.
   *
   * @param key A private key that may sign with recovery.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rawMechanism} makes.
   * @param data What is signed, short enough to stand in the signature.
   * @param options A signal, which is looked at before each native call.
   * @returns The signature.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  signRecoverSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(signRecover, cryptoArgs(this.#core, "sign with recovery", key, mechanism, data), options);
  }

  /**
   * Verifies a signature and gets the data back from it (C_VerifyRecoverInit, C_VerifyRecover).
   *
   * @param key The public key.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rawMechanism} makes.
   * @param signature The signature.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The data that was signed.
   * @throws {Pkcs11Error} CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async verifyRecover(
    key: Pkcs11Object,
    mechanism: Mechanism,
    signature: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#core.run(
      verifyRecover,
      cryptoArgs(this.#core, "recover the signed data", key, mechanism, signature),
      options,
    );
  }

  /**
   * Verifies a signature and gets the data back from it (C_VerifyRecoverInit, C_VerifyRecover). In place; see
   * {@linkcode Session.verifyRecover}.
   *
   * @param key The public key.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rawMechanism} makes.
   * @param signature The signature.
   * @param options A signal, which is looked at before each native call.
   * @returns The data that was signed.
   * @throws {Pkcs11Error} CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  verifyRecoverSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    signature: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(
      verifyRecover,
      cryptoArgs(this.#core, "recover the signed data", key, mechanism, signature),
      options,
    );
  }

  /**
   * Signs many inputs (C_SignInit, C_Sign for each). They take a worker thread few jobs.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param inputs What is signed, each by itself.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns As many signatures, in the same order.
   * @throws {Pkcs11Error} CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID,
   * CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} For more than one input with AES-GMAC, whose IV must differ for each.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async signMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(signMany, manyArgs(this.#core, "sign", key, mechanism, inputs), options);
  }

  /**
   * Signs many inputs (C_SignInit, C_Sign for each). In place; see {@linkcode Session.signMany}.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param inputs What is signed, each by itself.
   * @param options A signal, which is looked at before each native call.
   * @returns As many signatures, in the same order.
   * @throws {Pkcs11Error} CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID,
   * CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} For more than one input with AES-GMAC, whose IV must differ for each.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  signManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(signMany, manyArgs(this.#core, "sign", key, mechanism, inputs), options);
  }

  /**
   * Encrypts many inputs, each with the same parameter (C_EncryptInit, C_Encrypt for each). They take a worker
   * thread few jobs.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism With the same parameter for all; its {@linkcode CKM} number, or what a builder such as
   * {@linkcode aesCbc} makes. With one IV for all, inputs that begin alike show that they do.
   * @param inputs What is encrypted, each by itself.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns As many encrypted texts, in the same order.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} For more than one input with a mechanism whose IV, nonce or counter must differ for each, such
   * as AES-GCM and AES-CTR, unless the token makes the IV.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async encryptMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(encryptMany, manyArgs(this.#core, "encrypt", key, mechanism, inputs), options);
  }

  /**
   * Encrypts many inputs, each with the same parameter (C_EncryptInit, C_Encrypt for each). In place; see
   * {@linkcode Session.encryptMany}.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism With the same parameter for all; its {@linkcode CKM} number, or what a builder such as
   * {@linkcode aesCbc} makes. With one IV for all, inputs that begin alike show that they do.
   * @param inputs What is encrypted, each by itself.
   * @param options A signal, which is looked at before each native call.
   * @returns As many encrypted texts, in the same order.
   * @throws {Pkcs11Error} CKR_DATA_LEN_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {RangeError} For more than one input with a mechanism whose IV, nonce or counter must differ for each, such
   * as AES-GCM and AES-CTR, unless the token makes the IV.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encryptManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(encryptMany, manyArgs(this.#core, "encrypt", key, mechanism, inputs), options);
  }

  /**
   * Decrypts many inputs, each with the same parameter (C_DecryptInit, C_Decrypt for each). They take a worker
   * thread few jobs.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism With the same parameter for all; its {@linkcode CKM} number, or what a builder such as
   * {@linkcode aesCbc} makes.
   * @param inputs What is decrypted, each by itself.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns As many plain texts, in the same order.
   * @throws {Pkcs11Error} When one of them cannot be decrypted: CKR_ENCRYPTED_DATA_INVALID,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async decryptMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(decryptMany, manyArgs(this.#core, "decrypt", key, mechanism, inputs), options);
  }

  /**
   * Decrypts many inputs, each with the same parameter (C_DecryptInit, C_Decrypt for each). In place; see
   * {@linkcode Session.decryptMany}.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism With the same parameter for all; its {@linkcode CKM} number, or what a builder such as
   * {@linkcode aesCbc} makes.
   * @param inputs What is decrypted, each by itself.
   * @param options A signal, which is looked at before each native call.
   * @returns As many plain texts, in the same order.
   * @throws {Pkcs11Error} When one of them cannot be decrypted: CKR_ENCRYPTED_DATA_INVALID,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decryptManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(decryptMany, manyArgs(this.#core, "decrypt", key, mechanism, inputs), options);
  }

  /**
   * Hashes many inputs (C_DigestInit, C_Digest for each). They take a worker thread few jobs.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param inputs What is hashed, each by itself.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns As many hashes, in the same order.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async digestMany(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(digestMany, digestManyArgs(this.#core, mechanism, inputs), options);
  }

  /**
   * Hashes many inputs (C_DigestInit, C_Digest for each). In place; see {@linkcode Session.digestMany}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @param inputs What is hashed, each by itself.
   * @param options A signal, which is looked at before each native call.
   * @returns As many hashes, in the same order.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token does not know the hash.
   * @throws {TypeError} For a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  digestManySync(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(digestMany, digestManyArgs(this.#core, mechanism, inputs), options);
  }

  /**
   * Verifies many signatures (C_VerifyInit, C_Verify for each). They take a worker thread few jobs.
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param inputs What was signed.
   * @param signatures As many signatures, in the same order.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns For each whether its signature is right.
   * @throws {Pkcs11Error} Where the token could not look at one: CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {RangeError} When there are not as many signatures as inputs.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async verifyMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<boolean[]> {
    return await this.#core.run(verifyMany, verifyManyArgs(this.#core, key, mechanism, inputs, signatures), options);
  }

  /**
   * Verifies many signatures (C_VerifyInit, C_Verify for each). In place; see {@linkcode Session.verifyMany}.
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @param inputs What was signed.
   * @param signatures As many signatures, in the same order.
   * @param options A signal, which is looked at before each native call.
   * @returns For each whether its signature is right.
   * @throws {Pkcs11Error} Where the token could not look at one: CKR_KEY_FUNCTION_NOT_PERMITTED,
   * CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {RangeError} When there are not as many signatures as inputs.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  verifyManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
    options?: CallOptions,
  ): boolean[] {
    return this.#core.runSync(verifyMany, verifyManyArgs(this.#core, key, mechanism, inputs, signatures), options);
  }

  /**
   * Encrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  encryptor(key: Pkcs11Object, mechanism: Mechanism): Encryptor {
    return newEncryptor(this, key, mechanism);
  }

  /**
   * Encrypts data that comes in parts. In place; see {@linkcode Session.encryptor}.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  encryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncEncryptor {
    return newSyncEncryptor(this, key, mechanism);
  }

  /**
   * Decrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  decryptor(key: Pkcs11Object, mechanism: Mechanism): Decryptor {
    return newDecryptor(this, key, mechanism);
  }

  /**
   * Decrypts data that comes in parts. In place; see {@linkcode Session.decryptor}.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  decryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncDecryptor {
    return newSyncDecryptor(this, key, mechanism);
  }

  /**
   * Signs data that comes in parts. Until it is finished or closed, the session does no other cryptography.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  signer(key: Pkcs11Object, mechanism: Mechanism): PartsSigner {
    return newPartsSigner(this, key, mechanism);
  }

  /**
   * Signs data that comes in parts. In place; see {@linkcode Session.signer}.
   *
   * @param key A private or secret key that may sign.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  signerSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsSigner {
    return newSyncPartsSigner(this, key, mechanism);
  }

  /**
   * Verifies data that comes in parts. Until it is finished or closed, the session does no other cryptography.
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  verifier(key: Pkcs11Object, mechanism: Mechanism): PartsVerifier {
    return newPartsVerifier(this, key, mechanism);
  }

  /**
   * Verifies data that comes in parts. In place; see {@linkcode Session.verifier}.
   *
   * @param key A public or secret key that may verify.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode rsaPss} makes.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  verifierSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsVerifier {
    return newSyncPartsVerifier(this, key, mechanism);
  }

  /**
   * Hashes data that comes in parts. Until it is finished or closed, the session does no other cryptography.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a mechanism of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  digester(mechanism: Mechanism): Digester {
    return newDigester(this, null, mechanism);
  }

  /**
   * Hashes data that comes in parts. In place; see {@linkcode Session.digester}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.SHA256`.
   * @returns The operation; it begins on the token with its first part.
   * @throws {TypeError} For a mechanism of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   */
  digesterSync(mechanism: Mechanism): SyncDigester {
    return newSyncDigester(this, null, mechanism);
  }

  /**
   * A stream that encrypts what flows through it.
   *
   * @param key A secret or public key that may encrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @param options A signal that ends the stream, and the operation with it.
   * @returns A stream that takes bytes of any kind. What the token refuses is an error of the stream.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encryptStream(
    key: Pkcs11Object,
    mechanism: Mechanism,
    options?: CallOptions,
  ): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
    return cipherStream(() => newEncryptor(this, key, mechanism), options);
  }

  /**
   * A stream that decrypts what flows through it.
   *
   * @param key A secret or private key that may decrypt.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesCbc} makes.
   * @param options A signal that ends the stream, and the operation with it.
   * @returns A stream that takes bytes of any kind. What the token refuses is an error of the stream.
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decryptStream(
    key: Pkcs11Object,
    mechanism: Mechanism,
    options?: CallOptions,
  ): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
    return cipherStream(() => newDecryptor(this, key, mechanism), options);
  }

  /**
   * Encrypts one message (C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal; PKCS#11 3.0).
   *
   * @param key A secret key that may encrypt messages.
   * @param mechanism With a message's parameter, such as `aesGcmMessage` makes: the nonce the token used and the tag
   * are read from it after the call.
   * @param data The message.
   * @param options Data that is authenticated beside it, and a signal that cancels the call.
   * @returns The encrypted message, without the tag.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.0;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async encryptMessage(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = messageArgs(this.#core, "encrypt a message", key, mechanism, data, options);
    return await this.#core.run(encryptMessage, args, options);
  }

  /**
   * Encrypts one message (C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal; PKCS#11 3.0). In place; see
   * {@linkcode Session.encryptMessage}.
   *
   * @param key A secret key that may encrypt messages.
   * @param mechanism With a message's parameter, such as `aesGcmMessage` makes: the nonce the token used and the tag
   * are read from it after the call.
   * @param data The message.
   * @param options Data that is authenticated beside it, and a signal.
   * @returns The encrypted message, without the tag.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.0;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = messageArgs(this.#core, "encrypt a message", key, mechanism, data, options);
    return this.#core.runSync(encryptMessage, args, options);
  }

  /**
   * Decrypts one message (C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal; PKCS#11 3.0).
   *
   * @param key A secret key that may decrypt messages.
   * @param mechanism With a message's parameter that holds the nonce and the tag, such as {@linkcode aesGcmMessage}
   * makes.
   * @param data The encrypted message.
   * @param options Data that was authenticated beside it, and a signal that cancels the call.
   * @returns The message.
   * @throws {Pkcs11Error} CKR_AEAD_DECRYPT_FAILED, CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.0;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async decryptMessage(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = messageArgs(this.#core, "decrypt a message", key, mechanism, data, options);
    return await this.#core.run(decryptMessage, args, options);
  }

  /**
   * Decrypts one message (C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal; PKCS#11 3.0). In place; see
   * {@linkcode Session.decryptMessage}.
   *
   * @param key A secret key that may decrypt messages.
   * @param mechanism With a message's parameter that holds the nonce and the tag, such as {@linkcode aesGcmMessage}
   * makes.
   * @param data The encrypted message.
   * @param options Data that was authenticated beside it, and a signal.
   * @returns The message.
   * @throws {Pkcs11Error} CKR_AEAD_DECRYPT_FAILED, CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.0;
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = messageArgs(this.#core, "decrypt a message", key, mechanism, data, options);
    return this.#core.runSync(decryptMessage, args, options);
  }

  /**
   * Generates a secret key or domain parameters (C_GenerateKey).
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.AES_KEY_GEN`, or with a parameter.
   * @param attributes What the key shall have, such as `valueLen` of an AES key.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The key, an object of the session unless `token: true` is among the attributes.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT,
   * CKR_ATTRIBUTE_VALUE_INVALID, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async generateKey(mechanism: Mechanism, attributes: TemplateInput, options?: CallOptions): Promise<Pkcs11Object> {
    const args = generateArgs(this.#core, mechanism, attributes);
    return this.#object(await this.#core.run(generateKey, args, options, destroyLate(args.session)));
  }

  /**
   * Generates a secret key or domain parameters (C_GenerateKey). In place; see {@linkcode Session.generateKey}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.AES_KEY_GEN`, or with a parameter.
   * @param attributes What the key shall have, such as `valueLen` of an AES key.
   * @param options A signal, which is looked at before each native call.
   * @returns The key, an object of the session unless `token: true` is among the attributes.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT,
   * CKR_ATTRIBUTE_VALUE_INVALID, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateKeySync(mechanism: Mechanism, attributes: TemplateInput, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(generateKey, generateArgs(this.#core, mechanism, attributes), options));
  }

  /**
   * Generates a public and a private key (C_GenerateKeyPair).
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.EC_KEY_PAIR_GEN`, or with a parameter.
   * @param publicAttributes What the public key shall have, such as `namedCurve` or `modulusBits`.
   * @param privateAttributes What the private key shall have.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Both keys, objects of the session unless `token: true` is among their attributes.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID, CKR_CURVE_NOT_SUPPORTED, CKR_TEMPLATE_INCOMPLETE,
   * CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async generateKeyPair(
    mechanism: Mechanism,
    publicAttributes: TemplateInput,
    privateAttributes: TemplateInput,
    options?: CallOptions,
  ): Promise<Pkcs11KeyPair> {
    const args = pairArgs(this.#core, mechanism, publicAttributes, privateAttributes);
    return this.#pair(
      await this.#core.run(
        generateKeyPair,
        args,
        options,
        (frame, pair) => discardObjects(frame, args.session, [pair.publicKey, pair.privateKey]),
      ),
    );
  }

  /**
   * Generates a public and a private key (C_GenerateKeyPair). In place; see {@linkcode Session.generateKeyPair}.
   *
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.EC_KEY_PAIR_GEN`, or with a parameter.
   * @param publicAttributes What the public key shall have, such as `namedCurve` or `modulusBits`.
   * @param privateAttributes What the private key shall have.
   * @param options A signal, which is looked at before each native call.
   * @returns Both keys, objects of the session unless `token: true` is among their attributes.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID, CKR_CURVE_NOT_SUPPORTED, CKR_TEMPLATE_INCOMPLETE,
   * CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For an attribute of an unknown name, or a value of another kind than it has.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  generateKeyPairSync(
    mechanism: Mechanism,
    publicAttributes: TemplateInput,
    privateAttributes: TemplateInput,
    options?: CallOptions,
  ): Pkcs11KeyPair {
    return this.#pair(
      this.#core.runSync(
        generateKeyPair,
        pairArgs(this.#core, mechanism, publicAttributes, privateAttributes),
        options,
      ),
    );
  }

  /**
   * Encrypts a key with another one, to leave the token (C_WrapKey).
   *
   * @param wrappingKey The key that encrypts.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesKeyWrap} makes.
   * @param key The key that leaves the token.
   * @param options Data that is authenticated beside it, and a signal that cancels the call.
   * @returns The wrapped key.
   * @throws {Pkcs11Error} CKR_KEY_UNEXTRACTABLE, CKR_KEY_NOT_WRAPPABLE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async wrapKey(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = wrapArgs(this.#core, wrappingKey, mechanism, key, options);
    return await this.#core.run(wrapKey, args, options);
  }

  /**
   * Encrypts a key with another one, to leave the token (C_WrapKey). In place; see {@linkcode Session.wrapKey}.
   *
   * @param wrappingKey The key that encrypts.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesKeyWrap} makes.
   * @param key The key that leaves the token.
   * @param options Data that is authenticated beside it, and a signal.
   * @returns The wrapped key.
   * @throws {Pkcs11Error} CKR_KEY_UNEXTRACTABLE, CKR_KEY_NOT_WRAPPABLE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID …
   * @throws {TypeError} For a key of another token, and for a mechanism or data of the wrong kind.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  wrapKeySync(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(wrapKey, wrapArgs(this.#core, wrappingKey, mechanism, key, options), options);
  }

  /**
   * Makes a key of an encrypted one (C_UnwrapKey).
   *
   * @param key The key that decrypts.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesKeyWrap} makes.
   * @param wrapped What {@linkcode Session.wrapKey} gave.
   * @param attributes What the key shall have: at least its class and type.
   * @param options Data that was authenticated beside it, and a signal that cancels the call.
   * @returns The key.
   * @throws {Pkcs11Error} CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
   * CKR_TEMPLATE_INCONSISTENT …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async unwrapKey(
    key: Pkcs11Object,
    mechanism: Mechanism,
    wrapped: BytesInput,
    attributes: TemplateInput,
    options?: WrapOptions,
  ): Promise<Pkcs11Object> {
    const args = unwrapArgs(this.#core, key, mechanism, wrapped, attributes, options);
    return this.#object(await this.#core.run(unwrapKey, args, options, destroyLate(args.session)));
  }

  /**
   * Makes a key of an encrypted one (C_UnwrapKey). In place; see {@linkcode Session.unwrapKey}.
   *
   * @param key The key that decrypts.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode aesKeyWrap} makes.
   * @param wrapped What {@linkcode Session.wrapKey} gave.
   * @param attributes What the key shall have: at least its class and type.
   * @param options Data that was authenticated beside it, and a signal.
   * @returns The key.
   * @throws {Pkcs11Error} CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
   * CKR_TEMPLATE_INCONSISTENT …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  unwrapKeySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    wrapped: BytesInput,
    attributes: TemplateInput,
    options?: WrapOptions,
  ): Pkcs11Object {
    return this.#object(
      this.#core.runSync(unwrapKey, unwrapArgs(this.#core, key, mechanism, wrapped, attributes, options), options),
    );
  }

  /**
   * Derives a key from another one (C_DeriveKey).
   *
   * @param key The key it is derived from.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode ecdh1} makes.
   * @param attributes What the new key shall have: at least its class and type.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The new key.
   * @throws {Pkcs11Error} CKR_TEMPLATE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async deriveKey(
    key: Pkcs11Object,
    mechanism: Mechanism,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = deriveArgs(this.#core, "derive a key", key, mechanism, attributes);
    return this.#object(await this.#core.run(deriveKey, args, options, destroyLate(args.session)));
  }

  /**
   * Derives a key from another one (C_DeriveKey). In place; see {@linkcode Session.deriveKey}.
   *
   * @param key The key it is derived from.
   * @param mechanism Its {@linkcode CKM} number, or what a builder such as {@linkcode ecdh1} makes.
   * @param attributes What the new key shall have: at least its class and type.
   * @param options A signal, which is looked at before each native call.
   * @returns The new key.
   * @throws {Pkcs11Error} CKR_TEMPLATE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
   * CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  deriveKeySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#object(
      this.#core.runSync(deriveKey, deriveArgs(this.#core, "derive a key", key, mechanism, attributes), options),
    );
  }

  /**
   * Makes a shared secret for the owner of a public key (C_EncapsulateKey, PKCS#11 3.2).
   *
   * @param publicKey Whose owner gets the secret.
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.ML_KEM`.
   * @param attributes What the secret shall have: at least its class and type.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The secret, and the ciphertext for the owner of the private key.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2; CKR_TEMPLATE_INCONSISTENT,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async encapsulateKey(
    publicKey: Pkcs11Object,
    mechanism: Mechanism,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Promise<EncapsulatedKey> {
    const args = deriveArgs(this.#core, "encapsulate a key", publicKey, mechanism, attributes);
    return this.#encapsulated(
      await this.#core.run(
        encapsulateKey,
        args,
        options,
        (frame, made) => discardObjects(frame, args.session, [made.key]),
      ),
    );
  }

  /**
   * Makes a shared secret for the owner of a public key (C_EncapsulateKey, PKCS#11 3.2). In place; see
   * {@linkcode Session.encapsulateKey}.
   *
   * @param publicKey Whose owner gets the secret.
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.ML_KEM`.
   * @param attributes What the secret shall have: at least its class and type.
   * @param options A signal, which is looked at before each native call.
   * @returns The secret, and the ciphertext for the owner of the private key.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2; CKR_TEMPLATE_INCONSISTENT,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  encapsulateKeySync(
    publicKey: Pkcs11Object,
    mechanism: Mechanism,
    attributes: TemplateInput,
    options?: CallOptions,
  ): EncapsulatedKey {
    return this.#encapsulated(
      this.#core.runSync(
        encapsulateKey,
        deriveArgs(this.#core, "encapsulate a key", publicKey, mechanism, attributes),
        options,
      ),
    );
  }

  /**
   * Gets the shared secret out of a ciphertext (C_DecapsulateKey, PKCS#11 3.2).
   *
   * @param privateKey The key the secret was made for.
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.ML_KEM`.
   * @param ciphertext What {@linkcode Session.encapsulateKey} gave beside the secret.
   * @param attributes What the secret shall have: at least its class and type.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The secret.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2; CKR_TEMPLATE_INCONSISTENT,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an operation in parts is open on the session.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async decapsulateKey(
    privateKey: Pkcs11Object,
    mechanism: Mechanism,
    ciphertext: BytesInput,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = decapsulateArgs(this.#core, privateKey, mechanism, ciphertext, attributes);
    return this.#object(await this.#core.run(decapsulateKey, args, options, destroyLate(args.session)));
  }

  /**
   * Gets the shared secret out of a ciphertext (C_DecapsulateKey, PKCS#11 3.2). In place; see
   * {@linkcode Session.decapsulateKey}.
   *
   * @param privateKey The key the secret was made for.
   * @param mechanism Its {@linkcode CKM} number, such as `CKM.ML_KEM`.
   * @param ciphertext What {@linkcode Session.encapsulateKey} gave beside the secret.
   * @param attributes What the secret shall have: at least its class and type.
   * @param options A signal, which is looked at before each native call.
   * @returns The secret.
   * @throws {Pkcs11Error} CKR_FUNCTION_NOT_SUPPORTED: the module is older than PKCS#11 3.2; CKR_TEMPLATE_INCONSISTENT,
   * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
   * CKR_USER_NOT_LOGGED_IN …
   * @throws {TypeError} For a key of another token, a mechanism of the wrong kind, and an attribute that is none.
   * @throws {SessionClosedError} When the session is closed.
   * @throws {SessionBusyError} While an asynchronous call runs on the session, or an operation in parts is open on it.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  decapsulateKeySync(
    privateKey: Pkcs11Object,
    mechanism: Mechanism,
    ciphertext: BytesInput,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Pkcs11Object {
    return this.#object(
      this.#core.runSync(
        decapsulateKey,
        decapsulateArgs(this.#core, privateKey, mechanism, ciphertext, attributes),
        options,
      ),
    );
  }

  #closed(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    const closing = endSession(this);
    this.#closing = closing.catch(() => {});
    return closing;
  }

  /** Refuses what would wait for the question for a PIN within which it is called. */
  #assertNotAsked(action: string): void {
    if (isAskedOn(this.#core.lane)) throw new SessionBusyError(action, "the call that asks for a PIN");
  }

  #args(): { readonly session: bigint } {
    return { session: this.#core.handle };
  }

  #opened(action: string): SessionCore {
    this.#core.assertOpen(action);
    return this.#core;
  }

  #free(action: string): SessionCore {
    this.#core.assertFree(action);
    return this.#core;
  }

  #objects({ handles, attributes }: Found): Pkcs11Object[] {
    return handles.map((handle, index) => this.#object(handle, attributes && attributesOf(attributes[index]!)));
  }

  #object(handle: bigint, attributes: Attributes | null = null): Pkcs11Object {
    return new Pkcs11Object(this, handle, attributes);
  }

  #pair({ publicKey, privateKey }: KeyPairHandles): Pkcs11KeyPair {
    return { publicKey: this.#object(publicKey), privateKey: this.#object(privateKey) };
  }

  #encapsulated({ key, ciphertext }: Encapsulated): EncapsulatedKey {
    return shownAs(encapsulatedShown, { key: this.#object(key), ciphertext });
  }
}

/** A session on a handle that has just been opened; one that was opened here has a copy of its login's PIN. */
export function sessionOn(
  slot: Slot,
  handle: bigint,
  options: Pick<OpenSessionOptions, "readWrite" | "interaction">,
  opened: { readonly pin: Uint8Array | PinCallback | null } | null,
): Session {
  const pin = opened?.pin ?? null;
  const core = new SessionCore(moduleCoreOf(slot), slot.id, handle, {
    readWrite: options.readWrite ?? false,
    pin: typeof pin === "function" ? null : pin,
    reusable: opened !== null,
  });
  setContext(core, {
    slot,
    interaction: options.interaction ?? null,
    askedAtLogin: typeof pin === "function" ? pin : null,
  });
  const session = newSession(core);
  core.session = session;
  return session;
}
