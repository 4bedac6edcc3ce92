/** Slots and the tokens in them. */
import { type BytesInput, checkType, checkUlong, describeType, encodeText } from "../../ffi/memory/inputs.ts";
import type { MechanismType } from "../../ffi/constants/mod.ts";
import { mechanismInfo, mechanismList, slotInfo, tokenInfo } from "../../ffi/operations/modules.ts";
import { initToken } from "../../ffi/operations/sessions.ts";
import {
  type MechanismInfo,
  mechanismInfoOf,
  type SlotInfo,
  slotInfoOf,
  type TokenInfo,
  tokenInfoOf,
} from "../core/infos.ts";
import type { Module } from "./module.ts";
import { ModuleCore } from "../core/module_core.ts";
import { openSession, openSessionSync } from "./open_session.ts";
import type { OpenSessionOptions, SharedSessionsOptions } from "./options.ts";
import type { CallOptions } from "../core/call_options.ts";
import { plainPin, withPins } from "./pin.ts";
import type { Session } from "./session.ts";
import { newSessionPool, type SessionPool } from "./shared_sessions.ts";

/** The most bytes of a token's label. */
export const TOKEN_LABEL_LENGTH = 32;

/** The state of a slot's module. */
export let moduleCoreOf: (slot: Slot) => ModuleCore;

/** Makes a slot. */
export let newSlot: (module: Module, core: ModuleCore, id: bigint) => Slot;

/**
 * A slot of a module: a place where a token can be (`GP11Slot`). Slots come from {@linkcode Module.slots} and
 * {@linkcode Module.findSlot}.
 *
 * @example Name the tokens of a module
 * ```ts
 * import type { Module } from "@gp11/gp11";
 *
 * function labels(module: Module): string[] {
 *   return module.slotsSync({ tokenPresent: true }).map((slot) => slot.tokenInfoSync().label);
 * }
 * ```
 */
export class Slot {
  /** The module the slot belongs to. */
  readonly module: Module;
  /** The number the module gave the slot (CK_SLOT_ID). */
  readonly id: bigint;
  readonly #core: ModuleCore;

  static {
    moduleCoreOf = (slot) => slot.#core;
    newSlot = (module, core, id) => new Slot(module, core, id);
  }

  private constructor(module: Module, core: ModuleCore, id: bigint) {
    if (!(core instanceof ModuleCore)) throw new TypeError("Cannot make a slot: slots come from module.slots()");
    this.module = module;
    this.#core = core;
    this.id = id;
  }

  /**
   * Sessions for calls that run side by side: see {@linkcode SessionPool}. Nothing is opened before the first use.
   *
   * @param options How many sessions there may be, how they are opened, and when one that is not used is closed.
   * @returns The pool; it is the caller's to close.
   * @throws {TypeError | RangeError} When a limit is no number or out of range.
   */
  sessionPool(options: SharedSessionsOptions = {}): SessionPool {
    return newSessionPool(this, options);
  }

  /**
   * Whether this is the same slot of the same module, however it was found (`gp11_slot_equal`).
   *
   * @param other What it is compared with; anything else than a slot is another one.
   */
  equals(other: Slot): boolean {
    if (!(other instanceof Slot)) return false;
    const [mine, others] = [this.#core, other.#core];
    const { callers } = mine.backend;
    return other.id === this.id &&
      (others.engine === mine.engine || (callers !== null && others.backend.callers === callers));
  }

  /**
   * What the slot tells about itself (C_GetSlotInfo).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_SLOT_ID_INVALID.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async info(options?: CallOptions): Promise<SlotInfo> {
    return slotInfoOf(await this.#core.call("C_GetSlotInfo", slotInfo, { slot: this.id }, options));
  }

  /**
   * What the slot tells about itself (C_GetSlotInfo). In place; see {@linkcode Slot.info}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_SLOT_ID_INVALID.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  infoSync(options?: CallOptions): SlotInfo {
    return slotInfoOf(this.#core.callSync("C_GetSlotInfo", slotInfo, { slot: this.id }, options));
  }

  /**
   * What the token tells about itself (C_GetTokenInfo).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT,
   * CKR_TOKEN_NOT_RECOGNIZED …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async tokenInfo(options?: CallOptions): Promise<TokenInfo> {
    const info = await this.#core.call("C_GetTokenInfo", tokenInfo, { slot: this.id }, options);
    return tokenInfoOf(info, this.#core.engine.table.abi.ulong);
  }

  /**
   * What the token tells about itself (C_GetTokenInfo). In place; see {@linkcode Slot.tokenInfo}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns What it tells; texts are without the blanks that fill them.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT,
   * CKR_TOKEN_NOT_RECOGNIZED …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  tokenInfoSync(options?: CallOptions): TokenInfo {
    const info = this.#core.callSync("C_GetTokenInfo", tokenInfo, { slot: this.id }, options);
    return tokenInfoOf(info, this.#core.engine.table.abi.ulong);
  }

  /**
   * The mechanisms the token has, as CKM numbers (C_GetMechanismList).
   *
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns The numbers, in the token's order.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async mechanisms(options?: CallOptions): Promise<MechanismType[]> {
    return (await this.#core.call("C_GetMechanismList", mechanismList, { slot: this.id }, options)).map(Number);
  }

  /**
   * The mechanisms the token has, as CKM numbers (C_GetMechanismList). In place; see {@linkcode Slot.mechanisms}.
   *
   * @param options A signal, which is looked at before each native call.
   * @returns The numbers, in the token's order.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  mechanismsSync(options?: CallOptions): MechanismType[] {
    return this.#core.callSync("C_GetMechanismList", mechanismList, { slot: this.id }, options).map(Number);
  }

  /**
   * Key sizes and uses of a mechanism (C_GetMechanismInfo).
   *
   * @param type The mechanism's {@linkcode CKM} number.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Sizes in the unit of the mechanism, and its CKF_ bits.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token has not got it; CKR_CRYPTOKI_NOT_INITIALIZED: the module was
   * closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async mechanismInfo(type: MechanismType, options?: CallOptions): Promise<MechanismInfo> {
    const args = { slot: this.id, type: BigInt(checkType(type, "a mechanism type")) };
    return mechanismInfoOf(await this.#core.call("C_GetMechanismInfo", mechanismInfo, args, options));
  }

  /**
   * Key sizes and uses of a mechanism (C_GetMechanismInfo). In place; see {@linkcode Slot.mechanismInfo}.
   *
   * @param type The mechanism's {@linkcode CKM} number.
   * @param options A signal, which is looked at before each native call.
   * @returns Sizes in the unit of the mechanism, and its CKF_ bits.
   * @throws {Pkcs11Error} CKR_MECHANISM_INVALID: the token has not got it; CKR_CRYPTOKI_NOT_INITIALIZED: the module was
   * closed.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  mechanismInfoSync(type: MechanismType, options?: CallOptions): MechanismInfo {
    const args = { slot: this.id, type: BigInt(checkType(type, "a mechanism type")) };
    return mechanismInfoOf(this.#core.callSync("C_GetMechanismInfo", mechanismInfo, args, options));
  }

  /**
   * Whether the token has any of these CKF_ flags (`gp11_slot_has_flags`).
   *
   * @param mask {@linkcode CKF} bits of a token.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @returns Whether any of them is set.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async hasFlags(mask: number | bigint, options?: CallOptions): Promise<boolean> {
    const wanted = BigInt(checkUlong(mask, "a mask of flags"));
    return (BigInt((await this.tokenInfo(options)).flags) & wanted) !== 0n;
  }

  /**
   * Whether the token has any of these CKF_ flags (`gp11_slot_has_flags`). In place; see {@linkcode Slot.hasFlags}.
   *
   * @param mask {@linkcode CKF} bits of a token.
   * @param options A signal, which is looked at before each native call.
   * @returns Whether any of them is set.
   * @throws {Pkcs11Error} CKR_CRYPTOKI_NOT_INITIALIZED: the module was closed; CKR_TOKEN_NOT_PRESENT …
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  hasFlagsSync(mask: number | bigint, options?: CallOptions): boolean {
    const wanted = BigInt(checkUlong(mask, "a mask of flags"));
    return (BigInt(this.tokenInfoSync(options).flags) & wanted) !== 0n;
  }

  /**
   * Initialises the token, which destroys every object on it (C_InitToken).
   *
   * @param soPin The security officer's PIN: the present one, or on a new token the one it shall have.
   * @param label At most 32 bytes in UTF-8.
   * @param options A signal that cancels the call, and when an aborted call rejects.
   * @throws {Pkcs11Error} CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_EXISTS, CKR_TOKEN_WRITE_PROTECTED …
   * @throws {TypeError} When the label is no text, or the PIN neither text nor bytes nor `null`.
   * @throws {RangeError} When the label is longer.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async initToken(soPin: string | BytesInput | null, label: string, options?: CallOptions): Promise<void> {
    await withPins(
      this.#initArgs(soPin, label),
      (args) => this.#core.call("C_InitToken", initToken, args, options),
    );
  }

  /**
   * Initialises the token, which destroys every object on it (C_InitToken). In place; see {@linkcode Slot.initToken}.
   *
   * @param soPin The security officer's PIN: the present one, or on a new token the one it shall have.
   * @param label At most 32 bytes in UTF-8.
   * @param options A signal, which is looked at before each native call.
   * @throws {Pkcs11Error} CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_EXISTS, CKR_TOKEN_WRITE_PROTECTED …
   * @throws {TypeError} When the label is no text, or the PIN neither text nor bytes nor `null`.
   * @throws {RangeError} When the label is longer.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  initTokenSync(soPin: string | BytesInput | null, label: string, options?: CallOptions): void {
    withPins(this.#initArgs(soPin, label), (args) => this.#core.callSync("C_InitToken", initToken, args, options));
  }

  /**
   * Opens a session, from the pool if one waits there (`gp11_slot_open_session`, C_OpenSession).
   *
   * @param options Whether objects may be changed, a login to make at once, who is asked for PINs, and a signal that
   * cancels the call.
   * @returns The session; it is the caller's to close.
   * @throws {Pkcs11Error} when the token refuses it, or the login that was asked for
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  async openSession(options: OpenSessionOptions = {}): Promise<Session> {
    return await openSession(this, this.#core, options);
  }

  /**
   * Opens a session, from the pool if one waits there (`gp11_slot_open_session`, C_OpenSession). In place; see
   * {@linkcode Slot.openSession}.
   *
   * @param options Whether objects may be changed, a login to make at once, who is asked for PINs, and a signal.
   * @returns The session; it is the caller's to close.
   * @throws {Pkcs11Error} when the token refuses it, or the login that was asked for
   * @throws {TypeError} When an option is of the wrong kind.
   * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
   */
  openSessionSync(options: OpenSessionOptions = {}): Session {
    return openSessionSync(this, this.#core, options);
  }

  #initArgs(soPin: string | BytesInput | null, label: string) {
    if (typeof label !== "string") {
      throw new TypeError(`Cannot use a token's label: expected text, got ${describeType(label)}`);
    }
    const bytes = encodeText(label, "a token's label");
    if (bytes.length > TOKEN_LABEL_LENGTH) {
      throw new RangeError(
        `Cannot use the label "${label}": it has ${bytes.length} bytes, a token's label has at most 32`,
      );
    }
    return { slot: this.id, pin: plainPin(soPin, "a security officer's PIN"), label: bytes };
  }
}
