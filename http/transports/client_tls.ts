/**
 * The client's side of TLS: a certificate with its key in PEM, or something that makes the encrypted stream itself.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { unexpected } from "../../internal/expected.ts";
import type { ClientCertificate, ClientTls, TlsSettings } from "./transport.ts";

/** The client's certificate, what makes the encrypted stream, or a function that knows by origin, of those over TLS. */
export type ClientCertificateOption =
  | ClientCertificate
  | ClientTls
  | ((origin: string) => ClientCertificate | ClientTls | null | undefined)
  | null;

export type { ByteDuplex, ClientCertificate, ClientTls } from "./transport.ts";

/** True for what makes the encrypted stream itself. */
export function isClientTls(value: ClientCertificate | ClientTls | null): value is ClientTls {
  return value !== null && typeof (value as { connect?: unknown }).connect === "function";
}

/**
 * Checks a `clientCertificate` option when it is set; a function is checked by what it returns.
 *
 * @throws {TypeError} If it is none of the three forms, is not PEM, names a key in a token, or has another's key.
 */
export function checkClientCertificate(option: ClientCertificateOption): void {
  checkForm(option);
  if (typeof option !== "function") checkPair(option);
}

function checkForm(option: ClientCertificateOption): void {
  if (option === null || typeof option === "function") return;
  if (typeof option !== "object" || option === undefined) {
    throw unexpected("use the client certificate", "{ cert, key }", option);
  }
  if (isClientTls(option)) return;
  // What else is wrong does not matter to whoever has a key in a token.
  for (const member of ["cert", "key"] as const) checkNoUri(member, option[member]);
  checkPem("cert", option.cert, "CERTIFICATE");
  checkPem("key", option.key, "PRIVATE KEY");
}

/**
 * What an option means for one origin.
 *
 * @throws {TypeError} As `checkClientCertificate` does, for what a function returned; whether the key is the right one is
 * left to `checkPair`, for what is not known yet.
 */
export function clientCertificateFor(
  option: ClientCertificateOption,
  origin: string,
): ClientCertificate | ClientTls | null {
  if (typeof option !== "function") return option;
  // Without TLS nobody can be shown a certificate: such an origin is not asked about.
  if (!origin.startsWith("https:")) return null;
  const chosen = option(origin) ?? null;
  checkForm(chosen);
  return chosen;
}

/** True for the same certificate and key, or the same object: connections need not be made anew. */
export function isSameClient(one: TlsSettings["client"], other: TlsSettings["client"]): boolean {
  if (one === null || other === null || isClientTls(one) || isClientTls(other)) return one === other;
  return one.cert === other.cert && one.key === other.key;
}

/**
 * Checks that the key is the one the certificate is for. Runtimes that find it out say so in the handshake, each in its
 * own way; Node sends no certificate, and says nothing.
 *
 * @throws {TypeError} If it is another's.
 */
export function checkPair(client: ClientCertificate | ClientTls | null): void {
  if (client === null || isClientTls(client)) return;
  const { cert, key } = client;
  let isOfKey: boolean;
  try {
    const { X509Certificate, createPrivateKey } = builtin.crypto;
    isOfKey = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    // What is read in another way, or not at all, is for the runtime's TLS to say.
    return;
  }
  if (!isOfKey) throw new TypeError("Cannot use the client certificate: its key is not the one that the cert is for");
}

function checkNoUri(member: "cert" | "key", value: unknown): void {
  if (typeof value !== "string" || !/^\s*pkcs11:/i.test(value)) return;
  throw new TypeError(
    `Cannot use the client certificate: its ${member} is a pkcs11: URI, ` +
      "and what stays in a token cannot be given as PEM; use tokenCertificate",
  );
}

function checkPem(member: "cert" | "key", value: unknown, label: string): void {
  if (typeof value !== "string") {
    throw new TypeError(`Cannot use the client certificate: its ${member} must be PEM text, received ${typeof value}`);
  }
  if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`).test(value)) {
    throw new TypeError(`Cannot use the client certificate: its ${member} contains no PEM ${label.toLowerCase()}`);
  }
}
