/** Writing the start line and header fields of an HTTP/1.1 request (RFC 9112). */
import {
  authority,
  type BodyFraming,
  bodyFraming,
  checkTrailer,
  checkWrittenField,
  requestTarget,
} from "../request_rules.ts";
import type { ConnectionTarget, TransportRequest } from "../transport.ts";

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
  return `${request.method} ${requestTarget(request, isForwarded)} HTTP/1.1\r\n`;
}

function fieldLines(
  request: TransportRequest,
  target: ConnectionTarget,
): Omit<RequestHead, "text"> & { lines: string } {
  const names = new Map<string, string>();
  const lines: string[] = [];
  for (const [name, value] of request.headers) {
    checkWrittenField(name, value);
    // The connection is not to be kept for requests.
    if (request.upgrade && name === "connection") continue;
    names.set(name.toLowerCase(), value);
    lines.push(`${request.spelling?.get(name) ?? canonicalName(name)}: ${value}`);
  }
  if (!names.has("host")) lines.unshift(`Host: ${authority(target)}`);
  const { framing, contentLength } = bodyFraming(request, names);
  if (framing === "length" && !names.has("content-length")) lines.push(`Content-Length: ${contentLength}`);
  if (framing === "chunked" && !names.has("transfer-encoding")) lines.push("Transfer-Encoding: chunked");
  if (request.upgrade) lines.push("Connection: Upgrade", `Upgrade: ${request.upgrade}`);
  const isLast = /(^|,)[ \t]*close[ \t]*(,|$)/i.test(names.get("connection") ?? "");
  return { lines: `${lines.join("\r\n")}\r\n\r\n`, framing, contentLength, isLast };
}

const canonicalNames = new Map<string, string>();
const MAX_REMEMBERED_NAMES = 256;

/** Lower-case names, as `Headers` gives them, in the spelling servers of all ages know; other spellings stay. */
function canonicalName(name: string): string {
  const known = canonicalNames.get(name);
  if (known !== undefined) return known;
  if (name !== name.toLowerCase()) return name;
  const canonical = name.replace(/(^|-)([a-z])/g, (match) => match.toUpperCase()).replace(
    /^Sec-Websocket/,
    "Sec-WebSocket",
  );
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
    checkTrailer(name, value);
    text += `${canonicalName(name)}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}
