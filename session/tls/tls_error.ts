/** What goes wrong between GnuTLS, the token and the peer. */
import { brandError } from "../../internal/error_brand.ts";
import { type Gnutls, GNUTLS_E, intWord } from "../../ffi/tables/gnutls.ts";

/**
 * TLS with a key in a token has failed; the message says what was tried and names GnuTLS's error. It never shows a PIN.
 *
 * @example Tell a refused certificate from other failures
 * ```ts
 * import { TlsError } from "@gp11/gp11";
 *
 * function isRefusal(error: unknown): boolean {
 *   return error instanceof TlsError && error.code === "GNUTLS_E_FATAL_ALERT_RECEIVED";
 * }
 * ```
 */
export class TlsError extends Error {
  /** GnuTLS's name of the error, for example "GNUTLS_E_FATAL_ALERT_RECEIVED"; of others a name beginning with ERR_TLS_. */
  readonly code: string;
  /** GnuTLS's number of the error; 0 for others. */
  readonly number: number;
  /** What the peer has said when it broke the connection off, in GnuTLS's words; empty when it said nothing. */
  readonly alert: string;

  /** Describes a failure. */
  constructor(message: string, parts: { readonly code: string; readonly number?: number; readonly alert?: string }) {
    super(message);
    this.code = parts.code;
    this.number = parts.number ?? 0;
    this.alert = parts.alert ?? "";
  }
}

brandError(TlsError, "TlsError");

const ADVICE: ReadonlyMap<number, string> = new Map([
  [GNUTLS_E.PREMATURE_TERMINATION, "the peer has closed the connection without saying so: what has arrived may be cut"],
  [GNUTLS_E.UNEXPECTED_PACKET_LENGTH, "the connection has ended in the middle of a record: what has arrived is cut"],
  [GNUTLS_E.UNEXPECTED_PACKET, "what has arrived is no TLS; is it a port without TLS"],
  [GNUTLS_E.CERTIFICATE_KEY_MISMATCH, "give the certificate of this very key"],
  [GNUTLS_E.PKCS11_REQUESTED_OBJECT_NOT_AVAILABLE, "GnuTLS cannot find the key: is its module the one that was named"],
  [GNUTLS_E.PKCS11_LOAD_ERROR, "GnuTLS cannot load the module"],
  [GNUTLS_E.PKCS11_PIN_ERROR, "the token wants its PIN"],
]);

/** Errors of tokens have numbers of their own in GnuTLS. */
export function isTokenFailure(error: unknown): boolean {
  return error instanceof TlsError && error.number <= -300 && error.number > -340;
}

/** The error for what GnuTLS has answered; `action` completes "Cannot …". */
export function tlsError(gnutls: Gnutls, action: string, number: number, session?: bigint): TlsError {
  const code = gnutls.text("gnutls_strerror_name", intWord(number)) || `GNUTLS_E ${number}`;
  const words = gnutls.text("gnutls_strerror", intWord(number)).replace(/\.$/, "");
  const isAlert = number === GNUTLS_E.FATAL_ALERT_RECEIVED || number === GNUTLS_E.WARNING_ALERT_RECEIVED;
  const alert = isAlert && session !== undefined
    ? gnutls.text("gnutls_alert_get_name", BigInt(gnutls.int("gnutls_alert_get", session)))
    : "";
  const advice = alert === "" ? ADVICE.get(number) : `the peer said "${alert}"`;
  return new TlsError(
    `Cannot ${action}: ${advice === undefined ? words : `${words}, ${advice}`} (${code}, ${number})`,
    { code, number, alert },
  );
}

/** Throws for an answer that is an error; gives back any other. */
export function checked(gnutls: Gnutls, action: string, answer: number): number {
  if (answer < 0) throw tlsError(gnutls, action, answer);
  return answer;
}
