/**
 * RSASSA-PKCS1-v1_5 and RSA-PSS (Web Cryptography §20, §21).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { findHash } from "../../session/mechanisms/hash.ts";
import { rsaPkcsWith, rsaPssWith, type SignatureScheme } from "../../session/keys/signature_schemes.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { type Dictionary, required } from "../contract/parameters.ts";
import { type AsymmetricKeys, keyOperations } from "../keys/asymmetric_keys.ts";
import { hashNames } from "./hashes.ts";
import { rsaGeneration, rsaImport, rsaPkcs1Keys, rsaPssKeys } from "../keys/rsa_keys.ts";
import { signBy, verifyBy } from "./signatures.ts";

function signatures(
  keys: AsymmetricKeys,
  mechanisms: readonly number[],
  parameters: Dictionary,
  schemeFor: (use: KeyUse) => SignatureScheme,
): Family {
  const signs = anyOf(...mechanisms);
  const length = ({ key }: KeyUse) => Math.ceil(key.algorithm.modulusLength! / 8);
  return {
    name: keys.name,
    operations: {
      generateKey: rsaGeneration,
      importKey: rsaImport,
      exportKey: [],
      sign: parameters,
      verify: parameters,
    },
    needs: { generateKey: anyOf(CKM.RSA_PKCS_KEY_PAIR_GEN), importKey: signs, sign: signs, verify: signs },
    ...keyOperations(keys),
    sign: (use, data) => signBy(schemeFor(use), use, data),
    verify: (use, signature, data) => verifyBy(schemeFor(use), use, signature, data, length(use)),
  };
}

/** RFC 8017 §9.1.1: digest and salt have to fit into one bit less than the modulus has. */
function pssScheme({ key, parameters: { saltLength } }: KeyUse): SignatureScheme {
  const { hash, modulusLength } = key.algorithm;
  const room = Math.ceil((modulusLength! - 1) / 8) - findHash(hash!.name).length - 2;
  if (saltLength! > room) {
    throw refusal(
      "OperationError",
      `Cannot use a salt of ${saltLength} bytes: the key has room for ${Math.max(0, room)}`,
    );
  }
  return rsaPssWith(hash!.name, saltLength!);
}

/** RSASSA-PKCS1-v1_5 and RSA-PSS. */
export const rsaSignatures: readonly Family[] = [
  signatures(
    rsaPkcs1Keys,
    [CKM.RSA_PKCS, ...hashNames.map((name) => findHash(name).rsaPkcs)],
    [],
    ({ key }) => rsaPkcsWith(key.algorithm.hash!.name),
  ),
  signatures(
    rsaPssKeys,
    [CKM.RSA_PKCS_PSS, ...hashNames.map((name) => findHash(name).rsaPss)],
    [required("saltLength", "long")],
    pssScheme,
  ),
];
