/**
 * A certificate as people look at it.
 *
 * @module
 */
import type { RuntimeCryptoKey } from "../../internal/platform_types.ts";
import { nameText } from "../../internal/x509/der.ts";
import { readDer } from "./forms/asn1.ts";
import { certificateKey, type CertificateParts, subjectAltNames } from "./forms/certificate.ts";
import { sha256 } from "../mechanisms/hash.ts";
import { checkPublicFormat, type PublicKeyFormats, publicKeyIn } from "./key_forms.ts";
import { writePem } from "./forms/pem.ts";

/** What the parts of a certificate say. */
export let x509Of: (parts: CertificateParts) => X509;

/** What an X.509 certificate says (RFC 5280 §4.1), read by {@linkcode Pkcs11Object.x509}. */
export class X509 {
  /** The certificate in DER. */
  readonly der: Uint8Array<ArrayBuffer>;
  /** The certificate as PEM text. */
  readonly pem: string;
  /** Whom it is about, as RFC 4514 text. */
  readonly subject: string;
  /** Who signed it, as RFC 4514 text. */
  readonly issuer: string;
  /** The serial number in hexadecimal. */
  readonly serialNumber: string;
  /** When it becomes valid. */
  readonly notBefore: Date;
  /** When it ends. */
  readonly notAfter: Date;
  /** DNS names, IP addresses, e-mail addresses and URIs that it is about besides its subject. */
  readonly subjectAltNames: readonly string[];
  /** SHA-256 of the certificate: hexadecimal bytes with colons between them. */
  readonly fingerprint256: string;
  readonly #parts: CertificateParts;

  static {
    x509Of = (parts) => new X509(parts);
  }

  private constructor(parts: CertificateParts) {
    this.#parts = parts;
    this.der = parts.der;
    this.pem = writePem("CERTIFICATE", parts.der);
    this.subject = nameText(parts.subject);
    this.issuer = nameText(parts.issuer);
    this.serialNumber = serialText(parts.serialNumber);
    this.notBefore = parts.notBefore;
    this.notAfter = parts.notAfter;
    this.subjectAltNames = subjectAltNames(parts.extensions);
    this.fingerprint256 = sha256(parts.der).toHex().toUpperCase().match(/../g)!.join(":");
  }

  /** Its public key; only `"crypto-key"` has to be waited for. */
  publicKey<F extends keyof PublicKeyFormats>(
    format: F,
  ): F extends "crypto-key" ? Promise<RuntimeCryptoKey> : PublicKeyFormats[F] {
    checkPublicFormat(format);
    return publicKeyIn(certificateKey(this.#parts), format) as F extends "crypto-key" ? Promise<RuntimeCryptoKey>
      : PublicKeyFormats[F];
  }
}

/** The digits of an INTEGER in DER, without the zero that keeps it positive. */
function serialText(der: Uint8Array<ArrayBuffer>): string {
  const digits = readDer(der, "the serial number").content;
  return (digits.length > 1 && digits[0] === 0 ? digits.subarray(1) : digits).toHex().toUpperCase();
}
