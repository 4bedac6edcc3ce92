/** What goes wrong between GnuTLS, the token and the peer. */
import { brandError } from "../../internal/error_brand.ts";

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

/** Errors of tokens have numbers of their own in GnuTLS. */
export function isTokenFailure(error: unknown): boolean {
  return error instanceof TlsError && error.number <= -300 && error.number > -340;
}
