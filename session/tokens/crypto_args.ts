/** What the operations of cryptography are given: inputs checked, the key known to be of the session's token. */
import {
  arrayLength,
  assertPresent,
  type BytesInput,
  describeType,
  viewBytes,
  viewMemory,
} from "../../ffi/memory/inputs.ts";
import { checkMechanism, prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import type { KeyAuthentication } from "../../ffi/operations/authentication.ts";
import {
  type CryptoArgs,
  type CryptoFunctions,
  Destination,
  DIGEST,
  digest,
  lastInPlace,
} from "../../ffi/operations/crypto.ts";
import type { Transformation } from "../../ffi/operations/transformation.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import type { IntoOptions, ResultOptions } from "../core/call_options.ts";
import { resultOf } from "../core/into.ts";
import type { ManyArgs } from "../../ffi/operations/many.ts";
import type { MessageArgs } from "../../ffi/operations/messages.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { checkRepeatedUse } from "../mechanisms/repeated_use.ts";
import { autoAuthenticateOf, contextOf, coreOf } from "./session_contexts.ts";
import { isPkcs11Object, type Pkcs11Object, traitsOf } from "./object.ts";
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
  const usedKey = functions === DIGEST ? null : key;
  const length = arrayLength(data);
  const into: unknown = options?.into;
  const last = length > 0 ? lastLike(core, action, functions, usedKey, mechanism, data, into, options) : null;
  // Not within what checks: to each frame below the module's code the processor has forgotten the way back.
  const given = last === null ? null : last.repeat(core.handle, into as Uint8Array | undefined);
  if (given !== null) return given;
  if (last !== null) return transformedOn(core, usedKey, last, data as Uint8Array, into as Uint8Array | undefined);
  // Options and mechanism may have getters, which were called.
  if (length > 0) assertPresent(data as Uint8Array, length);
  return transformedStep(core, action, operation, usedKey, mechanism, data, into, options);
}

/**
 * The last operation in place where the next looks like it, has everything it wants, and nobody sees it, stops it or can be
 * asked before it: made ready for {@linkcode Transformation.repeat}. Nothing is made for such a call: what is made anew lies in
 * memory that is in no cache. What may run code of the caller comes first.
 */
function lastLike(
  core: SessionCore,
  action: string,
  functions: CryptoFunctions,
  key: Pkcs11Object | null,
  mechanism: Mechanism,
  data: BytesInput,
  into: unknown,
  options: ResultOptions | IntoOptions | undefined,
): Transformation | null {
  core.assertFree(action);
  const type = typeof mechanism === "number" ? mechanism : mechanism?.type;
  const parameter = typeof mechanism === "number" ? null : mechanism?.parameter;
  const handle = key === null && functions === DIGEST ? null : keyHandle(core, action, key!);
  if (handle !== null && mayAsk(core, key!) || !core.module.isUnwatched(options)) return null;
  core.assertFree(action);
  const room = into === undefined ? -1 : arrayLength(into);
  const last = room === 0 ? null : lastInPlace(core.module.engine, core.lane);
  return last !== null && last.functions === functions &&
      last.takes(handle, handle === null ? null : traitsOf(key!), type, parameter, data, room)
    ? last
    : null;
}

/** The same step by step. */
function transformedStep(
  core: SessionCore,
  action: string,
  operation: typeof digest,
  key: Pkcs11Object | null,
  mechanism: Mechanism,
  data: BytesInput,
  memory: unknown,
  options: ResultOptions | IntoOptions | undefined,
): Uint8Array<ArrayBuffer> | number {
  const into = memory === undefined ? null : new Destination(viewMemory(memory, "into"));
  const args = operation === digest
    ? digestArgs(core, mechanism, data)
    : cryptoArgs(core, action, key!, mechanism, data);
  return resultOf(core.runSync(operation, { ...args, into }, options), into);
}

/** The rest of one like the last whose calls were made and have given no result. */
function transformedOn(
  core: SessionCore,
  key: Pkcs11Object | null,
  last: Transformation,
  data: Uint8Array,
  memory: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> | number {
  const into = memory === undefined ? null : new Destination(viewMemory(memory, "into"));
  const traits = key === null ? null : traitsOf(key);
  const ask = () => key === null ? null : authenticationFor(core, key);
  const result = core.module.engine.goOn(
    core.lane,
    last,
    (frame) => last.proceed(frame, { session: core.handle, traits, data, into }, ask),
  );
  return resultOf(result, into);
}

/** The handle of a key, which works in every session on its token. */
export function keyHandle(core: SessionCore, action: string, key: Pkcs11Object): bigint {
  return isPkcs11Object(key) && coreOf(key.session) === core && !core.lost
    ? key.handle
    : handleFromElsewhere(core, action, key);
}

function handleFromElsewhere(core: SessionCore, action: string, key: Pkcs11Object): bigint {
  if (!isPkcs11Object(key)) {
    throw new TypeError(`Cannot ${action}: the key is no Pkcs11Object`);
  }
  const { slot } = contextOf(core);
  if (key.session.slot !== slot && !key.session.slot.equals(slot)) {
    throw new TypeError(`Cannot ${action}: the key is on slot ${key.session.slot.id}, the session on ${core.slot}`);
  }
  coreOf(key.session).assertNotLost(action);
  return key.handle;
}

/** Whether somebody may be asked before a key is used. */
function mayAsk(core: SessionCore, key: Pkcs11Object): boolean {
  return traitsOf(key).alwaysAuthenticate !== false && authenticationFor(core, key) !== null;
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
  checkRepeatedUse(action, prepared, views.length);
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
