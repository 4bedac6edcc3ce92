/**
 * The public half that a key or certificate of a token tells itself.
 *
 * @module
 */
import { isSameBytes } from "../../internal/bytes.ts";
import { CKK, CKO } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { getAttributes, type ObjectArgs } from "../../ffi/operations/objects.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import { readPlan } from "../attributes/attribute_types.ts";
import { ckkName } from "../../ffi/constants/names.ts";
import { damaged, readDer, Tag } from "./forms/asn1.ts";
import { certificateKey, certificateParts } from "./forms/certificate.ts";
import { type Curve, curveOfParameters, parameterSetByNumber } from "../attributes/named_parameters.ts";
import type { AsymmetricMaterial } from "./forms/key_material.ts";
import { isWeierstrass, ofLength, publicPointOf, readSpki } from "./forms/read_der.ts";
import { writeSpki } from "./forms/write_der.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const WHAT = "the public key";

/** What is read of an object to know its public half; CKA_VALUE only where it is public. */
const ABOUT: readonly AttributeName[] = ["class", "keyType", "id", "label"];
const PUBLIC: readonly AttributeName[] = ["modulus", "publicExponent", "ecParams", "ecPoint", "parameterSet"];

/** What an object is: enough to look for its partners. */
export interface KeyIdentity {
  /** The object. */
  readonly object: bigint;
  /** CKO_ number. */
  readonly class: number;
  /** CKK_ number; undefined for a certificate. */
  readonly keyType: number | undefined;
  /** CKA_ID; empty where it has none. */
  readonly id: Bytes;
  /** CKA_LABEL; empty where it has none. */
  readonly label: string;
}

/** Reads what an object is. */
export function* identify(frame: Frame, { session, object }: ObjectArgs): Program<KeyIdentity> {
  const read = attributesOf(yield* getAttributes(frame, { session, object, plan: readPlan(ABOUT) }));
  return {
    object,
    class: Number(read.get("class")),
    keyType: read.state("keyType") === "ok" ? Number(read.get("keyType")) : undefined,
    id: read.get("id") ?? new Uint8Array(),
    label: read.get("label") ?? "",
  };
}

/** The public half that the object itself tells; null where it does not. */
export function* ownPublicKey(frame: Frame, session: bigint, key: KeyIdentity): Program<AsymmetricMaterial | null> {
  const names = key.class === CKO.CERTIFICATE
    ? []
    : key.class === CKO.PRIVATE_KEY
    ? PUBLIC
    : [...PUBLIC, "value"] as const;
  const plan = readPlan([...names, ...key.class === CKO.CERTIFICATE ? ["value"] as const : ["publicKeyInfo"] as const]);
  const read = attributesOf(yield* getAttributes(frame, { session, object: key.object, plan }));
  if (key.class === CKO.CERTIFICATE) {
    const value = read.get("value");
    return value === undefined ? null : certificateKey(certificateParts(value));
  }
  if (key.class !== CKO.PUBLIC_KEY && key.class !== CKO.PRIVATE_KEY) {
    throw new TypeError(`Cannot read ${WHAT}: the object is neither a public key, a private key nor a certificate`);
  }
  const info = read.get("publicKeyInfo");
  if (info !== undefined && info.length > 0) return readSpki(readDer(info, WHAT), WHAT);
  return publicMaterialOf(read, key);
}

/** The public half in the attributes of a key; null where one is missing. */
function publicMaterialOf(read: Attributes, { class: objectClass, keyType }: KeyIdentity): AsymmetricMaterial | null {
  switch (keyType) {
    case CKK.RSA: {
      const modulus = read.get("modulus");
      const publicExponent = read.get("publicExponent");
      if (modulus === undefined || publicExponent === undefined) return null;
      return { kind: "RSA", modulus: trimmed(modulus), publicExponent: trimmed(publicExponent), privateNumbers: null };
    }
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY: {
      const parameters = read.get("ecParams");
      const point = read.get("ecPoint");
      if (parameters === undefined || point === undefined) return null;
      const curve = curveOfKey(parameters, keyType);
      return { kind: "curve", curve, publicKey: publicPointOf(curve, barePoint(curve, point), WHAT), privateKey: null };
    }
    case CKK.ML_DSA:
    case CKK.ML_KEM:
    case CKK.SLH_DSA: {
      const number = read.get("parameterSet");
      const value = objectClass === CKO.PUBLIC_KEY ? read.get("value") : undefined;
      if (number === undefined || value === undefined) return null;
      const set = parameterSetByNumber(keyType, Number(number));
      if (set === undefined) throw damaged(WHAT, `parameter set ${number} of ${ckkName(keyType)} is unknown`);
      return {
        kind: "post-quantum",
        set,
        publicKey: ofLength(value, set.publicLength, set.name, WHAT),
        seed: null,
        privateKey: null,
      };
    }
    default:
      throw new TypeError(
        `Cannot read ${WHAT}: keys of the type ${
          keyType === undefined ? "unknown" : ckkName(keyType)
        } have no public form`,
      );
  }
}

/** The curve that CKA_EC_PARAMS of a key names. */
export function curveOfKey(parameters: Bytes, keyType: number): Curve {
  const curve = curveOfParameters(parameters);
  if (curve !== undefined && isWeierstrass(curve) === (keyType === CKK.EC)) return curve;
  const isExplicit = parameters[0] === Tag.SEQUENCE;
  throw damaged(
    "CKA_EC_PARAMS",
    isExplicit ? "the curve is given by its numbers, not by its name" : "the curve it names is unknown",
  );
}

/** The point of CKA_EC_POINT, which tokens give as an OCTET STRING, or bare. */
export function barePoint(curve: Curve, point: Bytes): Bytes {
  const bare = isWeierstrass(curve) ? [1 + 2 * curve.size, 1 + curve.size] : [curve.size];
  if (bare.includes(point.length)) return point;
  const element = readDer(point, "CKA_EC_POINT");
  if (element.tag !== Tag.OCTET_STRING) throw damaged("CKA_EC_POINT", "it is neither a point nor an OCTET STRING");
  return element.content;
}

/** A number without zeros before it. */
export function trimmed(number: Bytes): Bytes {
  const start = number.findIndex((byte) => byte !== 0);
  return start <= 0 ? number : number.slice(start);
}

/** What is read; null where it is damaged, or of a kind that is unknown here: it hinders nobody who looks for another. */
export function* unlessDamaged<T>(reading: Program<T>): Program<T | null> {
  try {
    return yield* reading;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

/** Whether two public halves are the same key. */
export function isSameKey(a: AsymmetricMaterial, b: AsymmetricMaterial): boolean {
  return isSameBytes(writeSpki(a), writeSpki(b));
}
