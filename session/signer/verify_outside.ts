/**
 * Signatures checked outside the token, with the runtime's own cryptography.
 *
 * @module
 */
import type * as Crypto from "node:crypto";
import process from "node:process";
import { ecdsaSignatureToDer } from "../keys/forms/ecdsa_signature.ts";
import type { AsymmetricMaterial } from "../keys/forms/key_material.ts";
import { writeSpki } from "../keys/forms/write_der.ts";
import type { SignatureScheme } from "./signature_schemes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Whether a signature is right; ECDSA signatures have r and s side by side.
 *
 * @returns null where the runtime does not know such keys, or not all their signatures
 */
export function verifyOutside(
  material: AsymmetricMaterial,
  scheme: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  // Deno refuses every second signature on this curve: those whose s is in the upper half, which ECDSA allows.
  if (material.kind === "curve" && material.curve.name === "secp256k1") return null;
  const { constants, createPublicKey, verify } = process.getBuiltinModule("node:crypto");
  let key: Crypto.KeyObject;
  try {
    key = createPublicKey({
      key: writeSpki(material) as unknown as Crypto.PublicKeyInput["key"],
      format: "der",
      type: "spki",
    });
  } catch {
    return null;
  }
  const hash = scheme.hash?.replace("-", "").toLowerCase() ?? null;
  if (scheme.algorithm.startsWith("ES")) {
    if (signature.length === 0 || signature.length % 2 !== 0) return false;
    return verify(hash, message, key, ecdsaSignatureToDer(signature));
  }
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return verify(hash, message, scheme.algorithm.startsWith("PS") ? { key, padding, saltLength } : key, signature);
}
