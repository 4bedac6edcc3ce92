/**
 * Keys as templates: what C_CreateObject is given for a key that comes from outside.
 *
 * @module
 */
import { CKA, CKC, CKK, CKO } from "../../ffi/constants/mod.ts";
import { ckaName } from "../../ffi/constants/names.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import type { TemplateEntry, TemplateValue } from "../../ffi/memory/templates.ts";
import type {
  AsymmetricMaterial,
  CurveMaterial,
  PostQuantumMaterial,
  RsaMaterial,
  SecretMaterial,
} from "./forms/key_material.ts";
import { isWeierstrass } from "./forms/read_der.ts";
import { publicKeyBits, wrappedPoint } from "./forms/write_der.ts";
import { curveParameters } from "../attributes/named_parameters.ts";
import { sha1 } from "../mechanisms/hash.ts";

/** How a token wants what the standard's versions say differently. */
export interface Dialect {
  /** CKA_EC_POINT: as an OCTET STRING, which the standard says, or the bare point. */
  readonly point: "wrapped" | "bare";
  /** CKA_KEY_TYPE of X25519 and X448: CKK_EC_MONTGOMERY, or CKK_EC_EDWARDS from before there was one. */
  readonly montgomery: number;
}

/** What the standard says. */
export const standardDialect: Dialect = { point: "wrapped", montgomery: CKK.EC_MONTGOMERY };

/** What a half of a key may be used for when the caller says nothing of it. */
type Usage = readonly number[];

const PUBLIC_USAGE: Usage = [CKA.VERIFY, CKA.ENCRYPT, CKA.WRAP, CKA.ENCAPSULATE, CKA.DERIVE];
const PRIVATE_USAGE: Usage = [CKA.SIGN, CKA.DECRYPT, CKA.UNWRAP, CKA.DECAPSULATE, CKA.DERIVE];
const SECRET_USAGE: Usage = [CKA.SIGN, CKA.VERIFY, CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP, CKA.DERIVE];

/** The CKK_ number of a key. */
export function keyTypeOf(material: AsymmetricMaterial, dialect: Dialect = standardDialect): number {
  switch (material.kind) {
    case "RSA":
      return CKK.RSA;
    case "curve":
      return material.curve.keyType === CKK.EC_MONTGOMERY ? dialect.montgomery : material.curve.keyType;
    case "post-quantum":
      return material.set.keyType;
  }
}

/** What links the halves of a pair and its certificate when the caller names no CKA_ID: SHA-1 of the public key's bits. */
export function keyIdentifier(material: AsymmetricMaterial): Uint8Array<ArrayBuffer> {
  return sha1(publicKeyBits(material));
}

/** The template of a public key. */
export function publicTemplate(
  material: AsymmetricMaterial,
  given: readonly TemplateEntry[],
  dialect: Dialect,
): TemplateEntry[] {
  return merged("key", given, [
    entry(CKA.CLASS, CKO.PUBLIC_KEY),
    entry(CKA.KEY_TYPE, keyTypeOf(material, dialect)),
    entry(CKA.TOKEN, false),
    entry(CKA.ID, keyIdentifier(material)),
    ...usage(given, PUBLIC_USAGE, publicUses(material)),
  ], publicValues(material, dialect));
}

/** The template of a private key. */
export function privateTemplate(
  material: AsymmetricMaterial,
  given: readonly TemplateEntry[],
  dialect: Dialect,
): TemplateEntry[] {
  return merged("key", given, [
    entry(CKA.CLASS, CKO.PRIVATE_KEY),
    entry(CKA.KEY_TYPE, keyTypeOf(material, dialect)),
    entry(CKA.TOKEN, false),
    entry(CKA.PRIVATE, true),
    entry(CKA.SENSITIVE, true),
    entry(CKA.EXTRACTABLE, false),
    entry(CKA.ID, keyIdentifier(material)),
    ...usage(given, PRIVATE_USAGE, privateUses(material)),
  ], privateValues(material));
}

/** The template of a secret key. */
export function secretTemplate(material: SecretMaterial, given: readonly TemplateEntry[]): TemplateEntry[] {
  const uses = material.keyType === CKK.AES
    ? [CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP]
    : [CKA.SIGN, CKA.VERIFY, CKA.DERIVE];
  return merged("key", given, [
    entry(CKA.CLASS, CKO.SECRET_KEY),
    entry(CKA.KEY_TYPE, material.keyType),
    entry(CKA.TOKEN, false),
    entry(CKA.PRIVATE, true),
    entry(CKA.SENSITIVE, true),
    entry(CKA.EXTRACTABLE, false),
    ...usage(given, SECRET_USAGE, uses),
  ], [entry(CKA.VALUE, material.value)]);
}

/** The template of a certificate. */
export function certificateTemplate(
  certificate: {
    readonly der: Uint8Array;
    readonly subject: Uint8Array;
    readonly issuer: Uint8Array;
    readonly serialNumber: Uint8Array;
    readonly notBefore: Date;
    readonly notAfter: Date;
  },
  id: Uint8Array,
  given: readonly TemplateEntry[],
): TemplateEntry[] {
  const { der, issuer, notAfter, notBefore, serialNumber, subject } = certificate;
  return merged("certificate", given, [
    entry(CKA.CLASS, CKO.CERTIFICATE),
    entry(CKA.CERTIFICATE_TYPE, CKC.X_509),
    entry(CKA.TOKEN, false),
    entry(CKA.PRIVATE, false),
    entry(CKA.ID, id),
    entry(CKA.START_DATE, notBefore),
    entry(CKA.END_DATE, notAfter),
    entry(CKA.CHECK_VALUE, sha1(der).slice(0, 3)),
  ], [
    entry(CKA.SUBJECT, subject),
    entry(CKA.ISSUER, issuer),
    entry(CKA.SERIAL_NUMBER, serialNumber),
    entry(CKA.VALUE, der),
  ]);
}

function entry(type: number, value: TemplateValue): TemplateEntry {
  return { type, value };
}

/**
 * What the caller gave, what is assumed where the caller gave nothing, and what the key or certificate itself says.
 *
 * @throws {TypeError} when the caller contradicts it
 */
function merged(
  what: "key" | "certificate",
  given: readonly TemplateEntry[],
  assumed: readonly TemplateEntry[],
  values: readonly TemplateEntry[],
): TemplateEntry[] {
  const givenOf = (type: number) => given.find((each) => each.type === type);
  for (const { type, value } of values) {
    const other = givenOf(type);
    if (other === undefined || isSameValue(type, other.value, value)) continue;
    throw new TypeError(
      `Cannot import the ${what}: the ${ckaName(type)} among the attributes is not its own; leave it out`,
    );
  }
  const missing = ({ type }: TemplateEntry): boolean => givenOf(type) === undefined;
  return [...assumed.filter(missing), ...given, ...values.filter(missing)];
}

function isSameValue(type: number, given: TemplateValue, own: TemplateValue): boolean {
  if (!(given instanceof Uint8Array) || !(own instanceof Uint8Array)) return given === own;
  if (isSameBytes(given, own)) return true;
  // As an OCTET STRING, or bare: a token may want the form that the standard does not have.
  const [short, long] = given.length < own.length ? [given, own] : [own, given];
  return type === CKA.EC_POINT && long.length - short.length <= 3 && isSameBytes(long.slice(-short.length), short);
}

/** Uses are assumed only where the caller names none. */
function usage(given: readonly TemplateEntry[], all: Usage, uses: Usage): TemplateEntry[] {
  return given.some(({ type }) => all.includes(type)) ? [] : uses.map((type) => entry(type, true));
}

function publicUses(material: AsymmetricMaterial): Usage {
  if (material.kind === "RSA") return [CKA.VERIFY, CKA.ENCRYPT, CKA.WRAP];
  if (material.kind === "post-quantum") return material.set.family === "ML-KEM" ? [CKA.ENCAPSULATE] : [CKA.VERIFY];
  return material.curve.keyType === CKK.EC_MONTGOMERY ? [CKA.DERIVE] : [CKA.VERIFY];
}

function privateUses(material: AsymmetricMaterial): Usage {
  if (material.kind === "RSA") return [CKA.SIGN, CKA.DECRYPT, CKA.UNWRAP];
  if (material.kind === "post-quantum") return material.set.family === "ML-KEM" ? [CKA.DECAPSULATE] : [CKA.SIGN];
  if (material.curve.keyType === CKK.EC_MONTGOMERY) return [CKA.DERIVE];
  return isWeierstrass(material.curve) ? [CKA.SIGN, CKA.DERIVE] : [CKA.SIGN];
}

function publicValues(material: AsymmetricMaterial, dialect: Dialect): TemplateEntry[] {
  switch (material.kind) {
    case "RSA":
      return [entry(CKA.MODULUS, material.modulus), entry(CKA.PUBLIC_EXPONENT, material.publicExponent)];
    case "curve":
      return [entry(CKA.EC_PARAMS, curveParameters(material.curve)), entry(CKA.EC_POINT, point(material, dialect))];
    case "post-quantum":
      return [entry(CKA.PARAMETER_SET, material.set.number), entry(CKA.VALUE, publicKeyBits(material))];
  }
}

function point(material: CurveMaterial, dialect: Dialect): Uint8Array {
  const bytes = publicKeyBits(material);
  return dialect.point === "wrapped" ? wrappedPoint(bytes) : bytes;
}

function privateValues(material: AsymmetricMaterial): TemplateEntry[] {
  switch (material.kind) {
    case "RSA":
      return rsaValues(material);
    case "curve":
      return [entry(CKA.EC_PARAMS, curveParameters(material.curve)), entry(CKA.VALUE, material.privateKey!)];
    case "post-quantum":
      return postQuantumValues(material);
  }
}

function rsaValues({ modulus, privateNumbers, publicExponent }: RsaMaterial): TemplateEntry[] {
  const numbers = privateNumbers!;
  return [
    entry(CKA.MODULUS, modulus),
    entry(CKA.PUBLIC_EXPONENT, publicExponent),
    entry(CKA.PRIVATE_EXPONENT, numbers.privateExponent),
    entry(CKA.PRIME_1, numbers.prime1),
    entry(CKA.PRIME_2, numbers.prime2),
    entry(CKA.EXPONENT_1, numbers.exponent1),
    entry(CKA.EXPONENT_2, numbers.exponent2),
    entry(CKA.COEFFICIENT, numbers.coefficient),
  ];
}

/** Both forms where both are known: a token takes the one it keeps, and can give the seed back where it keeps that. */
function postQuantumValues({ privateKey, seed, set }: PostQuantumMaterial): TemplateEntry[] {
  const values = [entry(CKA.PARAMETER_SET, set.number)];
  if (privateKey !== null) values.push(entry(CKA.VALUE, privateKey));
  if (seed !== null) values.push(entry(CKA.SEED, seed));
  return values;
}
