/**
 * Keys of ECDSA and ECDH (Web Cryptography §23, §24).
 *
 * @module
 */
import { CKM } from "../../ffi/constants/mod.ts";
import { type Curve, curveByName } from "../../session/attributes/named_parameters.ts";
import type { AsymmetricMaterial } from "../../session/keys/forms/key_material.ts";
import { publicPointOf } from "../../session/keys/forms/read_der.ts";
import type { TokenKeyUsage } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { Parameters } from "../contract/parameters.ts";
import type { AsymmetricKeys } from "./asymmetric_keys.ts";
import { wrongJsonWebKey } from "./json_web_keys.ts";

/** The curves of the specification, and the JOSE algorithm of each. */
const curves: Readonly<Record<string, string>> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

/** The names of the curves. */
export const curveNames: readonly string[] = Object.keys(curves);

/** The curve that parameters name; undefined where it is none of the specification's. */
export function namedCurve({ namedCurve = "" }: Pick<Parameters, "namedCurve">): Curve | undefined {
  return Object.hasOwn(curves, namedCurve) ? curveByName(namedCurve) : undefined;
}

/** What ECDSA and ECDH say differently. */
interface Differences {
  readonly name: "ECDSA" | "ECDH";
  readonly publicUsages: readonly TokenKeyUsage[];
  readonly privateUsages: readonly TokenKeyUsage[];
  readonly use: "sig" | "enc";
  checkAlgorithm(alg: string | undefined, curve: string): void;
}

function ellipticKeys({ checkAlgorithm, ...differences }: Differences): AsymmetricKeys {
  const { name } = differences;
  return {
    ...differences,
    kty: "EC",
    privateMember: "d",
    rawForms: ["raw", "raw-public"],
    algorithm(parameters) {
      if (namedCurve(parameters) !== undefined) return { name, namedCurve: parameters.namedCurve! };
      throw refusal("NotSupportedError", `Cannot use the curve ${JSON.stringify(parameters.namedCurve)} with ${name}`);
    },
    algorithmOf(material: AsymmetricMaterial, parameters) {
      const curve = namedCurve(parameters);
      if (curve === undefined || material.kind !== "curve" || material.curve !== curve) {
        throw refusal("DataError", `Cannot import the key: it is no key of ${name} on ${parameters.namedCurve}`);
      }
      return { name, namedCurve: curve.name };
    },
    generation: ({ namedCurve }) => ({
      mechanism: CKM.EC_KEY_PAIR_GEN,
      publicAttributes: { namedCurve: curveByName(namedCurve!)!.name },
    }),
    checkJsonWebKey(jwk, parameters) {
      if (jwk.crv !== parameters.namedCurve) {
        throw wrongJsonWebKey(`its "crv" is ${JSON.stringify(jwk.crv)}, expected "${parameters.namedCurve}"`);
      }
      if (namedCurve(parameters) === undefined) throw wrongJsonWebKey(`its "crv" is unknown`);
      checkAlgorithm(jwk.alg, jwk.crv!);
    },
    jsonAlgorithm: () => undefined,
    readRaw(bytes, parameters) {
      const curve = namedCurve(parameters);
      if (curve === undefined) throw refusal("DataError", `Cannot import the key: its curve is unknown`);
      return { kind: "curve", curve, publicKey: publicPointOf(curve, bytes, "the key"), privateKey: null };
    },
  };
}

/** Keys of ECDSA. */
export const ecdsaKeys: AsymmetricKeys = ellipticKeys({
  name: "ECDSA",
  publicUsages: ["verify"],
  privateUsages: ["sign"],
  use: "sig",
  checkAlgorithm(alg, curve) {
    const named = Object.entries(curves).find(([, name]) => name === alg)?.[0];
    if (named !== undefined && named !== curve) throw wrongJsonWebKey(`its "alg" ${alg} is not for ${curve}`);
  },
});

/** Keys of ECDH. */
export const ecdhKeys: AsymmetricKeys = ellipticKeys({
  name: "ECDH",
  publicUsages: [],
  privateUsages: ["deriveKey", "deriveBits"],
  use: "enc",
  checkAlgorithm() {},
});
