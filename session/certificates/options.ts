/** What certificates and requests are made of. */
import type { BytesInput } from "../../ffi/memory/inputs.ts";
import type { Pkcs11Object } from "../tokens/object.ts";
import type { CertificateHash } from "./certificate_signature.ts";
import type { ExtensionOptions } from "./extensions.ts";

/** Both halves of a key. */
export interface CertificateKey {
  /** The public half. */
  readonly publicKey: Pkcs11Object;
  /** The private half, which signs. */
  readonly privateKey: Pkcs11Object;
}

/** What a certificate or request says. */
export interface CertificateOptions extends ExtensionOptions {
  /** Whom it is about, RFC 4514 text such as `CN=example.org,O=Example,C=DE`. */
  readonly subject: string;
  /** The digest of RSA and ECDSA signatures. @default {"SHA-256", for P-384 "SHA-384", for P-521 "SHA-512"} */
  readonly hash?: CertificateHash | undefined;
  /** Cancels the signature. */
  readonly signal?: AbortSignal | null | undefined;
}

/** How long a certificate is valid, and its number. */
export interface ValidityOptions {
  /** When it becomes valid. By default now. */
  readonly notBefore?: Date | undefined;
  /** When it ends. By default one year later. */
  readonly notAfter?: Date | undefined;
  /** Its serial number, a positive number of at most 20 bytes. By default 16 random bytes. */
  readonly serialNumber?: BytesInput | undefined;
}

/** How a certificate is issued. */
export interface IssueOptions extends ValidityOptions, Omit<ExtensionOptions, "subjectAltNames"> {
  /** The CA's certificate. */
  readonly issuer: Pkcs11Object;
  /** The CA's private key. By default the private key of the issuer's certificate. */
  readonly key?: Pkcs11Object | undefined;
  /** Whom it is about. By default the request's subject. */
  readonly subject?: string | undefined;
  /** Names; instead of those of the request. */
  readonly subjectAltNames?: readonly string[] | undefined;
  /** Extensions taken from the request, by RFC 5280's names or object identifiers. @default {["subjectAltName"]} */
  readonly copyExtensions?: readonly string[] | undefined;
  /** The digest of RSA and ECDSA signatures. */
  readonly hash?: CertificateHash | undefined;
  /** Cancels the signature. */
  readonly signal?: AbortSignal | null | undefined;
}
