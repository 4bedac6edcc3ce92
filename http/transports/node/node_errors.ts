/** Translating what sockets, TLS and the parser report into the session's transport statuses. */
import { TransportError, type TransportPhase } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { handshakeText, tlsText, trustHint, unreachableError, unresolvedError } from "../failure_words.ts";
import { MalformedResponseError } from "./node_response_grammar.ts";

/** The `code` of an error, or "" when it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

/** A name that could not be resolved, or a host that could not be reached. */
export function connectError(error: unknown, where: string, isProxy: boolean): TransportError {
  const code = codeOf(error);
  const isLookup = (error as { syscall?: unknown } | null)?.syscall === "getaddrinfo";
  if (isLookup && code === "EPERM") return forbiddenError(error, where, isProxy);
  const behind = { cause: error, code };
  const unresolved = code === "ENOTFOUND" || code.startsWith("EAI_") || code === "ENODATA" || isLookup;
  if (!unresolved) return unreachableError(where, isProxy, attemptsOf(error, where), behind);
  return unresolvedError(where.replace(/:\d+$/, ""), isProxy, attemptsOf(error, where), behind);
}

/** A look-up that failed, or has found nothing. */
export function lookupError(error: unknown, host: string, port: number | undefined, isProxy: boolean): TransportError {
  const isSystem = (error as { syscall?: unknown } | null)?.syscall === "getaddrinfo";
  if (isSystem) return connectError(error, port === undefined ? host : `${host}:${port}`, isProxy);
  return unresolvedError(host, isProxy, textOf(error), { cause: error, code: codeOf(error) || "ENOTFOUND" });
}

/** What became of the attempt, or of each where a host has several addresses. */
function attemptsOf(error: unknown, where: string): string {
  const errors: unknown[] = error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
  return errors.map((each) => withoutPlace(textOf(each), where)).join(", ");
}

/** The system names the call and the place once more; an address that stands for a name is worth knowing. */
function withoutPlace(text: string, where: string): string {
  const [failure, code, place] = /^(?:connect|getaddrinfo) (E\w+)(?: (\S+))?$/.exec(text) ?? [];
  if (failure === undefined) return text;
  if (place === undefined) return code!;
  const isKnown = [where, where.replace(/:\d+$/, ""), where.replace(/^unix:/, "")].includes(place);
  return isKnown ? code! : `${code} ${place}`;
}

/** What is wrong with a certificate, by the codes of TLS libraries. */
const faults: ReadonlyArray<readonly [pattern: RegExp, what: string]> = [
  [/CERT_HAS_EXPIRED/, "has expired"],
  [/CERT_NOT_YET_VALID/, "is not valid yet"],
  [/ALTNAME_INVALID/, "is one of another host"],
  [/SELF_SIGNED/, "is signed by itself, or one of its chain is"],
  [/UNABLE_TO_/, "is signed by nobody who is trusted"],
  [/REVOKED/, "was revoked"],
];

/** The certificate of a peer that is not trusted, and why; `reason` says why nobody is. */
export function untrustedError(codes: readonly string[], host: string, reason = ""): TransportError {
  const [code = ""] = codes;
  const whats = codes.flatMap((each) => faults.find(([pattern]) => pattern.test(each))?.[1] ?? []);
  const named = codes.join(", ");
  const cause = Object.assign(new Error(`The certificate of ${host} is not trusted: ${named}`), { code });
  const why = whats.length === 0 ? named : `its certificate ${whats.join(", and ")} (${named})`;
  const text = `Cannot trust ${host}: ${why}${reason === "" ? trustHint(named) : `, since ${reason}`}`;
  return new TransportError(HttpStatus.SSL_FAILED, "connect", text, { cause, code });
}

/** Deno says of a name only that it is not permitted, in the words of the system; what to do about it is said here. */
function forbiddenError(error: unknown, where: string, isProxy: boolean): TransportError {
  const why = `the program may not use the network there, run it with --allow-net=${where}`;
  return unreachableError(where, isProxy, why, { cause: new Error(why, { cause: error }), code: codeOf(error) });
}

/** A proxy that was reached and would not make the connection. */
export function proxyError(why: string, code: string, cause?: unknown): TransportError {
  return new TransportError(HttpStatus.CANT_CONNECT_PROXY, "connect", `Cannot connect through the proxy: ${why}`, {
    code,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The alert of a server that speaks none of the protocols it was offered (RFC 7301), in the words of the runtimes. */
const REFUSED_PROTOCOLS = /no.?application.?protocol|no supported application protocol/i;

/** A handshake that failed for another reason than the certificate. */
export function handshakeError(error: unknown, host: string): TransportError {
  const undone = `Cannot speak TLS with ${host}: `;
  const text = textOf(error);
  const isRefused = REFUSED_PROTOCOLS.test(`${codeOf(error)} ${text}`);
  const why = isRefused
    ? 'the server speaks none of the protocols it was offered, which with http2: "required" is HTTP/2 alone'
    : handshakeText(text.startsWith(undone) ? text.slice(undone.length) : text, codeOf(error));
  return new TransportError(HttpStatus.TLS_FAILED, "connect", undone + why, { cause: error, code: codeOf(error) });
}

/** What ended an exchange that had begun. */
export function exchangeError(error: unknown, phase: TransportPhase): TransportError {
  if (error instanceof TransportError) return error;
  const code = codeOf(error);
  const status = error instanceof MalformedResponseError
    ? HttpStatus.MALFORMED
    : /^ERR_(SSL|TLS)|^GNUTLS_E_(?!PREMATURE_TERMINATION|UNEXPECTED_PACKET_LENGTH)/.test(code)
    ? HttpStatus.TLS_FAILED
    : HttpStatus.IO_ERROR;
  const text = tlsText(textOf(error));
  const message = text.startsWith("Cannot ") ? text : `Cannot finish the exchange: ${text}`;
  return new TransportError(status, phase, message, { cause: error, code });
}

/** The message of an error; an attempt at several addresses says nothing itself, its first attempt does. */
export function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0) {
    return textOf(error.errors[0]);
  }
  return error instanceof Error ? error.message || error.name : String(error);
}
