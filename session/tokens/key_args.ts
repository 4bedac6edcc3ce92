/** What objects are made and found with, and keys generated, wrapped, derived and encapsulated. */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import type { ArgsOf, Program } from "../../ffi/engine/program.ts";
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { prepareMechanism } from "../../ffi/memory/mechanisms.ts";
import type {
  decapsulateKey,
  deriveKey,
  generateKey,
  generateKeyPair,
  unwrapKey,
  wrapKey,
} from "../../ffi/operations/keys.ts";
import { compileTemplate, templateInit, type TemplateInput } from "../attributes/attributes_init.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { additionalDataOf, keyHandle } from "./crypto_args.ts";
import type { Pkcs11Object } from "./object.ts";
import type { FindOptions, WrapOptions } from "./options.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import {
  type copyObject,
  type createObject,
  discardObjects,
  type FindArgs,
  findObjects,
  getAttributesIfPresent,
} from "../../ffi/operations/objects.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import { readPlan } from "../attributes/attribute_types.ts";

/** The CKK_ number of keys whose template names a parameter set, by the mechanism that generates them. */
const PARAMETERIZED: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [CKM.ML_DSA_KEY_PAIR_GEN, CKK.ML_DSA],
  [CKM.ML_KEM_KEY_PAIR_GEN, CKK.ML_KEM],
  [CKM.SLH_DSA_KEY_PAIR_GEN, CKK.SLH_DSA],
]);

/** A key to generate. */
export function generateArgs(
  core: SessionCore,
  mechanism: Mechanism,
  attributes: TemplateInput,
): ArgsOf<typeof generateKey> {
  core.assertOpen("generate a key");
  return {
    session: core.handle,
    mechanism: prepareMechanism(mechanism),
    attributes: newTemplate(core, attributes),
  };
}

/** A key pair to generate. */
export function pairArgs(
  core: SessionCore,
  mechanism: Mechanism,
  publicAttributes: TemplateInput,
  privateAttributes: TemplateInput,
): ArgsOf<typeof generateKeyPair> {
  core.assertOpen("generate a key pair");
  const keyType = PARAMETERIZED.get(typeof mechanism === "number" ? mechanism : mechanism?.type);
  return {
    session: core.handle,
    mechanism: prepareMechanism(mechanism),
    publicAttributes: newTemplate(core, publicAttributes, keyType),
    privateAttributes: newTemplate(core, privateAttributes, keyType),
  };
}

/** A key to wrap. */
export function wrapArgs(
  core: SessionCore,
  wrappingKey: Pkcs11Object,
  mechanism: Mechanism,
  key: Pkcs11Object,
  options: WrapOptions | undefined,
): ArgsOf<typeof wrapKey> {
  core.assertFree("wrap a key");
  return {
    session: core.handle,
    mechanism: prepareMechanism(mechanism),
    wrappingKey: keyHandle(core, "wrap a key", wrappingKey),
    key: keyHandle(core, "wrap a key", key),
    associatedData: additionalDataOf(options),
  };
}

/** A wrapped key. */
export function unwrapArgs(
  core: SessionCore,
  key: Pkcs11Object,
  mechanism: Mechanism,
  wrapped: BytesInput,
  attributes: TemplateInput,
  options: WrapOptions | undefined,
): ArgsOf<typeof unwrapKey> {
  core.assertFree("unwrap a key");
  return {
    session: core.handle,
    mechanism: prepareMechanism(mechanism),
    unwrappingKey: keyHandle(core, "unwrap a key", key),
    wrapped: viewBytes(wrapped, "a wrapped key"),
    attributes: newTemplate(core, attributes),
    associatedData: additionalDataOf(options),
  };
}

/** A key to derive another one from. */
export function deriveArgs(
  core: SessionCore,
  action: string,
  key: Pkcs11Object,
  mechanism: Mechanism,
  attributes: TemplateInput,
): ArgsOf<typeof deriveKey> {
  core.assertFree(action);
  return {
    session: core.handle,
    mechanism: prepareMechanism(mechanism),
    key: keyHandle(core, action, key),
    attributes: newTemplate(core, attributes),
  };
}

/** A ciphertext that carries a key. */
export function decapsulateArgs(
  core: SessionCore,
  key: Pkcs11Object,
  mechanism: Mechanism,
  ciphertext: BytesInput,
  attributes: TemplateInput,
): ArgsOf<typeof decapsulateKey> {
  return {
    ...deriveArgs(core, "decapsulate a key", key, mechanism, attributes),
    ciphertext: viewBytes(ciphertext, "a ciphertext"),
  };
}

/** An object to make. */
export function createArgs(core: SessionCore, attributes: TemplateInput): ArgsOf<typeof createObject> {
  core.assertOpen("create an object");
  return { session: core.handle, attributes: newTemplate(core, attributes) };
}

/** An object to copy, and what its copy has otherwise. */
export function copyArgs(
  core: SessionCore,
  object: Pkcs11Object,
  attributes: TemplateInput,
): ArgsOf<typeof copyObject> {
  core.assertOpen("copy an object");
  const handle = keyHandle(core, "copy an object", object);
  return { session: core.handle, object: handle, attributes: newTemplate(core, attributes) };
}

/** What objects must have, and what is read of them. */
export function findArgs(core: SessionCore, match: TemplateInput, options: FindOptions | undefined): FindArgs {
  core.assertFree("find objects");
  if (options !== undefined) checkOptions(options);
  return {
    session: core.handle,
    attributes: compileTemplate(match),
    plan: options?.read ? readPlan(options.read) : null,
    limit: Infinity,
  };
}

/** An object as those who look for objects get it. */
type ObjectOf = (handle: bigint, attributes: Attributes | null) => Pkcs11Object;

/** Each object that is found, with what is read of it when it is asked for; one that is gone by then is left out. */
export async function* eachObject(
  core: SessionCore,
  { plan, ...args }: FindArgs,
  options: FindOptions | undefined,
  objectOf: ObjectOf,
): AsyncGenerator<Pkcs11Object, void> {
  for (const handle of (await core.run(findObjects, { ...args, plan: null }, options)).handles) {
    options?.signal?.throwIfAborted();
    core.assertOpen("find objects");
    const read = plan &&
      await core.run(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
    if (!plan) yield objectOf(handle, null);
    else if (read) yield objectOf(handle, attributesOf(read));
  }
}

/** The same, in place. */
export function* eachObjectSync(
  core: SessionCore,
  { plan, ...args }: FindArgs,
  options: FindOptions | undefined,
  objectOf: ObjectOf,
): Generator<Pkcs11Object, void> {
  for (const handle of core.runSync(findObjects, { ...args, plan: null }, options).handles) {
    options?.signal?.throwIfAborted();
    core.assertOpen("find objects");
    const read = plan && core.runSync(getAttributesIfPresent, { session: core.handle, object: handle, plan }, options);
    if (!plan) yield objectOf(handle, null);
    else if (read) yield objectOf(handle, attributesOf(read));
  }
}

/** The template of an object that is about to be made: one that is not the token's lives in the session. */
export function newTemplate(
  core: SessionCore,
  attributes: TemplateInput,
  keyType?: number,
): ReturnType<typeof compileTemplate> {
  const init = templateInit(attributes);
  const template = compileTemplate(init, keyType);
  if (init.token !== true) core.reusable = false;
  return template;
}

/** Destroys an object that was created after its call had been aborted. */
export function destroyLate(session: bigint): (frame: Frame, object: bigint) => Program<void> {
  return (frame, object) => discardObjects(frame, session, [object]);
}
