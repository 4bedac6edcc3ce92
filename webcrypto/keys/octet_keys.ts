/**
 * Keys whose public half is the bytes of RFC 8032 and RFC 7748: Ed25519, Ed448, X25519, X448 (Web Cryptography §25 to §28).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { curveByName, type NamedCurve } from "../../session/attributes/named_parameters.ts";
import { publicPointOf } from "../../session/keys/forms/read_der.ts";
import { refusal } from "../contract/errors.ts";
import type { AsymmetricKeys } from "./asymmetric_keys.ts";
import { wrongJsonWebKey } from "./json_web_keys.ts";

function octetKeys(
  name: NamedCurve & ("Ed25519" | "Ed448" | "X25519" | "X448"),
  differences: Pick<AsymmetricKeys, "publicUsages" | "privateUsages" | "use">,
): AsymmetricKeys {
  const curve = curveByName(name)!;
  const isSigning = differences.use === "sig";
  return {
    ...differences,
    name,
    kty: "OKP",
    privateMember: "d",
    rawForms: ["raw", "raw-public"],
    algorithm: () => ({ name }),
    algorithmOf(material) {
      if (material.kind === "curve" && material.curve === curve) return { name };
      throw refusal("DataError", `Cannot import the key: it is no key of ${name}`);
    },
    // Tokens from before there was a mechanism for X25519 and X448 make their keys with the one for Ed25519.
    generation: (_parameters, access) => ({
      mechanism: !isSigning && access.has(CKM.EC_MONTGOMERY_KEY_PAIR_GEN)
        ? CKM.EC_MONTGOMERY_KEY_PAIR_GEN
        : CKM.EC_EDWARDS_KEY_PAIR_GEN,
      publicAttributes: { namedCurve: name },
    }),
    checkJsonWebKey(jwk) {
      if (jwk.crv !== name) throw wrongJsonWebKey(`its "crv" is ${JSON.stringify(jwk.crv)}, expected "${name}"`);
      if (isSigning && jwk.alg !== undefined && jwk.alg !== name && jwk.alg !== "EdDSA") {
        throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(jwk.alg)}, expected "${name}"`);
      }
    },
    jsonAlgorithm: () => isSigning ? name : undefined,
    readRaw: (bytes) => ({ kind: "curve", curve, publicKey: publicPointOf(curve, bytes, "the key"), privateKey: null }),
  };
}

const signing = { publicUsages: ["verify"], privateUsages: ["sign"], use: "sig" } as const;
const agreeing = { publicUsages: [], privateUsages: ["deriveKey", "deriveBits"], use: "enc" } as const;

/** Keys of Ed25519. */
export const ed25519Keys: AsymmetricKeys = octetKeys("Ed25519", signing);
/** Keys of Ed448. */
export const ed448Keys: AsymmetricKeys = octetKeys("Ed448", signing);
/** Keys of X25519. */
export const x25519Keys: AsymmetricKeys = octetKeys("X25519", agreeing);
/** Keys of X448. */
export const x448Keys: AsymmetricKeys = octetKeys("X448", agreeing);
