/**
 * Keys written in DER: SubjectPublicKeyInfo, PKCS#8. Of a private key nothing is copied but into what is returned. ECDSA
 * signatures: r and s side by side, as tokens and Web Cryptography have them, and in DER, as OpenSSL, X.509 and most
 * protocols want them (RFC 3279 §2.2.3).
 *
 * @module
 */
import {
  bits,
  context,
  contextTag,
  DerReader,
  type DerValue,
  nothing,
  octets,
  oid,
  primitive,
  readDer,
  sequence,
  small,
  unsigned,
  writeDer,
} from "./asn1.ts";
import {
  type AsymmetricMaterial,
  type CurveMaterial,
  describeKey,
  KeyOid,
  type PostQuantumMaterial,
  type RsaMaterial,
} from "./key_material.ts";
import { isWeierstrass } from "./read_der.ts";
import { type BytesInput, copyBytes } from "../../../ffi/memory/inputs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The AlgorithmIdentifier of a key. */
export function keyAlgorithm(material: AsymmetricMaterial): DerValue {
  switch (material.kind) {
    case "RSA":
      return sequence(oid(KeyOid.RSA), nothing());
    case "curve":
      return isWeierstrass(material.curve)
        ? sequence(oid(KeyOid.EC), oid(material.curve.oid))
        : sequence(oid(material.curve.oid));
    case "post-quantum":
      return sequence(oid(material.set.oid));
  }
}

/** The contents of the BIT STRING of a SubjectPublicKeyInfo: what key identifiers are hashes of. */
export function publicKeyBits(material: AsymmetricMaterial): Bytes {
  if (material.kind === "RSA") return writeDer(rsaPublic(material));
  if (material.publicKey === null) {
    throw new TypeError(`Cannot write the public key: the ${describeKey(material)} has no public half`);
  }
  return material.publicKey;
}

/** A SubjectPublicKeyInfo. */
export function writeSpki(material: AsymmetricMaterial): Bytes {
  return writeDer(sequence(keyAlgorithm(material), bits(publicKeyBits(material))));
}

/** A PKCS#8 PrivateKeyInfo. */
export function writePkcs8(material: AsymmetricMaterial): Bytes {
  return writeDer(sequence(small(0), keyAlgorithm(material), octets(privateKeyOctets(material))));
}

/** A point as an OCTET STRING, which CKA_EC_POINT wants. */
export function wrappedPoint(point: Uint8Array): Bytes {
  return writeDer(octets(point));
}

function rsaPublic({ modulus, publicExponent }: RsaMaterial): DerValue {
  return sequence(unsigned(modulus), unsigned(publicExponent));
}

function privateKeyOctets(material: AsymmetricMaterial): Bytes | DerValue {
  switch (material.kind) {
    case "RSA":
      return rsaPrivate(material);
    case "curve":
      return isWeierstrass(material.curve) ? sec1(material) : octets(privateOf(material));
    case "post-quantum":
      return postQuantumPrivate(material);
  }
}

function rsaPrivate(material: RsaMaterial): DerValue {
  const numbers = material.privateNumbers;
  if (numbers === null) throw noPrivateHalf(material);
  return sequence(
    small(0),
    unsigned(material.modulus),
    unsigned(material.publicExponent),
    unsigned(numbers.privateExponent),
    unsigned(numbers.prime1),
    unsigned(numbers.prime2),
    unsigned(numbers.exponent1),
    unsigned(numbers.exponent2),
    unsigned(numbers.coefficient),
  );
}

/** The curve stands in the PKCS#8 around it. */
function sec1(material: CurveMaterial): DerValue {
  const { publicKey } = material;
  return sequence(small(1), octets(privateOf(material)), ...publicKey === null ? [] : [context(1, bits(publicKey))]);
}

/** The seed where it is known, which the RFCs prefer; else the expanded key. */
function postQuantumPrivate(material: PostQuantumMaterial): Bytes | DerValue {
  const { privateKey, seed, set } = material;
  if (seed !== null) return primitive(contextTag(0, false), seed);
  if (privateKey === null) throw noPrivateHalf(material);
  return set.seedLength === 0 ? privateKey : octets(privateKey);
}

function privateOf(material: CurveMaterial): Bytes {
  if (material.privateKey === null) throw noPrivateHalf(material);
  return material.privateKey;
}

function noPrivateHalf(material: AsymmetricMaterial): TypeError {
  return new TypeError(`Cannot write the private key: the ${describeKey(material)} has no private half`);
}

/**
 * A signature of a token as OpenSSL wants it.
 *
 * @param raw r and s, each in the length of the curve.
 * @throws {TypeError} When the length is odd or zero.
 *
 * @example Both ways
 * ```ts
 * import { ecdsaSignatureFromDer, ecdsaSignatureToDer } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const raw = new Uint8Array(64).fill(1);
 * assertEquals(ecdsaSignatureFromDer(ecdsaSignatureToDer(raw), 32), raw);
 * ```
 */
export function ecdsaSignatureToDer(raw: BytesInput): Uint8Array<ArrayBuffer> {
  const bytes = copyBytes(raw, "an ECDSA signature");
  if (bytes.length === 0 || bytes.length % 2 !== 0) {
    throw new TypeError(
      `Cannot write the ECDSA signature in DER: ${bytes.length} bytes are not two numbers of one length`,
    );
  }
  const half = bytes.length / 2;
  return writeDer(sequence(unsigned(bytes.subarray(0, half)), unsigned(bytes.subarray(half))));
}

/**
 * A signature in DER as tokens and Web Cryptography want it.
 *
 * @param size Bytes of one number: 32 for P-256, 48 for P-384, 66 for P-521.
 * @throws {TypeError} When it is damaged.
 * @throws {RangeError} When a number is longer than `size`, or `size` is no length.
 */
export function ecdsaSignatureFromDer(der: BytesInput, size: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(size) || size < 1 || size > 0xffff) {
    throw new RangeError(`Cannot read the ECDSA signature: ${size} is no length of a number in bytes`);
  }
  const what = "the ECDSA signature";
  const reader = new DerReader(readDer(copyBytes(der, what), what), what);
  const raw = new Uint8Array(2 * size);
  for (const [at, name] of ["r", "s"].entries()) {
    const number = reader.unsigned(name);
    if (number.length > size) {
      throw new RangeError(
        `Cannot read ${what}: ${name} has ${number.length} bytes, more than the ${size} of the curve`,
      );
    }
    raw.set(number, (at + 1) * size - number.length);
  }
  reader.end();
  return raw;
}
