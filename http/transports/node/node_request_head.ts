/** Writing the start line and header fields of an HTTP/1.1 request (RFC 9112). */
import type { ConnectionTarget, TransportRequest } from "../transport.ts";
import { TransportError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FORBIDDEN_IN_VALUE = /[\0\r\n]|[^\0-\xff]/;
const FORBIDDEN_IN_TARGET = /[\0-\x20\x7f]|[^\0-\x7f]/;

/** How the body follows its header. */
export type BodyFraming = "none" | "length" | "chunked";

/** What {@linkcode requestHead} makes. */
export interface RequestHead {
  /** Start line and header section; every character is a byte. */
  text: string;
  framing: BodyFraming;
  /** Bytes of the body when the framing is "length". */
  contentLength: number;
  /** The request asks for the connection to be closed after it. */
  isLast: boolean;
}

/** True when a method can stand in a start line as it is given; CONNECT would turn the connection into something else. */
export function isPlainMethod(method: string): boolean {
  return TOKEN.test(method) && method !== "CONNECT";
}

/** `host:port` as a URL writes it, without the default port of the scheme. */
export function authority(target: { scheme?: string; host: string; port: number }): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const isDefault = (target.scheme === "http" && target.port === 80) ||
    (target.scheme === "https" && target.port === 443);
  return isDefault ? host : `${host}:${target.port}`;
}

/**
 * Writes the header sections of one connection. A session's frozen default fields are checked and written out once, as
 * most of its messages have them and no body.
 */
export class RequestHeads {
  readonly #target: ConnectionTarget;
  readonly #isForwarded: boolean;
  #fields: TransportRequest["headers"] | null = null;
  #lines = "";

  /** `isForwarded`: a proxy gets the requests, and the whole URL with them. */
  constructor(target: ConnectionTarget, isForwarded: boolean) {
    this.#target = target;
    this.#isForwarded = isForwarded;
  }

  /**
   * The header section of a request. `Host` and the framing fields are added where the message has none; a
   * `Content-Length` of the message decides the framing of a stream.
   *
   * @throws {TransportError} MALFORMED when something cannot be written without changing its meaning.
   */
  write(request: TransportRequest): RequestHead {
    const start = startLine(request, this.#isForwarded);
    if (request.headers === this.#fields && request.method === "GET" && request.body === null) {
      return { text: start + this.#lines, framing: "none", contentLength: 0, isLast: false };
    }
    const { lines, ...head } = fieldLines(request, this.#target);
    const isUsual = Object.isFrozen(request.headers) && request.body === null && head.framing === "none";
    if (isUsual && !head.isLast) {
      this.#fields = request.headers;
      this.#lines = lines;
    }
    return { text: start + lines, ...head };
  }
}

function startLine(request: TransportRequest, isForwarded: boolean): string {
  const { method, url } = request;
  if (method !== "GET" && !isPlainMethod(method)) throw malformed(`${JSON.stringify(method)} is not a method`);
  // The URL was made by the URL parser: behind its authority there is always a path.
  const target = isForwarded ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
  if (FORBIDDEN_IN_TARGET.test(target)) throw malformed("the URL contains a character that must be escaped");
  return `${method} ${target} HTTP/1.1\r\n`;
}

function fieldLines(
  request: TransportRequest,
  target: ConnectionTarget,
): Omit<RequestHead, "text"> & { lines: string } {
  const names = new Map<string, string>();
  const lines: string[] = [];
  for (const [name, value] of request.headers) {
    if (!TOKEN.test(name)) throw malformed(`${JSON.stringify(name)} is not a header name`);
    if (FORBIDDEN_IN_VALUE.test(value)) {
      throw malformed(`the header ${name} has a value with CR, LF, NUL or beyond Latin-1`);
    }
    names.set(name.toLowerCase(), value);
    lines.push(`${canonicalName(name)}: ${value}`);
  }
  if (!names.has("host")) lines.unshift(`Host: ${authority(target)}`);
  const { framing, contentLength } = bodyFraming(request, names);
  if (framing === "length" && !names.has("content-length")) lines.push(`Content-Length: ${contentLength}`);
  if (framing === "chunked" && !names.has("transfer-encoding")) lines.push("Transfer-Encoding: chunked");
  const isLast = /(^|,)[ \t]*close[ \t]*(,|$)/i.test(names.get("connection") ?? "");
  return { lines: `${lines.join("\r\n")}\r\n\r\n`, framing, contentLength, isLast };
}

function bodyFraming(
  request: TransportRequest,
  names: Map<string, string>,
): Pick<RequestHead, "framing" | "contentLength"> {
  const declared = names.get("content-length");
  const coding = names.get("transfer-encoding");
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || declared !== undefined)) {
    throw malformed("its Transfer-Encoding contradicts its body or its Content-Length");
  }
  const known = request.body instanceof Uint8Array ? request.body.byteLength : request.bodyLength;
  if (request.body === null) {
    if (coding !== undefined || (declared !== undefined && Number(declared) !== 0)) {
      throw malformed("it has a framing header but no body");
    }
    const expectsBody = request.method === "POST" || request.method === "PUT" || request.method === "PATCH";
    return { framing: expectsBody ? "length" : "none", contentLength: 0 };
  }
  if (request.trailers) {
    if (declared !== undefined) throw malformed("fields go behind its body, which leaves no room for a Content-Length");
    return { framing: "chunked", contentLength: 0 };
  }
  if (coding !== undefined) return { framing: "chunked", contentLength: 0 };
  if (declared !== undefined && (!/^[0-9]{1,16}$/.test(declared) || (known !== null && known !== Number(declared)))) {
    throw malformed(`its Content-Length ${JSON.stringify(declared)} is not the length of its body`);
  }
  const contentLength = known ?? (declared === undefined ? null : Number(declared));
  return contentLength === null ? { framing: "chunked", contentLength: 0 } : { framing: "length", contentLength };
}

const canonicalNames = new Map<string, string>();
const MAX_REMEMBERED_NAMES = 256;

/** Lower-case names, as `Headers` gives them, in the spelling servers of all ages know; other spellings stay. */
function canonicalName(name: string): string {
  const known = canonicalNames.get(name);
  if (known !== undefined) return known;
  if (name !== name.toLowerCase()) return name;
  const canonical = name.replace(/(^|-)([a-z])/g, (match) => match.toUpperCase());
  if (canonicalNames.size < MAX_REMEMBERED_NAMES) canonicalNames.set(name, canonical);
  return canonical;
}

/**
 * The end of a body in chunks, with the fields behind it (RFC 9112 §7.1.2).
 *
 * @throws {TransportError} MALFORMED when a field cannot be written.
 */
export function lastChunk(fields: Headers | null): string {
  if (fields === null) return "0\r\n\r\n";
  let text = "0\r\n";
  for (const [name, value] of fields) {
    if (FORBIDDEN_IN_VALUE.test(value)) throw malformed(`the trailer ${name} has a value with CR, LF or NUL`);
    text += `${canonicalName(name)}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

function malformed(why: string): TransportError {
  return new TransportError(HttpStatus.MALFORMED, "connect", `Cannot write the request: ${why}`, {
    code: "ERR_HTTP_INVALID_REQUEST",
  });
}
