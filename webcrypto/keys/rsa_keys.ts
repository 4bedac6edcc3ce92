/**
 * Keys of RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP (Web Cryptography §20 to §22).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import type { HashName } from "../../session/mechanisms/hash.ts";
import type { TokenKeyUsage } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { type Dictionary, placement, required } from "../contract/parameters.ts";
import type { AsymmetricKeys } from "./asymmetric_keys.ts";
import { wrongJsonWebKey } from "./json_web_keys.ts";

/** What the parameters of new keys are. */
export const rsaGeneration: Dictionary = [
  required("modulusLength", "long"),
  required("publicExponent", "big-integer"),
  required("hash", "hash"),
  placement,
];

/** What the parameters of keys from outside are. */
export const rsaImport: Dictionary = [required("hash", "hash"), placement];

/** "alg" of a family with each digest. */
type JsonAlgorithms = Readonly<Partial<Record<HashName, string>>>;

/** Bits of a number. */
function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : 8 * number.length - Math.clz32(number[0]!) + 24;
}

function isOne(number: Uint8Array): boolean {
  return number.at(-1) === 1 && number.subarray(0, -1).every((byte) => byte === 0);
}

function rsaKeys(
  name: string,
  differences: Pick<AsymmetricKeys, "publicUsages" | "privateUsages" | "use">,
  algorithms: JsonAlgorithms,
): AsymmetricKeys {
  return {
    ...differences,
    name,
    kty: "RSA",
    privateMember: "d",
    rawForms: [],
    algorithm({ hash, modulusLength, publicExponent }) {
      const last = publicExponent!.at(-1) ?? 0;
      if (last % 2 === 0 || isOne(publicExponent!) || modulusLength! < 256) {
        throw refusal("OperationError", "Cannot generate an RSA key: there is none of this modulus and exponent");
      }
      return { name, modulusLength: modulusLength!, publicExponent: publicExponent!, hash: hash! };
    },
    algorithmOf(material, { hash }) {
      if (material.kind !== "RSA") throw refusal("DataError", "Cannot import the key: it is no RSA key");
      const { modulus, publicExponent } = material;
      return {
        name,
        modulusLength: bitLength(modulus),
        publicExponent: publicExponent.slice(),
        hash: hash!,
      };
    },
    generation: ({ modulusLength, publicExponent }) => ({
      mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN,
      publicAttributes: { modulusBits: modulusLength!, publicExponent: publicExponent! },
    }),
    checkJsonWebKey(jwk, { hash }) {
      const { alg } = jwk;
      if (alg !== undefined && alg !== algorithms[hash!.name]) {
        throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(alg)}, not that of ${name} with ${hash!.name}`);
      }
      if (jwk.oth !== undefined) {
        throw refusal("NotSupportedError", "Cannot import the JSON Web Key: it has more than two primes");
      }
    },
    jsonAlgorithm: ({ hash }) => algorithms[hash!.name],
  };
}

function jsonAlgorithms(prefix: string, sha1: string): JsonAlgorithms {
  return { "SHA-1": sha1, "SHA-256": `${prefix}256`, "SHA-384": `${prefix}384`, "SHA-512": `${prefix}512` };
}

const signing = { publicUsages: ["verify"], privateUsages: ["sign"], use: "sig" } as const;
const encrypting: {
  readonly publicUsages: readonly TokenKeyUsage[];
  readonly privateUsages: readonly TokenKeyUsage[];
  readonly use: "enc";
} = { publicUsages: ["encrypt", "wrapKey"], privateUsages: ["decrypt", "unwrapKey"], use: "enc" };

/** Keys of RSASSA-PKCS1-v1_5. */
export const rsaPkcs1Keys: AsymmetricKeys = rsaKeys("RSASSA-PKCS1-v1_5", signing, jsonAlgorithms("RS", "RS1"));
/** Keys of RSA-PSS. */
export const rsaPssKeys: AsymmetricKeys = rsaKeys("RSA-PSS", signing, jsonAlgorithms("PS", "PS1"));
/** Keys of RSA-OAEP. */
export const rsaOaepKeys: AsymmetricKeys = rsaKeys("RSA-OAEP", encrypting, jsonAlgorithms("RSA-OAEP-", "RSA-OAEP"));
