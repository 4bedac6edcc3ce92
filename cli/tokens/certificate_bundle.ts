/** Files of certificates that are no PEM: PKCS #7, which authorities of companies send (RFC 2315; RFC 5652 §5.1). */
import { contextTag, DerReader, readDer, Tag } from "../../session/keys/forms/asn1.ts";
import { certificateParts } from "../../session/keys/forms/certificate.ts";
import { isSameBytes } from "../../internal/bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The object identifier of signed data, as an element: it stands first, in DER and BER. */
const SIGNED_DATA = "06092a864886f70d010702";

/** Whether bytes begin as PKCS #7. */
export function isBundle(bytes: Uint8Array): boolean {
  const [tag, length = 0] = bytes;
  const start = length < 0x80 ? 2 : 2 + (length & 0x7f);
  return tag === Tag.SEQUENCE && bytes.subarray(start, start + SIGNED_DATA.length / 2).toHex() === SIGNED_DATA;
}

/**
 * The certificates in PKCS #7, those that vouch for others behind them: what is wanted is the first, as a rule.
 *
 * @throws {TypeError} When it is damaged, or written in BER.
 */
export function bundledCertificates(bytes: Bytes): Bytes[] {
  const what = "the PKCS #7 file";
  const outer = new DerReader(readDer(bytes, what), what);
  outer.oid("the type");
  const signed = outer.inside("the content", contextTag(0, true)).inside("the signed data");
  signed.small("the version");
  signed.element("the digests", Tag.SET);
  signed.element("the content", Tag.SEQUENCE);
  const found = signed.optional(contextTag(0, true))?.children ?? [];
  // Beside certificates there may be kinds that nobody has used since 1996; they have tags of their own.
  const certificates = found.filter(({ tag }) => tag === Tag.SEQUENCE).map(({ whole }) => certificateParts(whole));
  const isIssuer = ({ der, subject }: typeof certificates[number]) =>
    certificates.some((each) => isSameBytes(each.issuer, subject) && !isSameBytes(each.der, der));
  return [...certificates.filter((each) => !isIssuer(each)), ...certificates.filter(isIssuer)].map(({ der }) => der);
}

/** Whether DER is a certificate request (RFC 2986 §4): a version, a name, a key, attributes, and a signature. */
export function isRequest(bytes: Bytes): boolean {
  try {
    const [info] = readDer(bytes, "the request").children;
    const tags = info?.children.map(({ tag }) => tag).join();
    return tags === [Tag.INTEGER, Tag.SEQUENCE, Tag.SEQUENCE, contextTag(0, true)].join();
  } catch {
    return false; // What is no DER is no request.
  }
}
