/**
 * RSA-OAEP (Web Cryptography §22).
 *
 * @module
 */
import { CKM, CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { rsaOaep as mechanismOf } from "../../session/mechanisms/signature.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { type Dictionary, optional } from "../contract/parameters.ts";
import type { TokenAccess } from "../contract/token_access.ts";
import { keyOperations } from "../keys/asymmetric_keys.ts";
import { checkType } from "../keys/key_type.ts";
import { addPadding, removePadding } from "./oaep_padding.ts";
import { rsaGeneration, rsaImport, rsaOaepKeys } from "../keys/rsa_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Answers of a token that has OAEP, and not with these parameters. */
const REFUSED: ReadonlySet<number> = new Set([
  CKR.ARGUMENTS_BAD,
  CKR.FUNCTION_NOT_SUPPORTED,
  CKR.MECHANISM_INVALID,
  CKR.MECHANISM_PARAM_INVALID,
]);

/** Parameters that a token has refused. */
const refused = new WeakMap<TokenAccess, Set<string>>();

function parametersOf({ key, parameters }: KeyUse) {
  const hash = key.algorithm.hash!.name;
  const label = parameters.label ?? new Uint8Array(0);
  return { hash, label, size: Math.ceil(key.algorithm.modulusLength! / 8) };
}

/** By the token's own OAEP where it takes the parameters, else by its RSA without padding. */
async function either(
  use: KeyUse,
  whole: (mechanism: Mechanism) => Promise<Bytes>,
  bare: (mechanism: Mechanism) => Promise<Bytes>,
): Promise<Bytes> {
  const { access } = use;
  const { hash, label } = parametersOf(use);
  const kind = `${hash} ${label.length > 0}`;
  if (access.has(CKM.RSA_PKCS_OAEP) && refused.get(access)?.has(kind) !== true) {
    try {
      return await whole(mechanismOf(label.length > 0 ? { hash, label } : { hash }));
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || !access.has(CKM.RSA_X_509)) throw error;
      const isRefused = error.fn.endsWith("Init") && REFUSED.has(error.code);
      // SoftHSM2 fails so on the message without a byte.
      if (!isRefused && !(error.fn === "C_Decrypt" && error.code === CKR.GENERAL_ERROR)) throw error;
      if (isRefused) refused.set(access, (refused.get(access) ?? new Set()).add(kind));
    }
  }
  return await bare(CKM.RSA_X_509);
}

async function encrypt(use: KeyUse, data: Bytes): Promise<Bytes> {
  checkType(use.key, "public", "encrypt");
  const { access, key: { held, object } } = use;
  const { hash, label, size } = parametersOf(use);
  const encrypted = (input: Bytes) => (mechanism: Mechanism) =>
    access.use([held], (session) => session.encrypt(object, mechanism, input));
  return await either(use, encrypted(data), async (mechanism) => {
    const padded = addPadding(data, size, hash, label);
    try {
      return await encrypted(padded)(mechanism);
    } finally {
      padded.fill(0);
    }
  });
}

async function decrypt(use: KeyUse, data: Bytes): Promise<Bytes> {
  checkType(use.key, "private", "decrypt");
  const { access, key: { held, object } } = use;
  const { hash, label, size } = parametersOf(use);
  const decrypted = (mechanism: Mechanism) => access.use([held], (session) => session.decrypt(object, mechanism, data));
  return await either(use, decrypted, async (mechanism) => {
    const padded = await decrypted(mechanism);
    try {
      return removePadding(padded, size, hash, label);
    } finally {
      padded.fill(0);
    }
  });
}

const parameters: Dictionary = [optional("label", "bytes")];
const encrypts = anyOf(CKM.RSA_PKCS_OAEP, CKM.RSA_X_509);

/** RSA-OAEP. */
export const rsaOaep: Family = {
  name: "RSA-OAEP",
  operations: {
    generateKey: rsaGeneration,
    importKey: rsaImport,
    exportKey: [],
    encrypt: parameters,
    decrypt: parameters,
  },
  needs: { generateKey: anyOf(CKM.RSA_PKCS_KEY_PAIR_GEN), importKey: encrypts, encrypt: encrypts, decrypt: encrypts },
  ...keyOperations(rsaOaepKeys),
  encrypt,
  decrypt,
};
