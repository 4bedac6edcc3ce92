/** What decides how an HTTP/1.x response is framed (RFC 9112 §6), and what is thrown when bytes do not follow the grammar. */
import { Buffer } from "node:buffer";
import { keepAliveTimeout } from "../../protocol/headers.ts";
import { trimWhitespace } from "../../protocol/syntax.ts";
import { beginningOf, HTTP2_ALONE, isTlsAlert } from "../failure_words.ts";
import type { HeaderField, ResponseHead } from "./node_response_head.ts";

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

/** What decides where a response ends and how long its connection can be used. */
export interface Framing {
  /** Transfer codings, lower-case, without "identity". */
  codings: readonly string[];
  /** Content-Length; null when there is none. */
  length: number | null;
  /** Connection has the option "close". */
  closes: boolean;
  /** Connection has the option "keep-alive". */
  keepsAlive: boolean;
  /** Milliseconds the server keeps the connection idle, as Keep-Alive says; Infinity where it does not. */
  keepAliveTimeout: number;
}

const none: readonly string[] = [];

/**
 * The framing fields of a response, found in one pass.
 *
 * @throws {MalformedResponseError} If a Content-Length is no number or contradicts another.
 */
export function framingOf(head: ResponseHead): Framing {
  const framing: Framing = {
    codings: none,
    length: null,
    closes: false,
    keepsAlive: false,
    keepAliveTimeout: Infinity,
  };
  for (const field of head.headers) addToFraming(framing, field);
  return framing;
}

function addToFraming(framing: Framing, [name, value]: HeaderField): void {
  const { length } = name;
  if (length === 10 && name.toLowerCase() === "connection") {
    const options = value.toLowerCase();
    framing.closes ||= options === "close" || (options.includes(",") && itemsOf(options).includes("close"));
    framing.keepsAlive ||= options === "keep-alive" ||
      (options.includes(",") && itemsOf(options).includes("keep-alive"));
  } else if (length === 10 && name.toLowerCase() === "keep-alive") {
    framing.keepAliveTimeout = Math.min(framing.keepAliveTimeout, keepAliveTimeout(value));
  } else if (length === 14 && name.toLowerCase() === "content-length") {
    framing.length = agreedLength(framing.length, value);
  } else if (length === 17 && name.toLowerCase() === "transfer-encoding") {
    const codings = itemsOf(value.toLowerCase()).filter((coding) => coding !== "identity");
    framing.codings = [...framing.codings, ...codings];
  }
}

function itemsOf(list: string): string[] {
  return list.split(",").map(trimWhitespace).filter((item) => item !== "");
}

/** A Content-Length may be repeated as long as it stays the same (RFC 9112 §6.3); a field without any number is wrong. */
function agreedLength(known: number | null, value: string): number | null {
  let agreed = known;
  const items = itemsOf(value);
  for (const text of items.length === 0 ? [""] : items) {
    const length = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(length) || (agreed !== null && agreed !== length)) {
      const shown = JSON.stringify(agreed === null ? value.slice(0, 40) : `${agreed}, ${value}`.slice(0, 40));
      throw new MalformedResponseError(`Cannot read the response: ${shown} is not a Content-Length`);
    }
    agreed = length;
  }
  return agreed;
}

/** Bytes that are no HTTP/1.x, told by what they are where they show it. */
export function notHttp(bytes: Uint8Array): MalformedResponseError {
  if (isSettings(bytes)) {
    return new MalformedResponseError(`Cannot read the response: it is not HTTP/1.x but HTTP/2; ${HTTP2_ALONE}`);
  }
  if (isTlsAlert(bytes)) {
    return new MalformedResponseError("Cannot read the response: it is not HTTP/1.x but TLS; use https:");
  }
  return new MalformedResponseError(
    `Cannot read the response: it begins with ${beginningOf(bytes)}, which is not HTTP/1.x`,
  );
}

/** The beginning of a frame of type SETTINGS for the connection, the first of a server of HTTP/2 (RFC 9113 §3.4). */
function isSettings(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[3] === 4 && bytes.subarray(4, 9).every((byte) => byte === 0);
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1", start, end);
}
