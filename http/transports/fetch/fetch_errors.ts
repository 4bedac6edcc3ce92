/**
 * What a runtime's fetch rejects with, translated to statuses. Deno gives no codes, so its texts are matched here and
 * nowhere else; the suite provokes every row on the real runtimes.
 *
 * @module
 */
import { TransportError, type TransportPhase, tunnelError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { bareAddress } from "../../protocol/uri.ts";

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
export function explainFetchError(error: unknown, url: string, viaProxy: boolean): TransportError {
  for (const each of chain(error)) hideQuery(each, url);
  const code = codeOf(error);
  const text = `${code} ${textOf(error)}`;
  const refusal = viaProxy ? refusedTunnel(code, text, error) : null;
  if (refusal !== null) return refusal;
  const row = rows.find(({ pattern }) => pattern.test(code)) ?? rows.find(({ pattern }) => pattern.test(text));
  const origin = URL.canParse(url) ? new URL(url).origin : url;
  const message = `Cannot fetch from ${origin}: ${lastText(error)}`;
  const cause = meaningfulError(error);
  if (row === undefined) return new TransportError(HttpStatus.IO_ERROR, "response", message, { cause, code });
  const status = viaProxy ? proxyStatus(row.status) : row.status;
  return new TransportError(status, row.phase, message, { cause, code: code || row.code || "" });
}

/** What a proxy has answered to CONNECT, as far as the runtime says it: Deno knows a 407 alone, Bun ends its text with it. */
function refusedTunnel(code: string, text: string, cause: unknown): TransportError | null {
  if (/proxy authentication required/.test(text)) return tunnelError(HttpStatus.PROXY_UNAUTHORIZED, "", cause);
  const answer = code === "ERR_PROXY_TUNNEL" ? /\b(\d\d\d)(?: ([^|]*))?$/.exec(text) : null;
  return answer === null ? null : tunnelError(Number(answer[1]), answer[2] ?? "", cause);
}

function proxyStatus(status: number): number {
  if (status === HttpStatus.CANT_RESOLVE) return HttpStatus.CANT_RESOLVE_PROXY;
  if (status === HttpStatus.CANT_CONNECT) return HttpStatus.CANT_CONNECT_PROXY;
  return status;
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
  return text.replace(/^error sending request (?:from \S+ )?for (?:url )?\S*(?: \([^)]*\))?: /, "")
    .replace(/^client error \(\w+\): |^fetch failed: /i, "")
    .replace(/ fetching "[^"]*"\.?$| For more information, pass `verbose: true` .*$/, "");
}

function chain(error: unknown): Error[] {
  const errors: Error[] = [];
  for (let each = error; each instanceof Error && errors.length < 8; each = each.cause) errors.push(each);
  return errors;
}
