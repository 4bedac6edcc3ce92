/**
 * Keys written in DER: SubjectPublicKeyInfo, PKCS#8. Of a private key nothing is copied but into what is returned.
 *
 * @module
 */
import { contextTag } from "./asn1.ts";
import {
  bits,
  context,
  type DerValue,
  nothing,
  octets,
  oid,
  primitive,
  sequence,
  small,
  unsigned,
  writeDer,
} from "./asn1_writer.ts";
import {
  type AsymmetricMaterial,
  type CurveMaterial,
  describeKey,
  KeyOid,
  type PostQuantumMaterial,
  type RsaMaterial,
} from "./key_material.ts";
import { isWeierstrass } from "./read_der.ts";

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
