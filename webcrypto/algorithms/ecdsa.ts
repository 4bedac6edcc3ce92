/**
 * ECDSA (Web Cryptography §23).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { curveByName } from "../../session/attributes/named_parameters.ts";
import { findHash, type HashName } from "../../session/mechanisms/hash.ts";
import { ecdsaWith, type SignatureScheme } from "../../session/keys/signature_schemes.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { placement, required } from "../contract/parameters.ts";
import { keyOperations } from "../keys/asymmetric_keys.ts";
import { curveNames, ecdsaKeys } from "../keys/elliptic_keys.ts";
import { hashNames } from "./hashes.ts";
import { signBy, verifyBy } from "./signatures.ts";

function coordinate({ key }: KeyUse): number {
  return curveByName(key.algorithm.namedCurve!)!.size;
}

/** Tokens want no digest that is longer than the curve; its first bits are signed (FIPS 186-5 §6.4). */
function schemeOf(hash: HashName, size: number): SignatureScheme {
  return { ...ecdsaWith(hash), prepare: (digest) => digest.length > size ? digest.subarray(0, size) : digest };
}

/** The schemes of the curves, made once. */
const schemes: ReadonlyMap<string, ReadonlyMap<HashName, SignatureScheme>> = new Map(
  curveNames.map((name) => {
    const { size } = curveByName(name)!;
    return [name, new Map(hashNames.map((hash) => [hash, schemeOf(hash, size)]))];
  }),
);

function schemeFor({ key, parameters }: KeyUse): SignatureScheme {
  return schemes.get(key.algorithm.namedCurve!)!.get(parameters.hash!.name)!;
}

const signs = anyOf(CKM.ECDSA, ...hashNames.map((name: HashName) => findHash(name).ecdsa));

/** ECDSA. */
export const ecdsa: Family = {
  name: "ECDSA",
  operations: {
    generateKey: [required("namedCurve", "text"), placement],
    importKey: [required("namedCurve", "text"), placement],
    exportKey: [],
    sign: [required("hash", "hash")],
    verify: [required("hash", "hash")],
  },
  needs: { generateKey: anyOf(CKM.EC_KEY_PAIR_GEN), importKey: signs, sign: signs, verify: signs },
  ...keyOperations(ecdsaKeys),
  sign: (use, data) => signBy(schemeFor(use), use, data),
  verify: (use, signature, data) => verifyBy(schemeFor(use), use, signature, data, 2 * coordinate(use)),
};
