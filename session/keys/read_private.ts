/**
 * Keys that the token lets out.
 *
 * @module
 */
import { secretBytes } from "../../internal/bytes.ts";
import { CKK, CKO, CKR } from "../../ffi/constants/mod.ts";
import { ckaName, ckkName } from "../../ffi/constants/names.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { getAttributes, type ObjectArgs } from "../../ffi/operations/objects.ts";
import { attributeType, readPlan } from "../attributes/attribute_types.ts";
import type { AttributeName } from "../attributes/attribute_table.ts";
import { type Attributes, attributesOf } from "../attributes/attributes.ts";
import { Pkcs11Error } from "../errors.ts";
import type { KeyMaterial } from "./forms/key_material.ts";
import { parameterSetByNumber } from "../attributes/named_parameters.ts";
import { completeKey } from "./forms/check_key.ts";
import { damaged } from "./forms/asn1.ts";
import { unambiguousPublicKey } from "./find_public.ts";
import { curveOfKey, identify } from "./read_public.ts";
import { completeRsa } from "./forms/rsa_numbers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const WHAT = "the key";
const RSA_NUMBERS = ["prime1", "prime2", "exponent1", "exponent2", "coefficient"] as const;

/**
 * A private or secret key with its value.
 *
 * @throws {Pkcs11Error} CKR_ATTRIBUTE_SENSITIVE, CKR_KEY_UNEXTRACTABLE where the token keeps it to itself
 */
export function* readSecretKey(frame: Frame, { object, session }: ObjectArgs): Program<KeyMaterial> {
  const key = yield* identify(frame, { session, object });
  if (key.class === CKO.SECRET_KEY) {
    const read = yield* readValues(frame, { session, object }, ["value"]);
    return { kind: "secret", keyType: key.keyType ?? CKK.GENERIC_SECRET, value: needed(frame, read, "value") };
  }
  if (key.class !== CKO.PRIVATE_KEY) {
    throw new TypeError("Cannot export the key: it is neither private nor secret; publicKey() gives public keys");
  }
  switch (key.keyType) {
    case CKK.RSA:
      return yield* readRsa(frame, { session, object });
    case CKK.EC:
    case CKK.EC_EDWARDS:
    case CKK.EC_MONTGOMERY: {
      const read = yield* readValues(frame, { session, object }, ["ecParams", "value"]);
      const value = needed(frame, read, "value");
      const curve = curveOfKey(needed(frame, read, "ecParams"), key.keyType);
      const privateKey = secretBytes(curve.privateSize);
      // Tokens leave leading zeros out, or add one.
      const digits = value.subarray(Math.max(0, value.length - curve.privateSize));
      privateKey.set(digits, curve.privateSize - digits.length);
      value.fill(0);
      return completeKey({ kind: "curve", curve, publicKey: null, privateKey }, WHAT);
    }
    case CKK.ML_DSA:
    case CKK.ML_KEM:
    case CKK.SLH_DSA: {
      const read = yield* readValues(frame, { session, object }, ["parameterSet", "seed", "value"]);
      const set = parameterSetByNumber(key.keyType, Number(read.get("parameterSet")));
      if (set === undefined) throw damaged(WHAT, `parameter set ${read.get("parameterSet")} is unknown`);
      const seed = read.get("seed") ?? null;
      const privateKey = seed === null ? needed(frame, read, "value") : read.get("value") ?? null;
      const half = yield* unambiguousPublicKey(frame, session, key);
      const publicKey = half?.kind === "post-quantum" ? half.publicKey : null;
      return completeKey({ kind: "post-quantum", set, publicKey, seed, privateKey }, WHAT);
    }
    default:
      throw new TypeError(
        `Cannot export the key: keys of the type ${
          key.keyType === undefined ? "unknown" : ckkName(key.keyType)
        } have no form outside the token`,
      );
  }
}

function* readRsa(frame: Frame, args: ObjectArgs): Program<KeyMaterial> {
  const read = yield* readValues(frame, args, ["modulus", "publicExponent", "privateExponent", ...RSA_NUMBERS]);
  const privateExponent = needed(frame, read, "privateExponent");
  const modulus = needed(frame, read, "modulus");
  let publicExponent = read.get("publicExponent");
  if (publicExponent === undefined) {
    const half = yield* unambiguousPublicKey(frame, args.session, yield* identify(frame, args));
    if (half?.kind === "RSA") publicExponent = half.publicExponent;
  }
  if (publicExponent === undefined) throw damaged(WHAT, "the token does not tell its public exponent");
  if (RSA_NUMBERS.some((name) => read.get(name) === undefined)) {
    const privateNumbers = completeRsa(modulus, publicExponent, privateExponent);
    return { kind: "RSA", modulus, publicExponent, privateNumbers };
  }
  const [prime1, prime2, exponent1, exponent2, coefficient] = RSA_NUMBERS.map((name) => read.get(name)!) as [
    Bytes,
    Bytes,
    Bytes,
    Bytes,
    Bytes,
  ];
  const privateNumbers = { privateExponent, prime1, prime2, exponent1, exponent2, coefficient };
  return completeKey({ kind: "RSA", modulus, publicExponent, privateNumbers }, WHAT);
}

function* readValues(frame: Frame, args: ObjectArgs, names: readonly AttributeName[]): Program<Attributes> {
  const plan = readPlan([...names, "sensitive", "extractable"]);
  return attributesOf(yield* getAttributes(frame, { ...args, plan }));
}

/** A value the key cannot be exported without. */
function needed<K extends "value" | "modulus" | "privateExponent" | "ecParams">(
  frame: Frame,
  read: Attributes,
  name: K,
): Bytes {
  const value = read.get(name);
  if (value !== undefined) return value;
  const cka = ckaName(attributeType(name));
  const token = frame.turn?.label;
  if (read.get("extractable") === false) {
    throw new Pkcs11Error(CKR.KEY_UNEXTRACTABLE, "C_GetAttributeValue", {
      token,
      action: "export the key, whose CKA_EXTRACTABLE is false",
      hint: "The key was made or brought in without extractable: true; it stays in its token.",
    });
  }
  if (read.state(name) === "sensitive" || read.get("sensitive") === true) {
    throw new Pkcs11Error(CKR.ATTRIBUTE_SENSITIVE, "C_GetAttributeValue", {
      token,
      action: "export the key, whose CKA_SENSITIVE is true",
      hint: "The token gives its value to nobody; wrapKey takes it out under another key.",
    });
  }
  throw new Pkcs11Error(CKR.ATTRIBUTE_TYPE_INVALID, "C_GetAttributeValue", {
    token,
    action: `export the key, whose ${cka} the token does not tell`,
  });
}
