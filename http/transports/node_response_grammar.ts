/** The grammar of an HTTP/1.x response's text (RFC 9112 §4 and §5), and what is thrown when bytes do not follow it. */
import { Buffer } from "node:buffer";

/** Start line and header fields of one response, informational or final. */
export interface ResponseHead {
  /** "1.0" or "1.1". */
  httpVersion: string;
  statusCode: number;
  /** The server's own text, which may be empty. */
  reasonPhrase: string;
  /** In wire order, names as sent, values decoded as Latin-1. */
  headers: [name: string, value: string][];
  /** Bytes from the start line to the empty line, both included. */
  byteLength: number;
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
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FORBIDDEN_IN_VALUE = /[\0\r\n]/;

export function parseHead(lines: string[], byteLength: number): ResponseHead {
  const match = STATUS_LINE.exec(lines[0] ?? "");
  if (!match?.[1]) throw notHttp(Buffer.from(lines[0] ?? "", "latin1"));
  const [, httpVersion, statusCode, reasonPhrase = ""] = match;
  return {
    httpVersion,
    statusCode: Number(statusCode),
    reasonPhrase: reasonPhrase.trim(),
    headers: parseFields(lines.slice(1)),
    byteLength,
  };
}

/** A thousand fields are more than anybody sends; the runtimes' `Headers` take quadratic time for more. */
const MAX_FIELDS = 1000;

export function parseFields(lines: string[]): [string, string][] {
  if (lines.length > MAX_FIELDS) {
    throw new ResponseLimitError(
      `Cannot read the response: it has ${lines.length} header lines, at most ${MAX_FIELDS} are read`,
    );
  }
  const fields: [string, string][] = [];
  for (const line of lines) {
    const last = fields.at(-1);
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (last === undefined) {
        throw new MalformedResponseError("Cannot read the response: a header begins with a space");
      }
      const more = fieldValue(line);
      if (more !== "") last[1] = last[1] === "" ? more : `${last[1]} ${more}`;
      continue;
    }
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) {
      throw new MalformedResponseError(
        `Cannot read the response: ${JSON.stringify(line.slice(0, 40))} is not a header field`,
      );
    }
    fields.push([name, fieldValue(line.slice(colon + 1))]);
  }
  return fields;
}

function fieldValue(text: string): string {
  if (FORBIDDEN_IN_VALUE.test(text)) {
    throw new MalformedResponseError("Cannot read the response: a header field contains CR or NUL");
  }
  // By hand: a pattern for the end of a text looks at every run of spaces again and again.
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09;
}

/** Lines of a header section without their ends and without the empty line. */
export function splitLines(bytes: Uint8Array, start: number, end: number): string[] {
  const lines = latin1(bytes, start, end).split("\n").map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

export function listOf(head: ResponseHead, name: string): string[] {
  return head.headers.filter((field) => field[0].toLowerCase() === name)
    .flatMap((field) => field[1].split(",")).map((item) => item.trim().toLowerCase()).filter((item) => item !== "");
}

export function contentLength(head: ResponseHead): number | null {
  const values = new Set(listOf(head, "content-length"));
  if (values.size === 0) return null;
  const [value = ""] = values;
  if (values.size > 1 || !/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(Number(value))) {
    throw new MalformedResponseError(
      `Cannot read the response: ${JSON.stringify([...values].join(", ").slice(0, 40))} is not a Content-Length`,
    );
  }
  return Number(value);
}

export function notHttp(bytes: Uint8Array): MalformedResponseError {
  const start = JSON.stringify(latin1(bytes, 0, Math.min(bytes.byteLength, 40)));
  return new MalformedResponseError(`Cannot read the response: it begins with ${start}, which is not HTTP/1.x`);
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
