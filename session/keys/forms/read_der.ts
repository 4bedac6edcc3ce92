/**
 * Keys in DER: SubjectPublicKeyInfo (RFC 5280 §4.1), PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 §A.1) and SEC1 (RFC 5915).
 * Byte arrays of what is read lie in the bytes that were given; who gave them overwrites both.
 *
 * @module
 */
import { secretBytes } from "../../../internal/bytes.ts";
import { CKK } from "../../../ffi/constants/mod.ts";
import { contextTag, damaged, type DerElement, DerReader, oidText, readDer, Tag, wholeOctets } from "./asn1.ts";
import { uncompressedPoint } from "./curve_arithmetic.ts";
import { type Curve, curveByOid, type ParameterSet, parameterSetByOid } from "../../attributes/named_parameters.ts";
import {
  type AsymmetricMaterial,
  type CurveMaterial,
  KeyOid,
  type PostQuantumMaterial,
  type RsaMaterial,
} from "./key_material.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A key's algorithm, as an AlgorithmIdentifier names it. */
type Algorithm = { kind: "RSA" } | { kind: "curve"; curve: Curve } | { kind: "post-quantum"; set: ParameterSet };

/** The forms a DER key can have, told apart by the first elements of its sequence. */
export type DerForm = "spki" | "pkcs8" | "encrypted-pkcs8" | "pkcs1-private" | "pkcs1-public" | "sec1" | "certificate";

/**
 * Which form a DER sequence has.
 *
 * @throws {TypeError} when it is none of a key
 */
export function derForm(element: DerElement, what: string): DerForm {
  const tags = element.tag === Tag.SEQUENCE ? element.children.map((child) => child.tag) : [];
  const [first, second, third] = tags;
  if (first === Tag.INTEGER && second === Tag.SEQUENCE && third === Tag.OCTET_STRING) return "pkcs8";
  if (first === Tag.INTEGER && second === Tag.OCTET_STRING) return "sec1";
  if (first === Tag.INTEGER && second === Tag.INTEGER) return tags.length === 2 ? "pkcs1-public" : "pkcs1-private";
  if (first === Tag.SEQUENCE && second === Tag.BIT_STRING && tags.length === 2) return "spki";
  if (first === Tag.SEQUENCE && second === Tag.OCTET_STRING && tags.length === 2) return "encrypted-pkcs8";
  if (first === Tag.SEQUENCE && second === Tag.SEQUENCE && third === Tag.BIT_STRING) return "certificate";
  throw damaged(what, "its DER is no SubjectPublicKeyInfo, PKCS#8, PKCS#1 or SEC1 key");
}

/** A SubjectPublicKeyInfo. */
export function readSpki(element: DerElement, what: string): AsymmetricMaterial {
  const reader = new DerReader(element, what);
  const algorithm = readAlgorithm(reader.inside("the algorithm"), what);
  const key = reader.bits("the public key");
  reader.end();
  return publicMaterial(algorithm, key, what);
}

function publicMaterial(algorithm: Algorithm, key: Bytes, what: string): AsymmetricMaterial {
  switch (algorithm.kind) {
    case "RSA":
      return readRsaPublic(readDer(key, `${what}, the RSA public key`), what);
    case "curve":
      return { ...algorithm, publicKey: publicPointOf(algorithm.curve, key, what), privateKey: null };
    case "post-quantum":
      return {
        ...algorithm,
        publicKey: ofLength(key, algorithm.set.publicLength, algorithm.set.name, what),
        seed: null,
        privateKey: null,
      };
  }
}

/** A PKCS#8 PrivateKeyInfo or OneAsymmetricKey. */
export function readPkcs8(element: DerElement, what: string): AsymmetricMaterial {
  const reader = new DerReader(element, what);
  const version = reader.small("the version");
  if (version > 1) throw damaged(what, `PKCS#8 version ${version} is unknown`);
  const algorithm = readAlgorithm(reader.inside("the algorithm"), what);
  const key = reader.octets("the private key");
  reader.optional(contextTag(0, true)); // attributes
  const publicBits = reader.optional(contextTag(1, false));
  reader.end();
  const publicKey = publicBits && wholeOctets(publicBits.content, what, "the public key");
  switch (algorithm.kind) {
    case "RSA":
      return readRsaPrivate(readDer(key, `${what}, the RSA private key`), what);
    case "curve":
      return curvePrivate(algorithm.curve, key, publicKey, what);
    case "post-quantum":
      return postQuantumPrivate(algorithm.set, key, publicKey, what);
  }
}

/** A PKCS#1 RSAPublicKey. */
export function readRsaPublic(element: DerElement, what: string): RsaMaterial {
  const reader = new DerReader(element, what);
  const modulus = reader.unsigned("the modulus");
  const publicExponent = reader.unsigned("the public exponent");
  reader.end();
  return { kind: "RSA", modulus, publicExponent, privateNumbers: null };
}

/** A PKCS#1 RSAPrivateKey. */
export function readRsaPrivate(element: DerElement, what: string): RsaMaterial {
  const reader = new DerReader(element, what);
  if (reader.small("the version") !== 0) throw damaged(what, "it is an RSA key of more than two primes");
  const modulus = reader.unsigned("the modulus");
  const publicExponent = reader.unsigned("the public exponent");
  const privateNumbers = {
    privateExponent: reader.unsigned("the private exponent"),
    prime1: reader.unsigned("the first prime"),
    prime2: reader.unsigned("the second prime"),
    exponent1: reader.unsigned("the first exponent"),
    exponent2: reader.unsigned("the second exponent"),
    coefficient: reader.unsigned("the coefficient"),
  };
  reader.end();
  return { kind: "RSA", modulus, publicExponent, privateNumbers };
}

/** A SEC1 ECPrivateKey; its curve stands in it, or where it came from. */
export function readSec1(element: DerElement, what: string, outer: Curve | null = null): CurveMaterial {
  const reader = new DerReader(element, what);
  if (reader.small("the version") !== 1) throw damaged(what, "the version of its ECPrivateKey is not 1");
  const number = reader.octets("the private number");
  const parameters = reader.optional(contextTag(0, true))?.children[0];
  const named = parameters === undefined ? null : curveOf(parameters, what);
  const point = reader.optional(contextTag(1, true))?.children[0];
  reader.end();
  if (named !== null && outer !== null && named !== outer) {
    throw damaged(what, `it names two curves, ${outer.name} and ${named.name}`);
  }
  const curve = outer ?? named;
  if (curve === null) throw damaged(what, "it names no curve");
  const publicKey = point === undefined
    ? null
    : publicPointOf(curve, wholeOctets(point.content, what, "the public point"), what);
  return { kind: "curve", curve, publicKey, privateKey: padded(number, curve, what) };
}

const unknown = new WeakSet<object>();

function unknownKey(what: string, state: string): TypeError {
  const error = damaged(what, state);
  unknown.add(error);
  return error;
}

/** Whether an error says that a key is of an algorithm or curve that is not known here, damaged or not. */
export function isUnknownKey(error: unknown): boolean {
  return typeof error === "object" && error !== null && unknown.has(error);
}

function readAlgorithm(reader: DerReader, what: string): Algorithm {
  const oid = reader.oid("its identifier");
  if (oid === KeyOid.RSA || oid === KeyOid.RSA_PSS) return { kind: "RSA" };
  if (oid === KeyOid.EC) return { kind: "curve", curve: curveOf(reader.any("the curve"), what) };
  const curve = curveByOid(oid);
  if (curve !== undefined) {
    reader.end();
    return { kind: "curve", curve };
  }
  const set = parameterSetByOid(oid);
  if (set === undefined) throw unknownKey(what, `its algorithm ${oid} is unknown`);
  reader.end();
  return { kind: "post-quantum", set };
}

function curveOf(parameters: DerElement, what: string): Curve {
  if (parameters.tag === Tag.SEQUENCE) throw unknownKey(what, "its curve is given by its numbers, not by its name");
  const oid = oidText(parameters, what);
  const curve = curveByOid(oid);
  if (curve === undefined) throw unknownKey(what, `its curve ${oid} is unknown`);
  return curve;
}

function curvePrivate(curve: Curve, key: Bytes, publicBits: Bytes | null, what: string): CurveMaterial {
  const inner = readDer(key, `${what}, the private key`);
  if (inner.tag === Tag.OCTET_STRING) {
    const privateKey = ofLength(inner.content, curve.privateSize, curve.name, what);
    const publicKey = publicBits && publicPointOf(curve, publicBits, what);
    return { kind: "curve", curve, publicKey, privateKey };
  }
  const material = readSec1(inner, what, curve);
  return { ...material, publicKey: material.publicKey ?? (publicBits && publicPointOf(curve, publicBits, what)) };
}

/** The seed, the expanded key, or both (RFC 9881 §6, RFC 9935 §6); SLH-DSA's keys stand there as they are (RFC 9909). */
function postQuantumPrivate(
  set: ParameterSet,
  key: Bytes,
  publicBits: Bytes | null,
  what: string,
): PostQuantumMaterial {
  const publicKey = publicBits && ofLength(publicBits, set.publicLength, set.name, what);
  const made = (seed: Bytes | null, privateKey: Bytes | null): PostQuantumMaterial => ({
    kind: "post-quantum",
    set,
    publicKey,
    seed: seed && ofLength(seed, set.seedLength, `${set.name} seed`, what),
    privateKey: privateKey && ofLength(privateKey, set.privateLength, set.name, what),
  });
  if (set.seedLength === 0) return made(null, key);
  const inner = readDer(key, `${what}, the private key`);
  if (inner.tag === contextTag(0, false)) return made(inner.content, null);
  if (inner.tag === Tag.OCTET_STRING) return made(null, inner.content);
  const both = new DerReader(inner, `${what}, the private key`);
  const seed = both.octets("the seed");
  const privateKey = both.octets("the expanded key");
  both.end();
  return made(seed, privateKey);
}

/** A public key as the token and JWK want it: points are uncompressed. */
export function publicPointOf(curve: Curve, bytes: Bytes, what: string): Bytes {
  if (!isWeierstrass(curve)) return ofLength(bytes, curve.size, curve.name, what);
  const point = uncompressedPoint(curve, bytes);
  if (point === null) throw damaged(what, `its public point does not lie on ${curve.name}`);
  return point;
}

/** Whether public keys of the curve are points with two coordinates. */
export function isWeierstrass(curve: Curve): boolean {
  return curve.keyType === CKK.EC;
}

/** SEC1 wants the number in the curve's length; some writers leave zeros out or add one. */
function padded(number: Bytes, curve: Curve, what: string): Bytes {
  let start = 0;
  while (number.length - start > curve.privateSize && number[start] === 0) start++;
  const digits = number.subarray(start);
  if (digits.length > curve.privateSize) {
    throw damaged(what, `its private number has ${number.length} bytes, ${curve.name} has ${curve.privateSize}`);
  }
  if (digits.length === curve.privateSize) return digits;
  const full = secretBytes(curve.privateSize);
  full.set(digits, curve.privateSize - digits.length);
  number.fill(0);
  return full;
}

/** Bytes of exactly one length. */
export function ofLength(bytes: Bytes, length: number, name: string, what: string): Bytes {
  if (bytes.length === length) return bytes;
  throw damaged(what, `it has ${bytes.length} bytes where ${name} has ${length}`);
}

/** A form that is not read. */
export interface ForeignForm {
  /** What an input in this form is, in an error's words. */
  readonly is: string;
  /** The command that gives what is read, of a file. */
  readonly command: (file: string) => string;
  /** What the command does not do; "" where it does all. */
  readonly limits: string;
}

const pkcs12: ForeignForm = {
  is: "a PKCS #12 file",
  command: (file) => `openssl pkcs12 -in ${file} -nodes`,
  limits: "",
};

const openssh: ForeignForm = {
  is: "a key in OpenSSH's own form",
  command: (file) => `ssh-keygen -p -m PKCS8 -f ${file}`,
  limits: "RSA and ECDSA; Ed25519 keys it leaves as they are",
};

const opensshPublic: ForeignForm = {
  is: "a public key in OpenSSH's own form",
  command: (file) => `ssh-keygen -e -m PKCS8 -f ${file}`,
  limits: "RSA and ECDSA; Ed25519 keys it does not write so",
};

/** The form of a text that is no PEM: a line of `authorized_keys` or of a `.pub` file; null for any other. */
export function foreignLine(text: string): ForeignForm | null {
  return /^\s*(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+ AAAA/.test(text) ? opensshPublic : null;
}

/** The form of what stands in a block of PEM; null where its label says nothing of one. */
export function foreignPem(label: string): ForeignForm | null {
  return label === "OPENSSH PRIVATE KEY" ? openssh : null;
}

/** What all PKCS #12 files have behind their first length: the version 3 and a sequence (RFC 7292 §4). */
const PFX = [0x02, 0x01, 0x03, 0x30];

/** The form of bytes, DER or BER; null where they begin as none of these. */
export function foreignBytes(bytes: Uint8Array): ForeignForm | null {
  const [tag = 0, length = 0] = bytes;
  const start = length < 0x80 ? 2 : 2 + (length & 0x7f);
  return tag === 0x30 && PFX.every((byte, at) => bytes[start + at] === byte) ? pkcs12 : null;
}

/** Why an input in such a form is not read, and what to do. */
export function foreignReason({ command, is, limits }: ForeignForm): string {
  return `it is ${is}; convert it with "${command("FILE")}"${limits && ` (${limits})`}`;
}
