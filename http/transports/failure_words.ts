/**
 * What fails before there is a response, in the same words over sockets and over fetch.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";

/** The runtime's error behind a failure. */
export interface Behind {
  readonly cause: unknown;
  readonly code: string;
}

/** The address of a host, or of a proxy, could not be found. */
export function unresolvedError(host: string, isProxy: boolean, why: string, behind: Behind): TransportError {
  const status = isProxy ? HttpStatus.CANT_RESOLVE_PROXY : HttpStatus.CANT_RESOLVE;
  return failed(status, `Cannot find the address of ${named(host, isProxy)}: ${why}`, host, behind);
}

/** A host, or a proxy, whose address is known could not be reached. */
export function unreachableError(where: string, isProxy: boolean, why: string, behind: Behind): TransportError {
  const status = isProxy ? HttpStatus.CANT_CONNECT_PROXY : HttpStatus.CANT_CONNECT;
  return failed(status, `Cannot connect to ${named(where, isProxy)}: ${why}`, where, behind);
}

function named(where: string, isProxy: boolean): string {
  return `${isProxy ? "the proxy " : ""}${where}`;
}

function failed(status: number, text: string, where: string, behind: Behind): TransportError {
  return new TransportError(status, "connect", text, { ...behind, reason: `${reasonPhrase(status)} (${where})` });
}

/** A peer that answers a handshake with something else than TLS, in the words and codes of TLS libraries. */
const NOT_TLS = /wrong.version.number|InvalidContentType|GNUTLS_E_UNSUPPORTED_VERSION_PACKET/i;
/** What Bun's fetch says of every handshake that fails. */
const PERHAPS_NOT_TLS = /^EPROTO: The TLS handshake failed\./;

/** Why there is no TLS with a peer. */
export function handshakeText(text: string, code: string): string {
  const advice = "where it speaks plain HTTP, use http:";
  if (PERHAPS_NOT_TLS.test(text)) return `the server does not go on with the handshake (EPROTO); ${advice}`;
  return NOT_TLS.test(`${code} ${text}`)
    ? `the server does not seem to speak TLS on this port; ${advice}`
    : tlsText(text);
}

/** The alert for a client that shows no certificate (RFC 8446 §6.2), in the words of TLS libraries. */
const UNCERTIFIED = /certificate.?required/i;

/** What TLS libraries have to say, OpenSSL and BoringSSL without addresses in memory and lines of their sources. */
export function tlsText(text: string): string {
  if (UNCERTIFIED.test(text)) {
    return "the server demands a certificate of the client; give one as clientCertificate, or its key with --client-key";
  }
  return text.replace(/^(?:[0-9A-F]+:)?error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)(?::[^]*)?$/i, "$1").trim();
}

/** Faults of a certificate that whoever trusts its authority does not see. */
const UNKNOWN_AUTHORITY = /SELF_SIGNED|UNABLE_TO_|UnknownIssuer|CaUsedAsEndEntity/;

/** What a program can do about such a certificate. */
export const TO_TRUST = "; to trust it, give the certificate of its authority as tlsDatabase";

/** What to do about a certificate that is not trusted; "" where nothing is. */
export function trustHint(fault: string): string {
  return UNKNOWN_AUTHORITY.test(fault) ? TO_TRUST : "";
}

/** What to do about an answer that is not HTTP/1.x, where the server may speak HTTP/2 alone. */
export const HTTP2_ALONE = 'a server that speaks HTTP/2 alone needs http2: "required"';

/** The first bytes of an answer that is not what was expected, in quotation marks. */
export function beginningOf(bytes: Uint8Array): string {
  return JSON.stringify(String.fromCharCode(...bytes.subarray(0, 40)));
}

/** Whether an answer begins as TLS has it when it ends a handshake (RFC 8446 §5.1). */
export function isTlsAlert(bytes: Uint8Array): boolean {
  return bytes[0] === 0x15 && bytes[1] === 3;
}
