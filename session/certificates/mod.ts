/**
 * Certificates and requests made with the keys of tokens (RFC 5280, RFC 2986). What makes them is loaded with the first.
 *
 * @module
 */
import { type BytesInput, copyBytes, isBytesInput, isPlainObject } from "../../ffi/memory/inputs.ts";
import type { CertificateKey, CertificateOptions, IssueOptions, ValidityOptions } from "./options.ts";

export type { CertificateHash } from "./certificate_signature.ts";
export type { ExtensionOptions } from "./extensions.ts";
export type * from "./options.ts";

/**
 * A certificate request for a key in a token (PKCS#10, RFC 2986), as PEM.
 *
 * @throws {TypeError} For a subject, a name or a use that is none, and for halves that do not belong together.
 *
 * @example Ask a CA for a certificate
 * ```ts
 * import { CKO, createCertificateRequest, type Session } from "@gp11/gp11";
 *
 * async function ask(session: Session): Promise<string> {
 *   const publicKey = await session.findObject({ class: CKO.PUBLIC_KEY, label: "web" });
 *   const privateKey = await session.findObject({ class: CKO.PRIVATE_KEY, label: "web" });
 *   return await createCertificateRequest({ publicKey, privateKey }, {
 *     subject: "CN=example.org",
 *     subjectAltNames: ["example.org", "www.example.org"],
 *   });
 * }
 * ```
 */
export async function createCertificateRequest(key: CertificateKey, options: CertificateOptions): Promise<string> {
  const given = [asGiven(key), asGiven(options)] as const;
  return await (await import("./issue.ts")).certificateRequest(...given);
}

/**
 * A certificate of a token's key that signs itself, as PEM. It has a subjectKeyIdentifier besides what is asked for.
 *
 * @throws {TypeError} As {@linkcode createCertificateRequest}; RangeError for times and numbers that are none.
 */
export async function createSelfSignedCertificate(
  key: CertificateKey,
  options: CertificateOptions & ValidityOptions,
): Promise<string> {
  const given = [asGiven(key), asGiven(options)] as const;
  return await (await import("./issue.ts")).selfSignedCertificate(...given);
}

/**
 * A certificate for a request, signed by a CA's key in a token, as PEM. The request's signature is checked. Of its
 * extensions only those that are named are taken over, and what is said here wins over them.
 *
 * @param request PEM or DER.
 * @throws {TypeError} Where the request is damaged or not signed by its own key.
 * @throws {ObjectNotFoundError} Where the CA's private key is not in the token.
 */
export async function issueCertificate(request: string | BytesInput, options: IssueOptions): Promise<string> {
  const given = [asGiven(request, "the certificate request"), asGiven(options)] as const;
  return await (await import("./issue.ts")).certificateFor(...given);
}

/** Options, their lists, and what stands in those: no option lies deeper. */
const DEPTH = 3;

/** What was given as it is now, lists, dates and bytes in it included: what reads it comes later. */
function asGiven<T>(given: T, name = "the options", depth = DEPTH): T {
  if (isBytesInput(given)) return copyBytes(given, name) as T;
  if (given instanceof Date) return new Date(given) as T;
  // What holds itself is no option, and whoever reads the options says so.
  if (depth === 0) return given;
  if (Array.isArray(given)) return given.map((each) => asGiven(each, name, depth - 1)) as T;
  if (!isPlainObject(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, asGiven(value, key, depth - 1)])) as T;
}
