/**
 * What a runtime's fetch rejects with, translated to statuses. Deno gives no codes, so its texts are matched here and
 * nowhere else; the suite provokes every row on the real runtimes.
 *
 * @module
 */
import { TransportError, type TransportPhase, tunnelError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { bareAddress } from "../../protocol/uri.ts";
import {
  type Behind,
  handshakeText,
  HTTP2_ALONE,
  tlsText,
  trustHint,
  unreachableError,
  unresolvedError,
} from "../failure_words.ts";

interface Row {
  readonly pattern: RegExp;
  readonly status: number;
  readonly phase: TransportPhase;
  readonly code?: string | undefined;
}

/** Matched in order against the error's code, then against its text and that of its causes. */
const rows: readonly Row[] = [
  { pattern: /ENOTFOUND|EAI_AGAIN|dns error/, status: HttpStatus.CANT_RESOLVE, phase: "connect", code: "ENOTFOUND" },
  {
    pattern: /ECONNREFUSED|Connection refused/,
    status: HttpStatus.CANT_CONNECT,
    phase: "connect",
    code: "ECONNREFUSED",
  },
  { pattern: /EHOSTUNREACH|No route to host/, status: HttpStatus.CANT_CONNECT, phase: "connect", code: "EHOSTUNREACH" },
  {
    pattern: /ENETUNREACH|Network is unreachable/,
    status: HttpStatus.CANT_CONNECT,
    phase: "connect",
    code: "ENETUNREACH",
  },
  { pattern: /Requests to port \d+ are blocked|bad port/, status: HttpStatus.CANT_CONNECT, phase: "connect" },
  { pattern: /unsuccessful tunnel/, status: HttpStatus.CANT_CONNECT_PROXY, phase: "connect", code: "ERR_PROXY_TUNNEL" },
  { pattern: /UnsupportedProxyProtocol/, status: HttpStatus.CANT_CONNECT_PROXY, phase: "connect" },
  {
    pattern: /_CERT_|^CERT_|SELF_SIGNED|UNABLE_TO_|invalid peer certificate|certificate not valid|FailedToOpenSocket/,
    status: HttpStatus.SSL_FAILED,
    phase: "connect",
  },
  {
    pattern:
      /fatal alert|ERR_SSL|ERR_TLS|InvalidMessage|InvalidContentType|corrupt message|tls handshake|SSL routines/i,
    status: HttpStatus.TLS_FAILED,
    phase: "connect",
  },
  { pattern: /tcp connect error|ConnectionRefused|ETIMEDOUT/, status: HttpStatus.CANT_CONNECT, phase: "connect" },
  {
    pattern: /Malformed_HTTP_Response|InvalidHTTPResponse|HTTPParserError|HPE_|InvalidContentLength|Invalid_?Header/i,
    status: HttpStatus.MALFORMED,
    phase: "response",
  },
  {
    pattern: /invalid HTTP|invalid content-length|invalid HTTP header|message head is too large|invalid URI|parsed/,
    status: HttpStatus.MALFORMED,
    phase: "response",
  },
  { pattern: /invalid chunk|Invalid chunk|chunk size/, status: HttpStatus.MALFORMED, phase: "response" },
  {
    pattern: /ResponseHeadersTooLarge|HeadersOverflow|HEADERS_OVERFLOW/i,
    status: HttpStatus.MALFORMED,
    phase: "response",
  },
  {
    pattern: /connection closed before message completed|ECONNRESET|Connection reset|UND_ERR_SOCKET|socket .*closed/i,
    status: HttpStatus.IO_ERROR,
    phase: "send",
    code: "ECONNRESET",
  },
  { pattern: /EPIPE|Broken pipe/, status: HttpStatus.IO_ERROR, phase: "send", code: "EPIPE" },
  { pattern: /client error \(SendRequest\)/, status: HttpStatus.IO_ERROR, phase: "send" },
  { pattern: /client error \(Connect\)/, status: HttpStatus.CANT_CONNECT, phase: "connect" },
  { pattern: /NotCapable|PermissionDenied/, status: HttpStatus.CANT_CONNECT, phase: "connect" },
];

/** Translates an error of fetch. With a proxy in between, what failed to resolve or connect was the proxy. */
export function explainFetchError(error: unknown, url: string, proxy: URL | null): TransportError {
  for (const each of chain(error)) hideQuery(each, url);
  const code = codeOf(error);
  const text = `${code} ${textOf(error)}`;
  const refusal = proxy !== null ? refusedTunnel(code, text, error) : null;
  if (refusal !== null) return refusal;
  const row = rows.find(({ pattern }) => pattern.test(code)) ?? rows.find(({ pattern }) => pattern.test(text));
  const place = URL.canParse(url) ? new URL(url) : null;
  const behind = { cause: meaningfulError(error), code: code || row?.code || "" };
  const status = row?.status ?? HttpStatus.IO_ERROR;
  const reached = proxy ?? place;
  if (reached !== null && (status === HttpStatus.CANT_RESOLVE || status === HttpStatus.CANT_CONNECT)) {
    return neverReached(status, reached, proxy !== null, lastText(error), behind);
  }
  const message = undone(status, place?.hostname ?? url, text, lastText(error)) ??
    `Cannot fetch from ${place?.origin ?? url}: ${lastText(error)}`;
  return new TransportError(status, row?.phase ?? "response", message, behind);
}

/** A system's code says what the runtimes say in a sentence each of their own. */
function neverReached(status: number, { host, hostname }: URL, isProxy: boolean, text: string, behind: Behind) {
  const why = /^E[A-Z]+$/.test(behind.code) ? behind.code : text;
  return status === HttpStatus.CANT_RESOLVE
    ? unresolvedError(hostname, isProxy, why, behind)
    : unreachableError(host, isProxy, why, behind);
}

/** An answer that is not HTTP/1.x, or, on Bun, not what it must be. */
const NOT_HTTP = /invalid HTTP version|Malformed_HTTP_Response|Expected HTTP\//;

/** What could not be done, where the status tells; null where it is to fetch. */
function undone(status: number, host: string, all: string, text: string): string | null {
  if (status === HttpStatus.SSL_FAILED) return `Cannot trust ${host}: ${tlsText(text)}${trustHint(all)}`;
  if (status === HttpStatus.TLS_FAILED) return `Cannot speak TLS with ${host}: ${handshakeText(text, all)}`;
  if (!NOT_HTTP.test(all)) return null;
  return `Cannot read the response: ${text}; ${HTTP2_ALONE} and sockets, which the transport "fetch" does not use`;
}

/** What a proxy has answered to CONNECT, as far as the runtime says it: Deno knows a 407 alone, Bun ends its text with it. */
function refusedTunnel(code: string, text: string, cause: unknown): TransportError | null {
  if (/proxy authentication required/.test(text)) return tunnelError(HttpStatus.PROXY_UNAUTHORIZED, "", cause);
  const answer = code === "ERR_PROXY_TUNNEL" ? /\b(\d\d\d)(?: ([^|]*))?$/.exec(text) : null;
  return answer === null ? null : tunnelError(Number(answer[1]), answer[2] ?? "", cause);
}

/** Runtimes put the whole URL into their errors; user information and query must not get into a log. */
function hideQuery(error: Error, url: string): void {
  const texts = error as Error & { path?: unknown };
  for (const name of ["message", "stack", "path"] as const) {
    const text = texts[name];
    if (typeof text !== "string" || !text.includes("://")) continue;
    texts[name] = text.replaceAll(url, bareText(url)).replace(ADDRESS, bareText);
  }
}

const ADDRESS = /\bhttps?:\/\/[^\s()'"]+/g;

function bareText(address: string): string {
  return URL.canParse(address) ? bareAddress(new URL(address)) : address.replace(/[?#].*$/, "");
}

function codeOf(error: unknown): string {
  for (const each of chain(error)) {
    const { code } = each as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return "";
}

function textOf(error: unknown): string {
  return chain(error).map((each) => `${each.name}: ${each.message}`).join(" | ");
}

/** The error that says something: Deno's says that there is one, and what it was is its cause. */
function meaningfulError(error: unknown): unknown {
  return chain(error).find(({ message }) => message !== "" && !/^fetch failed$/i.test(message)) ?? error;
}

function lastText(error: unknown): string {
  const texts = chain(error).map((each) => each.message).filter((text) => text !== "");
  const text = texts.at(-1) ?? String(error);
  // The address stands in front of this text already, and that something failed is what the error itself says.
  return text.replace(/^error sending request (?:from \S+ )?for (?:url )?\S*(?: \([^)]*\))?(?: with fetch)?: /, "")
    .replace(/^client error \(\w+\): |^fetch failed: /i, "")
    .replace(/ For more information, pass `verbose: true` .*$/, "")
    .replace(/ fetching "[^"]*"\.?$/, "");
}

function chain(error: unknown): Error[] {
  const errors: Error[] = [];
  for (let each = error; each instanceof Error && errors.length < 8; each = each.cause) errors.push(each);
  return errors;
}
