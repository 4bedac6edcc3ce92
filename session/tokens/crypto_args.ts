/** What the operations of cryptography are given: inputs checked, the key known to be of the session's token. */
import { CKM, ckmName } from "../../ffi/constants/mod.ts";
import { type BytesInput, describeType, viewBytes } from "../../ffi/memory/inputs.ts";
import { checkMechanism, type PreparedMechanism, prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import type { KeyAuthentication } from "../../ffi/operations/authentication.ts";
import {
  type CryptoArgs,
  type CryptoFunctions,
  Destination,
  DIGEST,
  type digest,
  repeatInPlace,
} from "../../ffi/operations/crypto.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import type { IntoOptions, ResultOptions } from "../core/call_options.ts";
import { memoryFor, resultOf } from "../core/into.ts";
import type { ManyArgs } from "../../ffi/operations/many.ts";
import type { MessageArgs } from "../../ffi/operations/messages.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { autoAuthenticateOf, contextOf, coreOf } from "./session_contexts.ts";
import { Pkcs11Object, traitsOf } from "./object.ts";
import type { MessageOptions, WrapOptions } from "./options.ts";
import { pinCallbackOf, question } from "./pin.ts";

/**
 * Arguments of an operation with a key. Neither data nor parameter are copied here: an operation copies them into native
 * memory when the call is made.
 *
 * @throws {TypeError} when the key belongs to another token
 */
export function cryptoArgs(
  core: SessionCore,
  action: string,
  key: Pkcs11Object,
  mechanism: Mechanism,
  data: BytesInput,
): CryptoArgs {
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

/** What an operation is told of its key. */
type KeyArgs = Pick<CryptoArgs, "key" | "traits" | "authentication">;

/** What an operation without a key is told of it. */
export const NO_KEY: KeyArgs = { key: null, traits: null, authentication: null };

/** What an operation is told of a key. */
export function keyArgs(core: SessionCore, action: string, key: Pkcs11Object): KeyArgs {
  return { key: keyHandle(core, action, key), traits: traitsOf(key), authentication: authenticationFor(core, key) };
}

/** Arguments of a digest. */
export function digestArgs(core: SessionCore, mechanism: Mechanism, data: BytesInput): CryptoArgs {
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

/** An operation in place, with a key or, a digest, without: its result, or how many bytes were written into `into`. */
export function transformed(
  core: SessionCore,
  action: string,
  operation: typeof digest,
  functions: CryptoFunctions,
  key: Pkcs11Object | null,
  mechanism: Mechanism,
  data: BytesInput,
  options: ResultOptions | IntoOptions | undefined,
): Uint8Array<ArrayBuffer> | number {
  const memory = memoryFor(options);
  core.assertFree(action);
  const isDigest = functions === DIGEST;
  const handle = isDigest ? null : keyHandle(core, action, key!);
  const traits = isDigest ? null : traitsOf(key!);
  const prepared = checkMechanism(mechanism);
  const bytes = viewBytes(data, "data");
  const authentication = isDigest ? null : authenticationFor(core, key!);
  const { lane, module } = core;
  const given = module.isUnwatched(options)
    ? repeatInPlace(module.engine, lane, functions, handle, traits, prepared, bytes, authentication, memory)
    : null;
  if (given !== null && (memory === null || typeof given === "number")) return given;
  const into = memory && new Destination(memory);
  if (given !== null) return resultOf(given as Uint8Array<ArrayBuffer>, into);
  const args = { session: core.handle, key: handle, traits, mechanism: prepared, data: bytes, authentication, into };
  return resultOf(core.runSync(operation, args, options), into);
}

/** The handle of a key, which works in every session on its token. */
export function keyHandle(core: SessionCore, action: string, key: Pkcs11Object): bigint {
  if (!(key instanceof Pkcs11Object)) {
    throw new TypeError(`Cannot ${action}: the key is no Pkcs11Object`);
  }
  const { slot } = contextOf(core);
  if (key.session.slot !== slot && !key.session.slot.equals(slot)) {
    throw new TypeError(`Cannot ${action}: the key is on slot ${key.session.slot.id}, the session on ${core.slot}`);
  }
  coreOf(key.session).assertNotLost(action);
  return key.handle;
}

/** Whom to ask when the key wants a login for this use; `null` where nobody can be asked. */
export function authenticationFor(core: SessionCore, key: Pkcs11Object): KeyAuthentication | null {
  const context = contextOf(core);
  const asked = pinCallbackOf(context.interaction) ?? autoAuthenticateOf(core.module)?.objects ?? context.askedAtLogin;
  const pin = asked ?? core.pin;
  if (!pin) return null;
  const traits = traitsOf(key);
  const { slot } = core;
  if (typeof pin !== "function") return { slot, traits, pin };
  return {
    slot,
    traits,
    pin: question(pin, context.slot, {
      key: { object: key, label: () => traits.label ?? "" },
      assertOpen: () => core.assertAsks(),
      isIdle: traits.alwaysAuthenticate === false,
    }),
  };
}

/** Data and its signature. */
export function verifyArgs(
  core: SessionCore,
  key: Pkcs11Object,
  mechanism: Mechanism,
  data: BytesInput,
  signature: BytesInput,
): CryptoArgs & { readonly signature: Uint8Array } {
  return {
    ...cryptoArgs(core, "verify the signature", key, mechanism, data),
    signature: viewBytes(signature, "a signature"),
  };
}

/**
 * Mechanisms of which one IV, nonce or counter used twice with a key gives away the XOR of what was encrypted, or lets
 * authentication tags be forged.
 */
const WANTS_ANOTHER_IV: { readonly [action: string]: ReadonlySet<number> } = {
  encrypt: new Set([
    CKM.AES_CCM,
    CKM.AES_CFB1,
    CKM.AES_CFB128,
    CKM.AES_CFB64,
    CKM.AES_CFB8,
    CKM.AES_CTR,
    CKM.AES_GCM,
    CKM.AES_OFB,
    CKM.BATON_COUNTER,
    CKM.CAMELLIA_CTR,
    CKM.CHACHA20,
    CKM.CHACHA20_POLY1305,
    CKM.DES_CFB64,
    CKM.DES_CFB8,
    CKM.DES_OFB64,
    CKM.DES_OFB8,
    CKM.GOST28147,
    CKM.JUNIPER_COUNTER,
    CKM.SALSA20,
    CKM.SALSA20_POLY1305,
    CKM.SKIPJACK_CFB16,
    CKM.SKIPJACK_CFB32,
    CKM.SKIPJACK_CFB64,
    CKM.SKIPJACK_CFB8,
    CKM.SKIPJACK_OFB64,
  ]),
  sign: new Set([CKM.AES_GMAC]),
};

/** Refuses many uses of one parameter where it must differ for each, unless the token sees to it. */
function checkRepeated(action: string, { type, parameter }: PreparedMechanism, count: number): void {
  if (count < 2 || parameter === null || !WANTS_ANOTHER_IV[action]?.has(type)) return;
  if (!(parameter instanceof Uint8Array) && parameter.tokenMakesIv) return;
  throw new RangeError(
    `Cannot ${action} ${count} inputs with one parameter: ${ckmName(type)} wants another IV, nonce or counter for ` +
      `each; call ${action} for each, with a mechanism of its own`,
  );
}

/** Many inputs for one key. */
export function manyArgs(
  core: SessionCore,
  action: string,
  key: Pkcs11Object,
  mechanism: Mechanism,
  inputs: readonly BytesInput[],
): ManyArgs {
  core.assertFree(action);
  const prepared = prepareMechanism(mechanism);
  const views = viewEach(inputs, "inputs");
  checkRepeated(action, prepared, views.length);
  return { session: core.handle, ...keyArgs(core, action, key), mechanism: prepared, inputs: views };
}

/** Many inputs of a digest. */
export function digestManyArgs(core: SessionCore, mechanism: Mechanism, inputs: readonly BytesInput[]): ManyArgs {
  core.assertFree("digest");
  return {
    session: core.handle,
    ...NO_KEY,
    mechanism: prepareMechanism(mechanism),
    inputs: viewEach(inputs, "inputs"),
  };
}

/** Many inputs and their signatures. */
export function verifyManyArgs(
  core: SessionCore,
  key: Pkcs11Object,
  mechanism: Mechanism,
  inputs: readonly BytesInput[],
  signatures: readonly BytesInput[],
): ManyArgs & { readonly signatures: readonly Uint8Array[] } {
  if (listOf(inputs, "inputs").length !== listOf(signatures, "signatures").length) {
    throw new RangeError(`Cannot verify: there are ${inputs.length} inputs and ${signatures.length} signatures`);
  }
  return {
    ...manyArgs(core, "verify", key, mechanism, inputs),
    signatures: viewEach(signatures, "signatures"),
  };
}

/** A message. */
export function messageArgs(
  core: SessionCore,
  action: string,
  key: Pkcs11Object,
  mechanism: Mechanism,
  data: BytesInput,
  options: MessageOptions | undefined,
): MessageArgs {
  core.assertFree(action);
  return {
    session: core.handle,
    key: keyHandle(core, action, key),
    mechanism: prepareMechanism(mechanism),
    associatedData: additionalDataOf(options) ?? new Uint8Array(0),
    data: viewBytes(data, "a message"),
  };
}

/** Under a name that is none the data would not be authenticated. */
const AUTHENTICATED: OptionNames<MessageOptions & WrapOptions> = {
  additionalData: true,
  associatedData: true,
  signal: true,
  abort: true,
};

/** Data that is authenticated beside what is encrypted, under either of its names. */
export function additionalDataOf(options: MessageOptions | WrapOptions | undefined): Uint8Array | null {
  if (options === undefined || options === null) return null;
  refuseUnknown("authenticate data", options, AUTHENTICATED);
  const { additionalData, associatedData } = options;
  if (additionalData !== undefined && associatedData !== undefined) {
    throw new TypeError("Cannot use additionalData: associatedData, which is the same, is given beside it");
  }
  const data = additionalData ?? associatedData;
  return data === undefined ? null : viewBytes(data, "additionalData");
}

/** The bytes of each item; an error names the first that has none by its place. */
function viewEach(list: readonly BytesInput[], subject: string): Uint8Array[] {
  const views: Uint8Array[] = [];
  const items = listOf(list, subject);
  try {
    for (let index = 0; index < items.length; index++) views.push(viewBytes(items[index], subject));
    return views;
  } catch (error) {
    // To name each beforehand would take as long as to look at it.
    viewBytes(items[views.length], `${subject}[${views.length}]`);
    throw error;
  }
}

function listOf<T>(list: readonly T[], subject: string): readonly T[] {
  if (Array.isArray(list)) return list;
  throw new TypeError(`Cannot use the ${subject}: expected an array, got ${describeType(list)}`);
}
