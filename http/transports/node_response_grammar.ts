/** The grammar of an HTTP/1.x response's text (RFC 9112 §4 and §5), and what is thrown when bytes do not follow it. */
import { Buffer } from "node:buffer";

const CR = 13;
const COLON = 58;

/** Start line and header fields of one response, informational or final. */
export interface ResponseHead {
  /** "1.0" or "1.1". */
  httpVersion: string;
  statusCode: number;
  /** The server's own text, which may be empty. */
  reasonPhrase: string;
  /** In wire order, names as sent, values decoded as Latin-1. */
  headers: [name: string, value: string][];
}

/** The bytes received are not an HTTP response. */
export class MalformedResponseError extends Error {
  override readonly name: string = "MalformedResponseError";
  readonly code: string = "ERR_HTTP_MALFORMED_RESPONSE";
}

/** The response is longer than a limit allows. */
export class ResponseLimitError extends MalformedResponseError {
  override readonly name: string = "ResponseLimitError";
  override readonly code: string = "ERR_HTTP_HEADERS_TOO_LARGE";
}

/** The connection ended before the response did. */
export class TruncatedResponseError extends Error {
  override readonly name = "TruncatedResponseError";
  readonly code = "ERR_HTTP_TRUNCATED_RESPONSE";
}

const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-9][0-9]{2})(?: ([^\0\r]*))?$/;

/** A thousand fields are more than anybody sends; the runtimes' `Headers` take quadratic time for more. */
const MAX_FIELDS = 1000;

/**
 * Reads a header section: its start line, its fields and the empty line at its end.
 *
 * @throws MalformedResponseError
 */
export function parseHead(section: string): ResponseHead {
  const newline = section.indexOf("\n");
  const line = section.slice(0, section.charCodeAt(newline - 1) === CR ? newline - 1 : newline);
  const match = STATUS_LINE.exec(line);
  if (!match?.[1]) throw notHttp(Buffer.from(line, "latin1"));
  const [, httpVersion, statusCode, reasonPhrase = ""] = match;
  return {
    httpVersion,
    statusCode: Number(statusCode),
    reasonPhrase: reasonPhrase.trim(),
    headers: parseFields(section, newline + 1),
  };
}

/**
 * Reads the field lines of a section from an offset up to the empty line.
 *
 * @throws MalformedResponseError
 */
export function parseFields(section: string, offset = 0): [string, string][] {
  const fields: [string, string][] = [];
  let start = offset;
  let nextCr = -1;
  for (let count = 0;; count++) {
    const newline = section.indexOf("\n", start);
    const end = section.charCodeAt(newline - 1) === CR && newline > start ? newline - 1 : newline;
    if (end === start) break;
    if (count === MAX_FIELDS) {
      throw new ResponseLimitError(`Cannot read the response: it has more than ${MAX_FIELDS} header lines`);
    }
    if (nextCr >= 0 && nextCr < start || count === 0) nextCr = section.indexOf("\r", start);
    if (nextCr >= 0 && nextCr < end) throw forbidden();
    addField(fields, section, start, end);
    start = newline + 1;
  }
  if (section.includes("\0", offset)) throw forbidden();
  return fields;
}

function addField(fields: [string, string][], section: string, start: number, end: number): void {
  if (isBlank(section.charCodeAt(start))) {
    const last = fields.at(-1);
    if (last === undefined) throw new MalformedResponseError("Cannot read the response: a header begins with a space");
    const more = trimmed(section, start, end);
    if (more !== "") last[1] = last[1] === "" ? more : `${last[1]} ${more}`;
    return;
  }
  let colon = start;
  while (isTokenCharacter[section.charCodeAt(colon)] === 1) colon++;
  if (colon === start || section.charCodeAt(colon) !== COLON) {
    const shown = JSON.stringify(section.slice(start, Math.min(end, start + 40)));
    throw new MalformedResponseError(`Cannot read the response: ${shown} is not a header field`);
  }
  fields.push([section.slice(start, colon), trimmed(section, colon + 1, end)]);
}

/** 1 for the characters of a field name (RFC 9110 §5.6.2). */
const isTokenCharacter: Uint8Array = Uint8Array.from(
  { length: 256 },
  (_, code) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function forbidden(): MalformedResponseError {
  return new MalformedResponseError("Cannot read the response: a header field contains CR or NUL");
}

/** By hand: a pattern for the end of a text looks at every run of spaces again and again. */
function trimmed(section: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(section.charCodeAt(start))) start++;
  while (end > start && isBlank(section.charCodeAt(end - 1))) end--;
  return section.slice(start, end);
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09;
}

/** What decides where a response ends and what becomes of its connection. */
export interface Framing {
  /** Transfer codings, lower-case, without "identity". */
  codings: readonly string[];
  /** Connection options, lower-case. */
  connection: readonly string[];
  /** Content-Length; null when there is none. */
  length: number | null;
}

const none: readonly string[] = [];

/**
 * The framing fields of a response, found in one pass.
 *
 * @throws MalformedResponseError when a Content-Length is no number or contradicts another
 */
export function framingOf(head: ResponseHead): Framing {
  const framing: Framing = { codings: none, connection: none, length: null };
  for (const field of head.headers) {
    const [name, value] = field;
    const { length } = name;
    if (length === 10 && name.toLowerCase() === "connection") {
      framing.connection = withItems(framing.connection, value);
    } else if (length === 14 && name.toLowerCase() === "content-length") {
      framing.length = agreedLength(framing.length, value);
    } else if (length === 17 && name.toLowerCase() === "transfer-encoding") {
      framing.codings = withItems(framing.codings, value).filter((coding) => coding !== "identity");
    }
  }
  return framing;
}

function withItems(items: readonly string[], value: string): readonly string[] {
  const text = value.toLowerCase();
  if (!text.includes(",")) return text === "" ? items : [...items, text];
  return [...items, ...text.split(",").map((item) => item.trim()).filter((item) => item !== "")];
}

/** A Content-Length may be repeated as long as it stays the same (RFC 9112 §6.3). */
function agreedLength(known: number | null, value: string): number | null {
  let agreed = known;
  for (const item of value.includes(",") ? value.split(",") : [value]) {
    const text = item.trim();
    if (text === "") continue;
    const length = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(length) || (agreed !== null && agreed !== length)) {
      const shown = JSON.stringify(agreed === null ? value.slice(0, 40) : `${agreed}, ${value}`.slice(0, 40));
      throw new MalformedResponseError(`Cannot read the response: ${shown} is not a Content-Length`);
    }
    agreed = length;
  }
  return agreed;
}

export function notHttp(bytes: Uint8Array): MalformedResponseError {
  const start = JSON.stringify(latin1(bytes, 0, Math.min(bytes.byteLength, 40)));
  return new MalformedResponseError(`Cannot read the response: it begins with ${start}, which is not HTTP/1.x`);
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1", start, end);
}
