/**
 * X.509 certificates, read (RFC 5280 §4.1).
 *
 * @module
 */
import { contextTag, damaged, type DerElement, DerReader, readDer, Tag } from "./asn1.ts";
import { looksLikePem, readPem } from "./pem.ts";
import type { AsymmetricMaterial } from "./key_material.ts";
import { foreignBytes, foreignReason, isUnknownKey, readSpki } from "./read_der.ts";
import { type BytesInput, copyBytes } from "../../../ffi/memory/inputs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A certificate's parts. */
export interface CertificateParts {
  /** All of it. */
  readonly der: Bytes;
  /** What is signed. */
  readonly signedPart: Bytes;
  /** The algorithm of its signature, in DER. */
  readonly signatureAlgorithm: Bytes;
  /** Its signature. */
  readonly signature: Bytes;
  /** The serial number, an INTEGER in DER. */
  readonly serialNumber: Bytes;
  /** The issuer, a Name in DER. */
  readonly issuer: Bytes;
  /** The subject, a Name in DER. */
  readonly subject: Bytes;
  /** When it becomes valid. */
  readonly notBefore: Date;
  /** When it ends. */
  readonly notAfter: Date;
  /** The SubjectPublicKeyInfo. */
  readonly spki: DerElement;
  /** Its extensions. */
  readonly extensions: readonly Extension[];
}

/** One extension of a certificate or a request. */
export interface Extension {
  /** Its object identifier. */
  readonly oid: string;
  /** Whether who does not know it must refuse the certificate. */
  readonly critical: boolean;
  /** Its value in DER. */
  readonly value: Bytes;
}

/**
 * One certificate from PEM or DER.
 *
 * @throws {TypeError} where it is damaged, or more than one
 */
export function readCertificate(input: string | BytesInput, what = "the certificate"): CertificateParts {
  return certificateParts(typeof input === "string" ? pemCertificate(input, what) : copyBytes(input, what), what);
}

function pemCertificate(text: string, what: string): Bytes {
  if (!looksLikePem(text)) throw damaged(what, "the text is no PEM");
  const blocks = readPem(text, what);
  if (blocks.length !== 1) throw damaged(what, `the text holds ${blocks.length} PEM blocks, expected one`);
  const { bytes, label } = blocks[0]!;
  if (label === "CERTIFICATE" || label === "X509 CERTIFICATE") return bytes;
  bytes.fill(0);
  throw damaged(
    what,
    `a PEM block "${label}" is no certificate${/KEY/.test(label) ? "; keys are read by importKey" : ""}`,
  );
}

/** The parts of a certificate in DER. */
export function certificateParts(der: Bytes, what = "the certificate"): CertificateParts {
  const foreign = foreignBytes(der);
  if (foreign !== null) throw damaged(what, foreignReason(foreign));
  const element = readDer(der, what);
  const outer = new DerReader(element, what);
  const signed = outer.element("the signed part", Tag.SEQUENCE);
  const signatureAlgorithm = outer.element("the signature's algorithm", Tag.SEQUENCE).whole;
  const signature = outer.bits("the signature");
  outer.end();

  const reader = new DerReader(signed, what);
  const version = reader.optional(contextTag(0, true));
  if (version !== null && version.children[0]?.tag !== Tag.INTEGER) throw damaged(what, "the version is no INTEGER");
  const serialNumber = reader.element("the serial number", Tag.INTEGER);
  if (serialNumber.content.length === 0) throw damaged(what, "the serial number is empty");
  reader.element("the algorithm", Tag.SEQUENCE);
  const issuer = reader.element("the issuer", Tag.SEQUENCE).whole;
  const validity = reader.inside("the validity");
  const notBefore = readTime(validity.any("the begin"), what);
  const notAfter = readTime(validity.any("the end"), what);
  validity.end();
  const subject = reader.element("the subject", Tag.SEQUENCE).whole;
  const spki = reader.element("the public key", Tag.SEQUENCE);
  reader.optional(contextTag(1, false));
  reader.optional(contextTag(2, false));
  const extensions = reader.optional(contextTag(3, true))?.children[0];
  reader.end();
  return {
    der,
    signedPart: signed.whole,
    signatureAlgorithm,
    signature,
    serialNumber: serialNumber.whole,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    extensions: extensions === undefined ? [] : readExtensions(extensions, what),
  };
}

/** The public key of a certificate. */
export function certificateKey(certificate: CertificateParts, what = "the certificate"): AsymmetricMaterial {
  return readSpki(certificate.spki, `${what}'s public key`);
}

/** The public key of a certificate; null where its algorithm or curve is not known here. */
export function knownCertificateKey(certificate: CertificateParts): AsymmetricMaterial | null {
  try {
    return certificateKey(certificate);
  } catch (error) {
    if (!isUnknownKey(error)) throw error;
    return null;
  }
}

/** How much use a certificate is at a time: it is valid, it will be, it was. */
function usefulness({ notAfter, notBefore }: Pick<CertificateParts, "notAfter" | "notBefore">, now: number): number {
  return Number(notAfter) < now ? 0 : Number(notBefore) > now ? 1 : 2;
}

/**
 * The certificate to use of several of one key: one that is valid now, of those the one that is valid the longest, then the
 * newest; one that has ended only where there is no other.
 *
 * @param certificates At least one.
 * @param now In milliseconds since 1970.
 */
export function mostValid<T extends Pick<CertificateParts, "notAfter" | "notBefore">>(
  certificates: readonly T[],
  now: number = Date.now(),
): T {
  return certificates.reduce((best, each) => {
    const order = usefulness(each, now) - usefulness(best, now) || Number(each.notAfter) - Number(best.notAfter) ||
      Number(each.notBefore) - Number(best.notBefore);
    return order > 0 ? each : best;
  });
}

/** The bits of a certificate's public key, whatever they mean. */
export function certificateKeyBits({ spki }: CertificateParts, what = "the certificate"): Bytes {
  const reader = new DerReader(spki, `${what}'s public key`);
  reader.element("the algorithm", Tag.SEQUENCE);
  return reader.bits("the public key");
}

/** A sequence of extensions. */
export function readExtensions(element: DerElement, what: string): Extension[] {
  if (element.tag !== Tag.SEQUENCE) throw damaged(what, "the extensions are no SEQUENCE");
  return element.children.map((child) => {
    const reader = new DerReader(child, `${what}, an extension`);
    const oid = reader.oid("its identifier");
    const critical = reader.optional(Tag.BOOLEAN);
    const value = reader.octets("its value");
    reader.end();
    return { oid, critical: critical !== null && critical.content[0] !== 0, value };
  });
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** A UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 allows them. */
function readTime({ content, tag }: DerElement, what: string): Date {
  const text = String.fromCharCode(...content.subarray(0, 20));
  const match = tag === Tag.UTC_TIME
    ? UTC_TIME.exec(text)
    : tag === Tag.GENERALIZED_TIME
    ? GENERALIZED_TIME.exec(text)
    : null;
  if (match === null) throw damaged(what, "a time of its validity is damaged");
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const full = tag === Tag.UTC_TIME ? year + (year < 50 ? 2000 : 1900) : year;
  const time = new Date(0);
  time.setUTCFullYear(full, month - 1, day);
  time.setUTCHours(hour, minute, second);
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day || time.getUTCHours() !== hour) {
    throw damaged(what, `the time ${text} of its validity does not exist`);
  }
  return time;
}

const SUBJECT_ALT_NAME = "2.5.29.17";

/** The names of a certificate's subjectAltName extension that have a text form: DNS names, addresses, URIs, e-mail. */
export function subjectAltNames(extensions: readonly Extension[], what = "the certificate"): string[] {
  const extension = extensions.find(({ oid }) => oid === SUBJECT_ALT_NAME);
  if (extension === undefined) return [];
  const names = readDer(extension.value, `${what}, subjectAltName`);
  return names.children.map(nameText).filter((name) => name !== null);
}

/** rfc822Name, dNSName, uniformResourceIdentifier, iPAddress; other kinds have no text that everybody agrees on. */
function nameText({ content, tag }: DerElement): string | null {
  if (tag === contextTag(1, false) || tag === contextTag(2, false) || tag === contextTag(6, false)) {
    return String.fromCharCode(...content);
  }
  return tag === contextTag(7, false) ? addressText(content) : null;
}

function addressText(bytes: Bytes): string | null {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return null;
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at]! * 256 + bytes[2 * at + 1]!).toString(16));
  // The runtime's own parser knows the short form.
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
