/**
 * Whether the parts of a key belong together, and the public half where only the private one was given.
 *
 * @module
 */
import { isSameBytes } from "../../../internal/bytes.ts";
import { damaged } from "./asn1.ts";
import { publicKeyOf, publicPoint } from "./curve_arithmetic.ts";
import type { AsymmetricMaterial, CurveMaterial, KeyMaterial, PostQuantumMaterial } from "./key_material.ts";
import { expandSeed, publicKeyOfExpanded } from "./post_quantum.ts";
import { isWeierstrass } from "./read_der.ts";
import { rsaProblem } from "./rsa_numbers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The key with all that follows from its parts.
 *
 * @throws {TypeError} where they contradict each other
 */
export function completeKey(material: KeyMaterial, what: string): KeyMaterial {
  return material.kind === "secret" ? material : completeAsymmetric(material, what);
}

/** {@linkcode completeKey} for keys with two halves. */
export function completeAsymmetric(material: AsymmetricMaterial, what: string): AsymmetricMaterial {
  switch (material.kind) {
    case "RSA": {
      const problem = rsaProblem(material);
      if (problem !== null) throw damaged(what, problem);
      return material;
    }
    case "curve":
      return completeCurve(material, what);
    case "post-quantum":
      return completePostQuantum(material, what);
  }
}

function completeCurve(material: CurveMaterial, what: string): CurveMaterial {
  const { curve, privateKey } = material;
  if (privateKey === null) return material;
  const publicKey = isWeierstrass(curve) ? publicPoint(curve, privateKey) : publicKeyOf(curve, privateKey);
  if (publicKey === null) throw damaged(what, `its private number is not between zero and the order of ${curve.name}`);
  checkSame(material.publicKey, publicKey, what);
  return { ...material, publicKey };
}

function completePostQuantum(material: PostQuantumMaterial, what: string): PostQuantumMaterial {
  const { privateKey, seed, set } = material;
  if (seed !== null) {
    const expanded = expandSeed(set, seed);
    if (privateKey !== null && !isSameBytes(privateKey, expanded.privateKey)) {
      throw damaged(what, "its expanded key does not come from its seed");
    }
    checkSame(material.publicKey, expanded.publicKey, what);
    return { ...material, ...expanded };
  }
  if (privateKey === null) return material;
  const publicKey = publicKeyOfExpanded(set, privateKey);
  if (publicKey === null) throw damaged(what, "its expanded key is damaged");
  checkSame(material.publicKey, publicKey, what);
  return { ...material, publicKey };
}

function checkSame(given: Bytes | null, calculated: Bytes, what: string): void {
  if (given !== null && !isSameBytes(given, calculated)) {
    throw damaged(what, "its public half does not belong to its private half");
  }
}
