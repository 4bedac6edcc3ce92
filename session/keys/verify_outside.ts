/**
 * Signatures checked outside the token: with the runtime's own cryptography, or a library where a runtime lacks it.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type * as Crypto from "node:crypto";
import { isEcdsaSignature, isEdwardsSignature } from "./forms/curve_arithmetic.ts";
import { ecdsaSignatureToDer } from "./forms/ecdsa_signature.ts";
import type { AsymmetricMaterial } from "./forms/key_material.ts";
import { isPostQuantumSignature } from "./forms/post_quantum.ts";
import { isWeierstrass } from "./forms/read_der.ts";
import { publicKeyBits, writeSpki } from "./forms/write_der.ts";
import { digestOutside, findHash } from "../mechanisms/hash.ts";
import type { SignatureScheme } from "./signature_schemes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Whether a signature is right; ECDSA signatures have r and s side by side.
 *
 * @returns null where neither the runtime nor the library can tell
 */
export function verifyOutside(
  material: AsymmetricMaterial,
  scheme: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const byRuntime = verifyByRuntime(material, scheme, message, signature);
  // A refusal is looked at again: Deno refuses right signatures of secp256k1, and of P-521 where the digest is short.
  if (byRuntime === true || material.kind === "RSA") return byRuntime;
  return verifyByLibrary(material, scheme, message, signature);
}

/** Null where the runtime does not know such keys or signatures. */
function verifyByRuntime(
  material: AsymmetricMaterial,
  { algorithm, hash }: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const { constants, createPublicKey, verify } = builtin.crypto;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  try {
    const key: Crypto.KeyObject = createPublicKey({
      key: writeSpki(material) as unknown as Crypto.PublicKeyInput["key"],
      format: "der",
      type: "spki",
    });
    return verify(
      hash === null ? null : findHash(hash).nodeName,
      message,
      algorithm.startsWith("PS") ? { key, padding, saltLength } : key,
      algorithm.startsWith("ES") ? ecdsaSignatureToDer(signature) : signature,
    );
  } catch {
    return null;
  }
}

/** Null where the library does not know such keys. */
function verifyByLibrary(
  material: Exclude<AsymmetricMaterial, { kind: "RSA" }>,
  { hash }: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const publicKey = publicKeyBits(material);
  if (material.kind === "post-quantum") return isPostQuantumSignature(material.set, publicKey, message, signature);
  const { curve } = material;
  return isWeierstrass(curve)
    ? isEcdsaSignature(curve, publicKey, digestOutside(hash!, message), signature)
    : isEdwardsSignature(curve, publicKey, message, signature);
}
