/** What keys are generated, wrapped, derived and encapsulated with. */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import type { ArgsOf } from "../../ffi/engine/program.ts";
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
import type { TemplateInput } from "../attributes/attributes_init.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Mechanism } from "../mechanisms/mod.ts";
import { additionalDataOf, keyHandle } from "./crypto_args.ts";
import type { Pkcs11Object } from "./object.ts";
import { newTemplate } from "./object_args.ts";
import type { WrapOptions } from "./options.ts";

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
