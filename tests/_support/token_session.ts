// A module, its slot and sessions on a fresh SoftHSM2 token, closed together.
import { CKM } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { OpenSessionOptions } from "../../session/tokens/options.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Pkcs11KeyPair } from "../../session/tokens/options.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import { createToken, type TestToken } from "./softhsm.ts";

/** Object identifier of P-256, as CKA_EC_PARAMS has it. */
export const P256: Uint8Array<ArrayBuffer> = Uint8Array.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);

/** A token with a module of its own caller. */
export class TokenSession {
  /** The token. */
  readonly token: TestToken;
  /** The module. */
  readonly module: Module;
  /** The token's slot. */
  readonly slot: Slot;
  /** A read-write session, logged in. */
  readonly session: Session;

  private constructor(token: TestToken, module: Module, slot: Slot, session: Session) {
    this.token = token;
    this.module = module;
    this.slot = slot;
    this.session = session;
  }

  /** Makes the token, loads the module without management and logs in. */
  static async open(): Promise<TokenSession> {
    const token = createToken();
    const module = await Module.load(token.module, { managed: false });
    const slot = findSlot(module, token.label);
    const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
    return new TokenSession(token, module, slot, session);
  }

  /** One more session. */
  async another(options: OpenSessionOptions = { readWrite: true }): Promise<Session> {
    return await this.slot.openSession(options);
  }

  /** A P-256 key pair of the session. */
  async ecPair(): Promise<Pkcs11KeyPair> {
    const publicAttributes = { ecParams: P256, token: false, verify: true };
    return await this.session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, publicAttributes, { token: false, sign: true });
  }

  /** A secret key of the session for HMAC. */
  async hmacKey(): Promise<Pkcs11Object> {
    const attributes = { valueLen: 32, token: false, sign: true, verify: true, sensitive: false, extractable: true };
    return await this.session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, attributes);
  }

  /** Closes the module with everything of it. */
  async close(): Promise<void> {
    await this.module.close();
  }
}

/** The slot of a token by its label. */
export function findSlot(module: Module, label: string): Slot {
  const slot = module.slotsSync({ tokenPresent: true }).find((slot) => slot.tokenInfoSync().label === label);
  if (!slot) throw new Error(`Cannot find the token "${label}": no slot has it`);
  return slot;
}
