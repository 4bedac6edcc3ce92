/**
 * JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037, RFC 9964).
 *
 * @module
 */
import { secretCopy } from "../../../internal/bytes.ts";
import { describeName } from "../../../ffi/memory/inputs.ts";
import { CKK } from "../../../ffi/constants/mod.ts";
import { damaged } from "./asn1.ts";
import { type Curve, curveByName, parameterSetByName } from "../../attributes/named_parameters.ts";
import {
  type AsymmetricMaterial,
  type CurveMaterial,
  hasPrivateHalf,
  type KeyMaterial,
  type PostQuantumMaterial,
  type RsaMaterial,
  type SecretMaterial,
} from "./key_material.ts";
import { isWeierstrass, ofLength, publicPointOf } from "./read_der.ts";
import { completeRsa } from "./rsa_numbers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A key as JSON. Numbers and byte strings are base64url without padding. */
export interface JsonWebKeyFields {
  /** Key type: "RSA", "EC", "OKP", "AKP" or "oct". */
  kty?: string | undefined;
  /** Curve, of EC and OKP. */
  crv?: string | undefined;
  /** Algorithm; the parameter set of AKP. */
  alg?: string | undefined;
  /** Key id. */
  kid?: string | undefined;
  /** The private number, key or exponent. */
  d?: string | undefined;
  /** The public exponent of RSA. */
  e?: string | undefined;
  /** The modulus of RSA. */
  n?: string | undefined;
  /** The first prime of RSA. */
  p?: string | undefined;
  /** The second prime of RSA. */
  q?: string | undefined;
  /** d mod (p - 1) of RSA. */
  dp?: string | undefined;
  /** d mod (q - 1) of RSA. */
  dq?: string | undefined;
  /** The inverse of q mod p of RSA. */
  qi?: string | undefined;
  /** The value of a secret key. */
  k?: string | undefined;
  /** The first coordinate, or the public key of OKP. */
  x?: string | undefined;
  /** The second coordinate. */
  y?: string | undefined;
  /** The public key of AKP. */
  pub?: string | undefined;
  /** The seed of AKP. */
  priv?: string | undefined;
  /** Whether the key may be exported; not read here. */
  ext?: boolean | undefined;
  /** What the key may be used for; not read here. */
  key_ops?: string[] | undefined;
  /** "sig" or "enc"; not read here. */
  use?: string | undefined;
  /** Primes beyond the second; such keys are refused. */
  oth?: unknown[] | undefined;
}

/** A key as JSON, given out: what it does not have is absent, as where the runtime's `JsonWebKey` is wanted. */
export type WrittenJsonWebKey = {
  [Name in Exclude<keyof JsonWebKeyFields, "oth">]?: Exclude<JsonWebKeyFields[Name], undefined>;
};

/** Whether a value looks like a JSON Web Key. */
export function isJsonWebKey(value: unknown): value is JsonWebKeyFields {
  return typeof value === "object" && value !== null && typeof (value as JsonWebKeyFields).kty === "string";
}

/** Reads a JSON Web Key. */
export function readJsonWebKey(key: JsonWebKeyFields, what: string): KeyMaterial {
  switch (key.kty) {
    case "RSA":
      return readRsa(key, what);
    case "EC":
    case "OKP":
      return readCurve(key, what);
    case "AKP":
      return readPostQuantum(key, what);
    case "oct":
      return readSecret(key, what);
    default:
      throw damaged(what, `its "kty" is ${JSON.stringify(key.kty)}; known are RSA, EC, OKP, AKP and oct`);
  }
}

function readRsa(key: JsonWebKeyFields, what: string): RsaMaterial {
  if (key.oth !== undefined) throw damaged(what, "it is an RSA key of more than two primes");
  const modulus = number(key, "n", what);
  const publicExponent = number(key, "e", what);
  if (key.d === undefined) return { kind: "RSA", modulus, publicExponent, privateNumbers: null };
  const privateExponent = number(key, "d", what);
  const members = ["p", "q", "dp", "dq", "qi"] as const;
  const missing = members.filter((name) => key[name] === undefined);
  if (missing.length === members.length) {
    return {
      kind: "RSA",
      modulus,
      publicExponent,
      privateNumbers: completeRsa(modulus, publicExponent, privateExponent),
    };
  }
  if (missing.length > 0) throw damaged(what, `its member "${missing[0]}" is missing`);
  const [prime1, prime2, exponent1, exponent2, coefficient] = members.map((name) => number(key, name, what));
  const privateNumbers = {
    privateExponent,
    prime1: prime1!,
    prime2: prime2!,
    exponent1: exponent1!,
    exponent2: exponent2!,
    coefficient: coefficient!,
  };
  return { kind: "RSA", modulus, publicExponent, privateNumbers };
}

function readCurve(key: JsonWebKeyFields, what: string): CurveMaterial {
  const curve = typeof key.crv === "string" ? curveByName(key.crv) : undefined;
  if (curve === undefined || isWeierstrass(curve) !== (key.kty === "EC")) {
    throw damaged(what, `its "crv" ${describeName(key.crv)} is no curve of "kty" ${key.kty}`);
  }
  const x = ofLength(member(key, "x", what), curve.size, `"x" on ${curve.name}`, what);
  let publicKey = x;
  if (isWeierstrass(curve)) {
    const y = ofLength(member(key, "y", what), curve.size, `"y" on ${curve.name}`, what);
    publicKey = publicPointOf(curve, Uint8Array.of(4, ...x, ...y), what);
  }
  const privateKey = key.d === undefined
    ? null
    : ofLength(member(key, "d", what), curve.privateSize, `"d" on ${curve.name}`, what);
  return { kind: "curve", curve, publicKey, privateKey };
}

function readPostQuantum(key: JsonWebKeyFields, what: string): PostQuantumMaterial {
  const set = typeof key.alg === "string" ? parameterSetByName(key.alg) : undefined;
  if (set === undefined) throw damaged(what, `its "alg" ${describeName(key.alg)} is no parameter set`);
  const publicKey = ofLength(member(key, "pub", what), set.publicLength, `"pub" of ${set.name}`, what);
  if (key.priv === undefined) return { kind: "post-quantum", set, publicKey, seed: null, privateKey: null };
  const secret = member(key, "priv", what);
  const length = set.seedLength === 0 ? set.privateLength : set.seedLength;
  ofLength(secret, length, `"priv" of ${set.name}`, what);
  const halves = set.seedLength === 0 ? { seed: null, privateKey: secret } : { seed: secret, privateKey: null };
  return { kind: "post-quantum", set, publicKey, ...halves };
}

const aesAlgorithm = /^A(128|192|256)(KW|GCMKW|GCM|CBC|CTR)$/;

/** "alg" tells an AES key from one of HMAC; without it the key is a generic secret. */
function readSecret(key: JsonWebKeyFields, what: string): SecretMaterial {
  const value = member(key, "k", what);
  if (value.length === 0) throw damaged(what, 'its "k" is empty');
  const bits = typeof key.alg === "string" ? aesAlgorithm.exec(key.alg)?.[1] : undefined;
  if (bits === undefined) return { kind: "secret", keyType: CKK.GENERIC_SECRET, value };
  return { kind: "secret", keyType: CKK.AES, value: ofLength(value, Number(bits) / 8, `${key.alg}'s "k"`, what) };
}

type ByteMember = "d" | "e" | "n" | "p" | "q" | "dp" | "dq" | "qi" | "k" | "x" | "y" | "pub" | "priv";

function member(key: JsonWebKeyFields, name: ByteMember, what: string): Bytes {
  const text = key[name];
  if (text === undefined) throw damaged(what, `its member "${name}" is missing`);
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw damaged(what, `its member "${name}" is no base64url`);
  }
  const decoded = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  const bytes = secretCopy(decoded);
  decoded.fill(0);
  return bytes;
}

/** A number, without the leading zeros that some writers leave. */
function number(key: JsonWebKeyFields, name: ByteMember, what: string): Bytes {
  const bytes = member(key, name, what);
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start < 0) throw damaged(what, `its member "${name}" is zero`);
  return bytes.subarray(start);
}

function text(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The public half as JSON. */
export function writePublicJsonWebKey(material: AsymmetricMaterial): WrittenJsonWebKey {
  switch (material.kind) {
    case "RSA":
      return { kty: "RSA", n: text(material.modulus), e: text(material.publicExponent) };
    case "curve":
      return writeCurve(material);
    case "post-quantum":
      return { kty: "AKP", alg: material.set.name, pub: text(publicOf(material)) };
  }
}

function writeCurve(material: CurveMaterial): WrittenJsonWebKey {
  const { curve } = material;
  const bytes = publicOf(material);
  if (!isWeierstrass(curve)) return { kty: "OKP", crv: curve.name, x: text(bytes) };
  const x = text(bytes.subarray(1, 1 + curve.size));
  return { kty: "EC", crv: curve.name, x, y: text(bytes.subarray(1 + curve.size)) };
}

/** The whole key as JSON. */
export function writeJsonWebKey(material: KeyMaterial): WrittenJsonWebKey {
  if (material.kind === "secret") return { kty: "oct", k: text(material.value) };
  const half = writePublicJsonWebKey(material);
  if (!hasPrivateHalf(material)) return half;
  switch (material.kind) {
    case "RSA": {
      const { privateExponent, prime1, prime2, exponent1, exponent2, coefficient } = material.privateNumbers!;
      return {
        ...half,
        d: text(privateExponent),
        p: text(prime1),
        q: text(prime2),
        dp: text(exponent1),
        dq: text(exponent2),
        qi: text(coefficient),
      };
    }
    case "curve":
      return { ...half, d: text(material.privateKey!) };
    case "post-quantum":
      return { ...half, priv: text(privateOf(material)) };
  }
}

function publicOf(material: CurveMaterial | PostQuantumMaterial): Bytes {
  if (material.publicKey === null) throw new TypeError("Cannot write the JSON Web Key: its public half is not known");
  return material.publicKey;
}

/** RFC 9964 §3 has the seed alone; SLH-DSA's key stands there as it is. */
function privateOf({ privateKey, seed, set }: PostQuantumMaterial): Bytes {
  const secret = set.seedLength === 0 ? privateKey : seed;
  if (secret === null) {
    throw new TypeError(`Cannot write the ${set.name} key as a JSON Web Key: it needs the seed, which is not known`);
  }
  return secret;
}

/** Whether a curve can stand in a JSON Web Key: RFC 7518, RFC 8037 and RFC 8812 name them. */
export function hasJsonWebKeyForm(curve: Curve): boolean {
  return /^(P-256|P-384|P-521|secp256k1|Ed25519|Ed448|X25519|X448)$/.test(curve.name);
}
