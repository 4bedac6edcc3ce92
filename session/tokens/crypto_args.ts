/** What the operations of cryptography are given: inputs checked, the key known to be of the session's token. */
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { checkMechanism } from "../../ffi/memory/mechanisms.ts";
import type { KeyAuthentication } from "../../ffi/operations/authentication.ts";
import type { CryptoArgs } from "../../ffi/operations/crypto.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { Pkcs11Object, traitsOf } from "./object.ts";
import { askerOf, question } from "./pin.ts";
import { coreOf, type SessionBase } from "./session_base.ts";
import type { SessionCore } from "../core/session_core.ts";
import { autoAuthenticateOf, faceOf } from "./faces.ts";

/**
 * Arguments of an operation with a key. Neither data nor parameter are copied here: an operation copies them into native
 * memory when the call is made.
 *
 * @throws {TypeError} when the key belongs to another token
 */
export function cryptoArgs(
  session: SessionBase,
  action: string,
  key: Pkcs11Object,
  mechanism: Mechanism,
  data: BytesInput,
): CryptoArgs {
  const core = coreOf(session);
  core.assertFree(action);
  return {
    session: core.handle,
    key: keyHandle(core, action, key),
    traits: traitsOf(key),
    mechanism: checkMechanism(mechanism),
    data: viewBytes(data, "data"),
    authentication: authenticationFor(core, key),
  };
}

/** Arguments of a digest. */
export function digestArgs(session: SessionBase, mechanism: Mechanism, data: BytesInput): CryptoArgs {
  const core = coreOf(session);
  core.assertFree("digest");
  return {
    session: core.handle,
    key: null,
    traits: null,
    mechanism: checkMechanism(mechanism),
    data: viewBytes(data, "data"),
    authentication: null,
  };
}

/** The handle of a key, which works in every session on its token. */
export function keyHandle(core: SessionCore, action: string, key: Pkcs11Object): bigint {
  if (!(key instanceof Pkcs11Object)) {
    throw new TypeError(`Cannot ${action}: the key is no Pkcs11Object`);
  }
  const { slot } = faceOf(core);
  if (key.session.slot !== slot && !key.session.slot.equals(slot)) {
    throw new TypeError(`Cannot ${action}: the key is on slot ${key.session.slot.id}, the session on ${core.slot}`);
  }
  coreOf(key.session).assertNotLost(action);
  return key.handle;
}

/** Whom to ask when the key wants a login for this use; `null` where nobody can be asked. */
export function authenticationFor(core: SessionCore, key: Pkcs11Object): KeyAuthentication | null {
  const face = faceOf(core);
  const asked = askerOf(face.interaction) ?? autoAuthenticateOf(core.module)?.objects ?? face.askedAtLogin;
  const pin = asked ?? core.pin;
  if (!pin) return null;
  const traits = traitsOf(key);
  const { slot } = core;
  if (typeof pin !== "function") return { slot, traits, pin };
  return {
    slot,
    traits,
    pin: question(pin, face.slot, { key: { object: key, label: () => traits.label ?? "" } }),
  };
}
