/** Sessions: where keys are found, made and used. */
import { setImmediate } from "node:timers";
import { TypedEventTarget } from "../../internal/events.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import { CKR, type UserType } from "../../ffi/constants/mod.ts";
import { isAskedOn, unasked } from "../../ffi/engine/question.ts";
import { type BytesInput, copyBytes, viewBytes } from "../../ffi/memory/inputs.ts";
import { decrypt, digest, encrypt, sign, signRecover, verify, verifyRecover } from "../../ffi/operations/crypto.ts";
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
import { digestMany, encryptMany, signMany, verifyMany } from "../../ffi/operations/many.ts";
import { decryptMessage, encryptMessage } from "../../ffi/operations/messages.ts";
import {
  copyObject,
  createObject,
  discardObjects,
  type FindArgs,
  findObjects,
  type Found,
  getAttributesIfPresent,
} from "../../ffi/operations/objects.ts";
import { cancelBegun } from "../../ffi/operations/parts.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import {
  closeSession,
  generateRandom,
  initPin,
  operationState,
  seedRandom,
  sessionInfo,
  setOperationState,
  setPin,
} from "../../ffi/operations/sessions.ts";
import { Attributes } from "../attributes/attributes.ts";
import type { TemplateInput } from "../attributes/attributes_init.ts";
import type { CallOptions } from "../core/call_options.ts";
import { DiscardHandleEvent } from "../core/discard_handle.ts";
import { leave } from "../core/handle_pool.ts";
import { type SessionInfo, sessionInfoOf } from "../core/infos.ts";
import { countedLogin, countedLogout } from "../core/logins.ts";
import { SessionCore } from "../core/session_core.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../errors.ts";
import { importCertificate, importKey, importKeyPair } from "../keys/create_keys.ts";
import { type KeyInput, withKey, withKeySync } from "../keys/forms/read_key.ts";
import { chainOf } from "../keys/partners.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { cryptoArgs, digestArgs, manyArgs, messageArgs, verifyArgs, verifyManyArgs } from "./crypto_args.ts";
import { faceOf, revealCore, setFace } from "./faces.ts";
import {
  certificateArgs,
  checkEncapsulation,
  describeMatch,
  encapsulation,
  importArgs,
  importPairArgs,
  objectArgs,
  onlyOne,
  sharedKey,
} from "./form_args.ts";
import { decapsulateArgs, deriveArgs, generateArgs, pairArgs, unwrapArgs, wrapArgs } from "./key_args.ts";
import { loginArgs, logoutArgs, pinArgs, twoPins, undoneLogin } from "./login_args.ts";
import type { Module } from "./module.ts";
import { Pkcs11Object } from "./object.ts";
import { copyArgs, createArgs, destroyLate, findArgs } from "./object_args.ts";
import type {
  DataInput,
  EncapsulatedKey,
  EncapsulateOptions,
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
import { Decryptor, Digester, Encryptor, PartsSigner, PartsVerifier } from "./parts_async.ts";
import { SyncDecryptor, SyncDigester, SyncEncryptor, SyncPartsSigner, SyncPartsVerifier } from "./parts_sync.ts";
import { moduleCoreOf, Slot } from "./slot.ts";
import { cancelArgs, lengthArgs, stateArgs } from "./state_args.ts";
import { cipherStream, closing, feed } from "./streams.ts";

/** Answers of C_CloseSession that mean there is nothing left to close. */
const GONE: ReadonlySet<number> = new Set([
  CKR.OK,
  CKR.SESSION_HANDLE_INVALID,
  CKR.SESSION_CLOSED,
  CKR.DEVICE_REMOVED,
  CKR.TOKEN_NOT_PRESENT,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]);

/**
 * A session with a token (`GP11Session`). Every verb has two forms: a plain one runs its native calls on a worker thread
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
  }

  /** Sessions come from {@linkcode Slot.openSession} and {@linkcode Session.fromHandle}. */
  constructor(core: SessionCore) {
    super();
    this.#core = core;
  }

  /**
   * Wraps a handle and owns it: it is discarded when the wrapper closes (`gp11_session_from_handle`). The handle is not
   * checked.
   *
   * @throws {RangeError} when the handle is negative or no CK_SESSION_HANDLE
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

  /** {@linkcode Session.getInfo} in place. */
  getInfoSync(options?: CallOptions): SessionInfo {
    return sessionInfoOf(this.#opened("read the session's information").runSync(sessionInfo, this.#args(), options));
  }

  /**
   * Random bytes of the token (C_GenerateRandom).
   *
   * @param length Bytes wanted.
   */
  async generateRandom(length: number, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#opened("generate random bytes").run(generateRandom, lengthArgs(this.#core, length), options);
  }

  /** {@linkcode Session.generateRandom} in place. */
  generateRandomSync(length: number, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#opened("generate random bytes").runSync(generateRandom, lengthArgs(this.#core, length), options);
  }

  /** Mixes bytes into the token's random numbers (C_SeedRandom). */
  async seedRandom(data: BytesInput, options?: CallOptions): Promise<void> {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    await this.#opened("seed the random generator").run(seedRandom, args, options);
  }

  /** {@linkcode Session.seedRandom} in place. */
  seedRandomSync(data: BytesInput, options?: CallOptions): void {
    const args = { ...this.#args(), data: viewBytes(data, "a seed") };
    this.#opened("seed the random generator").runSync(seedRandom, args, options);
  }

  /** Saves the state of the open multi-part operation (C_GetOperationState). */
  async getOperationState(options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#opened("save the operation's state").run(operationState, this.#args(), options);
  }

  /** {@linkcode Session.getOperationState} in place. */
  getOperationStateSync(options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#opened("save the operation's state").runSync(operationState, this.#args(), options);
  }

  /** Restores a state that was saved (C_SetOperationState). */
  async setOperationState(state: BytesInput, options?: OperationStateOptions): Promise<void> {
    await this.#opened("restore the operation's state").run(
      setOperationState,
      stateArgs(this.#core, state, options),
      options,
    );
  }

  /** {@linkcode Session.setOperationState} in place. */
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
   */
  async cancelOperation(flags?: number, options?: CallOptions): Promise<void> {
    await this.#opened("cancel the session's operation").run(cancelBegun, cancelArgs(this.#core, flags), options);
    this.#core.lane.open = null;
  }

  /** {@linkcode Session.cancelOperation} in place. */
  cancelOperationSync(flags?: number, options?: CallOptions): void {
    this.#opened("cancel the session's operation").runSync(cancelBegun, cancelArgs(this.#core, flags), options);
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

  /**
   * {@linkcode Session.close} in place.
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

  /**
   * Logs in to the token, for every session this program has on it (`gp11_session_login`, C_Login).
   *
   * @param userType A CKU number.
   * @param pin The PIN; `null` uses the protected authentication path.
   * @returns Whether a login was made; `false` only with `ifNeeded`.
   * @throws {Pkcs11Error} CKR_USER_ALREADY_LOGGED_IN, CKR_PIN_INCORRECT, CKR_PIN_LOCKED …
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

  /** {@linkcode Session.login} in place. */
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
   */
  async logout(options?: CallOptions): Promise<void> {
    await this.#opened("log out").run(countedLogout, logoutArgs(this.#core), options);
  }

  /** {@linkcode Session.logout} in place. */
  logoutSync(options?: CallOptions): void {
    this.#opened("log out").runSync(countedLogout, logoutArgs(this.#core), options);
  }

  /** Sets the user's PIN, as security officer (C_InitPIN). */
  async initPin(pin: string | BytesInput | null, options?: CallOptions): Promise<void> {
    await this.#opened("set the user's PIN").run(initPin, pinArgs(this.#core, pin), options);
  }

  /** {@linkcode Session.initPin} in place. */
  initPinSync(pin: string | BytesInput | null, options?: CallOptions): void {
    this.#opened("set the user's PIN").runSync(initPin, pinArgs(this.#core, pin), options);
  }

  /** Changes the PIN of whoever is logged in, or of the user in a public session (C_SetPIN). */
  async setPin(
    oldPin: string | BytesInput | null,
    newPin: string | BytesInput | null,
    options?: CallOptions,
  ): Promise<void> {
    await this.#opened("change the PIN").run(setPin, twoPins(this.#core, oldPin, newPin), options);
  }

  /** {@linkcode Session.setPin} in place. */
  setPinSync(
    oldPin: string | BytesInput | null,
    newPin: string | BytesInput | null,
    options?: CallOptions,
  ): void {
    this.#opened("change the PIN").runSync(setPin, twoPins(this.#core, oldPin, newPin), options);
  }

  /**
   * Creates an object (`gp11_session_create_object`, C_CreateObject).
   *
   * @param attributes What it is made of: at least its class.
   */
  async createObject(attributes: TemplateInput, options?: CallOptions): Promise<Pkcs11Object> {
    const args = createArgs(this.#core, attributes);
    return this.#object(await this.#core.run(createObject, args, options, destroyLate(args.session)));
  }

  /** {@linkcode Session.createObject} in place. */
  createObjectSync(attributes: TemplateInput, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(createObject, createArgs(this.#core, attributes), options));
  }

  /** Copies an object; `attributes` differ from the original's (C_CopyObject). */
  async copyObject(
    object: Pkcs11Object,
    attributes: TemplateInput = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = copyArgs(this.#core, object, attributes);
    return this.#object(await this.#core.run(copyObject, args, options, destroyLate(args.session)));
  }

  /** {@linkcode Session.copyObject} in place. */
  copyObjectSync(object: Pkcs11Object, attributes: TemplateInput = {}, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(copyObject, copyArgs(this.#core, object, attributes), options));
  }

  /**
   * Finds the objects that have these attributes, in the token's order; all of them without any
   * (`gp11_session_find_objects`; C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal).
   *
   * @returns The objects; finding none is no error.
   */
  async findObjects(match: TemplateInput = {}, options?: FindOptions): Promise<Pkcs11Object[]> {
    return this.#objects(await this.#core.run(findObjects, findArgs(this.#core, match, options), options));
  }

  /** {@linkcode Session.findObjects} in place. */
  findObjectsSync(match: TemplateInput = {}, options?: FindOptions): Pkcs11Object[] {
    return this.#objects(this.#core.runSync(findObjects, findArgs(this.#core, match, options), options));
  }

  /**
   * The objects that have these attributes, one by one. The session is not held between the steps: any call works inside
   * the loop, and a loop that is left early leaves nothing open. Objects that vanish meanwhile are passed over. What to
   * look for is checked and copied when this is called; the objects are found at the first step.
   */
  objects(match: TemplateInput = {}, options?: FindOptions): AsyncGenerator<Pkcs11Object, void, undefined> {
    return this.#eachObject(findArgs(this.#core, match, options), options);
  }

  /** {@linkcode Session.objects} in place. */
  objectsSync(match: TemplateInput = {}, options?: FindOptions): Generator<Pkcs11Object, void, undefined> {
    return this.#eachObjectSync(findArgs(this.#core, match, options), options);
  }

  /**
   * Brings a key into the token: its class and type come from the input. It is a session object unless `token: true` is
   * among the attributes; private and secret keys are private, sensitive and unextractable unless those say otherwise,
   * and may be used for all that fits their type unless those name a use. What was read is overwritten afterwards.
   *
   * @param key PEM, DER, a JSON Web Key or an extractable `CryptoKey`.
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no key; the message says which part is wrong.
   * @throws {Pkcs11Error} Where the token does not take it (C_CreateObject).
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

  /** {@linkcode Session.importKey} in place; a `CryptoKey` can only be read by waiting. */
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
   * @throws {TypeError} Where the input is damaged, contradicts itself, or is no private key.
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

  /** {@linkcode Session.importKeyPair} in place. */
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
   * @throws {TypeError} Where it is damaged or no certificate.
   */
  async importCertificate(
    certificate: string | BytesInput,
    attributes: TemplateInput = {},
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = certificateArgs(this.#core, certificate, attributes);
    return this.#object(await this.#core.run(importCertificate, args, options, destroyLate(args.session)));
  }

  /** {@linkcode Session.importCertificate} in place. */
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
   */
  async certificateChain(certificate: Pkcs11Object, options?: CallOptions): Promise<Pkcs11Object[]> {
    const chain = await this.#core.run(chainOf, objectArgs(this.#core, "find the chain", certificate), options);
    return chain.map((handle) => this.#object(handle));
  }

  /** {@linkcode Session.certificateChain} in place. */
  certificateChainSync(certificate: Pkcs11Object, options?: CallOptions): Pkcs11Object[] {
    const chain = this.#core.runSync(chainOf, objectArgs(this.#core, "find the chain", certificate), options);
    return chain.map((handle) => this.#object(handle));
  }

  /**
   * The one object that has these attributes.
   *
   * @throws {ObjectNotFoundError} Where there is none.
   * @throws {ObjectAmbiguousError} Where there is more than one.
   */
  async findObject(match: TemplateInput, options?: FindOptions): Promise<Pkcs11Object> {
    const text = describeMatch(match);
    return onlyOne(await this.findObjects(match, options), text);
  }

  /** {@linkcode Session.findObject} in place. */
  findObjectSync(match: TemplateInput, options?: FindOptions): Pkcs11Object {
    const text = describeMatch(match);
    return onlyOne(this.findObjectsSync(match, options), text);
  }

  /**
   * A shared secret for who has the private half, as a key, and the ciphertext that brings it there (C_EncapsulateKey,
   * PKCS#11 3.2; FIPS 203). The key is a sensitive, unextractable session object and a generic secret of 32 bytes unless
   * the attributes say otherwise; `{ keyType: CKK.AES }` alone makes an AES key of 32 bytes.
   *
   * @throws {TypeError} Where the key's type has no mechanism of its own: name it.
   */
  async encapsulate(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): Promise<EncapsulatedKey> {
    checkEncapsulation(this.#core, "encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation((await publicKey.get(["keyType"], call)).keyType);
    return await this.encapsulateKey(publicKey, own, sharedKey(attributes), call);
  }

  /** {@linkcode Session.encapsulate} in place. */
  encapsulateSync(publicKey: Pkcs11Object, options: EncapsulateOptions = {}): EncapsulatedKey {
    checkEncapsulation(this.#core, "encapsulate a key", publicKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(publicKey.getSync(["keyType"], call).keyType);
    return this.encapsulateKeySync(publicKey, own, sharedKey(attributes), call);
  }

  /** The shared secret out of a ciphertext of {@linkcode Session.encapsulate} (C_DecapsulateKey, PKCS#11 3.2). */
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

  /** {@linkcode Session.decapsulate} in place. */
  decapsulateSync(privateKey: Pkcs11Object, ciphertext: BytesInput, options: EncapsulateOptions = {}): Pkcs11Object {
    checkEncapsulation(this.#core, "decapsulate a key", privateKey, options);
    const { attributes, mechanism, ...call } = options;
    const own = mechanism ?? encapsulation(privateKey.getSync(["keyType"], call).keyType);
    return this.decapsulateKeySync(privateKey, own, ciphertext, sharedKey(attributes), call);
  }

  /**
   * Encrypts data (`gp11_session_encrypt_full`; C_EncryptInit, C_Encrypt).
   *
   * @returns The encrypted data.
   */
  async encrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#core.run(encrypt, cryptoArgs(this.#core, "encrypt", key, mechanism, data), options);
  }

  /** {@linkcode Session.encrypt} in place. */
  encryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(encrypt, cryptoArgs(this.#core, "encrypt", key, mechanism, data), options);
  }

  /**
   * Decrypts data (`gp11_session_decrypt_full`; C_DecryptInit, C_Decrypt).
   *
   * @returns The plain data.
   */
  async decrypt(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#core.run(decrypt, cryptoArgs(this.#core, "decrypt", key, mechanism, data), options);
  }

  /** {@linkcode Session.decrypt} in place. */
  decryptSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(decrypt, cryptoArgs(this.#core, "decrypt", key, mechanism, data), options);
  }

  /**
   * Signs data (`gp11_session_sign_full`; C_SignInit, C_Sign). Raw mechanisms sign a hash, combined ones the data.
   *
   * @returns The signature.
   */
  async sign(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (data instanceof ReadableStream) {
      const parts = new PartsSigner(this, key, mechanism);
      return await closing(parts, async () => {
        await feed(data, parts, options);
        return await parts.final(options);
      });
    }
    return await this.#core.run(sign, cryptoArgs(this.#core, "sign", key, mechanism, data), options);
  }

  /** {@linkcode Session.sign} in place. */
  signSync(key: Pkcs11Object, mechanism: Mechanism, data: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(sign, cryptoArgs(this.#core, "sign", key, mechanism, data), options);
  }

  /**
   * Verifies a signature (`gp11_session_verify_full`; C_VerifyInit, C_Verify).
   *
   * @returns Whether it is right; `false` for a signature that is wrong or of a wrong length.
   * @throws {Pkcs11Error} when the token could not look at it
   */
  async verify(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: DataInput,
    signature: BytesInput,
    options?: CallOptions,
  ): Promise<boolean> {
    if (data instanceof ReadableStream) {
      const verifier = new PartsVerifier(this, key, mechanism);
      return await closing(verifier, async () => {
        await feed(data, verifier, options);
        return await verifier.final(signature, options);
      });
    }
    return await this.#core.run(verify, verifyArgs(this.#core, key, mechanism, data, signature), options);
  }

  /** {@linkcode Session.verify} in place. */
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
   * @returns The hash.
   */
  async digest(mechanism: Mechanism, data: DataInput, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    if (data instanceof ReadableStream) {
      const digester = new Digester(this, mechanism);
      return await closing(digester, async () => {
        await feed(data, digester, options);
        return await digester.final(options);
      });
    }
    return await this.#core.run(digest, digestArgs(this.#core, mechanism, data), options);
  }

  /** {@linkcode Session.digest} in place. */
  digestSync(mechanism: Mechanism, data: BytesInput, options?: CallOptions): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(digest, digestArgs(this.#core, mechanism, data), options);
  }

  /**
   * Signs data that {@linkcode Session.verifyRecover} gets back (C_SignRecoverInit, C_SignRecover).
   *
   * @returns The signature.
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

  /** {@linkcode Session.signRecover} in place. */
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
   * @returns The data that was signed.
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

  /** {@linkcode Session.verifyRecover} in place. */
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

  /** Signs many inputs in one job of a worker thread. (C_SignInit, C_Sign for each) */
  async signMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(signMany, manyArgs(this.#core, "sign", key, mechanism, inputs), options);
  }

  /** {@linkcode Session.signMany} in place. */
  signManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(signMany, manyArgs(this.#core, "sign", key, mechanism, inputs), options);
  }

  /** Encrypts many inputs in one job of a worker thread, each with the same parameter. (C_EncryptInit, C_Encrypt for each) */
  async encryptMany(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(encryptMany, manyArgs(this.#core, "encrypt", key, mechanism, inputs), options);
  }

  /** {@linkcode Session.encryptMany} in place. */
  encryptManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(encryptMany, manyArgs(this.#core, "encrypt", key, mechanism, inputs), options);
  }

  /** Hashes many inputs in one job of a worker thread. (C_DigestInit, C_Digest for each) */
  async digestMany(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>[]> {
    return await this.#core.run(digestMany, manyArgs(this.#core, "digest", null, mechanism, inputs), options);
  }

  /** {@linkcode Session.digestMany} in place. */
  digestManySync(
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    options?: CallOptions,
  ): Uint8Array<ArrayBuffer>[] {
    return this.#core.runSync(digestMany, manyArgs(this.#core, "digest", null, mechanism, inputs), options);
  }

  /**
   * Verifies many signatures in one job of a worker thread. (C_VerifyInit, C_Verify for each)
   *
   * @param inputs What was signed.
   * @param signatures As many signatures, in the same order.
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

  /** {@linkcode Session.verifyMany} in place. */
  verifyManySync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    inputs: readonly BytesInput[],
    signatures: readonly BytesInput[],
    options?: CallOptions,
  ): boolean[] {
    return this.#core.runSync(verifyMany, verifyManyArgs(this.#core, key, mechanism, inputs, signatures), options);
  }

  /** Encrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  encryptor(key: Pkcs11Object, mechanism: Mechanism): Encryptor {
    return new Encryptor(this, key, mechanism);
  }

  /** {@linkcode Session.encryptor} in place. */
  encryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncEncryptor {
    return new SyncEncryptor(this, key, mechanism);
  }

  /** Decrypts data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  decryptor(key: Pkcs11Object, mechanism: Mechanism): Decryptor {
    return new Decryptor(this, key, mechanism);
  }

  /** {@linkcode Session.decryptor} in place. */
  decryptorSync(key: Pkcs11Object, mechanism: Mechanism): SyncDecryptor {
    return new SyncDecryptor(this, key, mechanism);
  }

  /** Signs data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  signer(key: Pkcs11Object, mechanism: Mechanism): PartsSigner {
    return new PartsSigner(this, key, mechanism);
  }

  /** {@linkcode Session.signer} in place. */
  signerSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsSigner {
    return new SyncPartsSigner(this, key, mechanism);
  }

  /** Verifies data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  verifier(key: Pkcs11Object, mechanism: Mechanism): PartsVerifier {
    return new PartsVerifier(this, key, mechanism);
  }

  /** {@linkcode Session.verifier} in place. */
  verifierSync(key: Pkcs11Object, mechanism: Mechanism): SyncPartsVerifier {
    return new SyncPartsVerifier(this, key, mechanism);
  }

  /** Hashes data that comes in parts. Until it is finished or closed, the session does no other cryptography. */
  digester(mechanism: Mechanism): Digester {
    return new Digester(this, mechanism);
  }

  /** {@linkcode Session.digester} in place. */
  digesterSync(mechanism: Mechanism): SyncDigester {
    return new SyncDigester(this, mechanism);
  }

  /** A stream that encrypts what flows through it. */
  encryptStream(key: Pkcs11Object, mechanism: Mechanism): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
    return cipherStream(new Encryptor(this, key, mechanism));
  }

  /** A stream that decrypts what flows through it. */
  decryptStream(key: Pkcs11Object, mechanism: Mechanism): TransformStream<BytesInput, Uint8Array<ArrayBuffer>> {
    return cipherStream(new Decryptor(this, key, mechanism));
  }

  /**
   * Encrypts one message (C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal; PKCS#11 3.0).
   *
   * @param mechanism With a message's parameter, such as `aesGcmMessage` makes: the nonce the token used and the tag are
   * read from it after the call.
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

  /** {@linkcode Session.encryptMessage} in place. */
  encryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = messageArgs(this.#core, "encrypt a message", key, mechanism, data, options);
    return this.#core.runSync(encryptMessage, args, options);
  }

  /** Decrypts one message (C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal; PKCS#11 3.0). */
  async decryptMessage(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = messageArgs(this.#core, "decrypt a message", key, mechanism, data, options);
    return await this.#core.run(decryptMessage, args, options);
  }

  /** {@linkcode Session.decryptMessage} in place. */
  decryptMessageSync(
    key: Pkcs11Object,
    mechanism: Mechanism,
    data: BytesInput,
    options?: MessageOptions,
  ): Uint8Array<ArrayBuffer> {
    const args = messageArgs(this.#core, "decrypt a message", key, mechanism, data, options);
    return this.#core.runSync(decryptMessage, args, options);
  }

  /** Generates a secret key or domain parameters (C_GenerateKey). */
  async generateKey(mechanism: Mechanism, attributes: TemplateInput, options?: CallOptions): Promise<Pkcs11Object> {
    const args = generateArgs(this.#core, mechanism, attributes);
    return this.#object(await this.#core.run(generateKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode Session.generateKey} in place. */
  generateKeySync(mechanism: Mechanism, attributes: TemplateInput, options?: CallOptions): Pkcs11Object {
    return this.#object(this.#core.runSync(generateKey, generateArgs(this.#core, mechanism, attributes), options));
  }

  /** Generates a public and a private key (C_GenerateKeyPair). */
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

  /** {@linkcode Session.generateKeyPair} in place. */
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

  /** Encrypts a key with another one, to leave the token (C_WrapKey). */
  async wrapKey(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const args = wrapArgs(this.#core, wrappingKey, mechanism, key, options);
    return await this.#core.run(wrapKey, args, options);
  }

  /** {@linkcode Session.wrapKey} in place. */
  wrapKeySync(
    wrappingKey: Pkcs11Object,
    mechanism: Mechanism,
    key: Pkcs11Object,
    options?: WrapOptions,
  ): Uint8Array<ArrayBuffer> {
    return this.#core.runSync(wrapKey, wrapArgs(this.#core, wrappingKey, mechanism, key, options), options);
  }

  /** Makes a key of an encrypted one (C_UnwrapKey). */
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

  /** {@linkcode Session.unwrapKey} in place. */
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

  /** Derives a key from another one (C_DeriveKey). */
  async deriveKey(
    key: Pkcs11Object,
    mechanism: Mechanism,
    attributes: TemplateInput,
    options?: CallOptions,
  ): Promise<Pkcs11Object> {
    const args = deriveArgs(this.#core, "derive a key", key, mechanism, attributes);
    return this.#object(await this.#core.run(deriveKey, args, options, destroyLate(args.session)));
  }

  /** {@linkcode Session.deriveKey} in place. */
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

  /** Makes a shared secret for the owner of a public key (C_EncapsulateKey, PKCS#11 3.2). */
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

  /** {@linkcode Session.encapsulateKey} in place. */
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

  /** Gets the shared secret out of a ciphertext (C_DecapsulateKey, PKCS#11 3.2). */
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

  /** {@linkcode Session.decapsulateKey} in place. */
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
    const closing = this.#close();
    this.#closing = closing.catch(() => {});
    return closing;
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
    // It is somebody else's from now on.
    if (event.claimed) core.lane.register?.forget(core.handle);
    if (!event.claimed && fit && core.reusable && !core.module.closed) {
      core.module.pool?.offer(event, core.slot, core.readWrite);
    }
    core.lane.open = null;
    return event.claimed;
  }

  #checkClosed(rv: number): void {
    // A server that is away has closed its sessions.
    if (GONE.has(rv) || rv === CKR.DEVICE_ERROR && this.#core.module.backend.reconnect !== null) return;
    throw new Pkcs11Error(rv, "C_CloseSession", { token: this.#core.lane.token?.label });
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

  async *#eachObject(
    { plan, ...args }: FindArgs,
    options: FindOptions | undefined,
  ): AsyncGenerator<Pkcs11Object, void> {
    const core = this.#core;
    for (const handle of (await core.run(findObjects, { ...args, plan: null }, options)).handles) {
      options?.signal?.throwIfAborted();
      core.assertOpen("find objects");
      const read = plan &&
        await core.run(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
      if (!plan) yield this.#object(handle);
      else if (read) yield this.#object(handle, new Attributes(read));
    }
  }

  *#eachObjectSync({ plan, ...args }: FindArgs, options: FindOptions | undefined): Generator<Pkcs11Object, void> {
    const core = this.#core;
    for (const handle of core.runSync(findObjects, { ...args, plan: null }, options).handles) {
      options?.signal?.throwIfAborted();
      core.assertOpen("find objects");
      const read = plan &&
        core.runSync(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
      if (!plan) yield this.#object(handle);
      else if (read) yield this.#object(handle, new Attributes(read));
    }
  }

  #objects({ handles, attributes }: Found): Pkcs11Object[] {
    return handles.map((handle, index) => this.#object(handle, attributes && new Attributes(attributes[index]!)));
  }

  #object(handle: bigint, attributes: Attributes | null = null): Pkcs11Object {
    return new Pkcs11Object(this, handle, attributes);
  }

  #pair({ publicKey, privateKey }: KeyPairHandles): Pkcs11KeyPair {
    return { publicKey: this.#object(publicKey), privateKey: this.#object(privateKey) };
  }

  #encapsulated({ key, ciphertext }: Encapsulated): EncapsulatedKey {
    return { key: this.#object(key), ciphertext };
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
  setFace(core, {
    slot,
    interaction: options.interaction ?? null,
    askedAtLogin: typeof pin === "function" ? pin : null,
  });
  const session = new Session(core);
  core.session = session;
  return session;
}
