/** What holds for a request in every version of HTTP: its method, target, fields, and the length of its body. */
import { TransportError } from "../errors.ts";
import { HttpStatus } from "../protocol/status.ts";
import { isPlainMethod, TOKEN } from "./methods.ts";
import type { TransportRequest } from "./transport.ts";

const FORBIDDEN_IN_VALUE = /[\0\r\n]|[^\0-\xff]/;
const FORBIDDEN_IN_TARGET = /[\0-\x20\x7f]|[^\0-\x7f]/;

/** How the body follows its header. */
export type BodyFraming = "none" | "length" | "chunked";

/** `host:port` as a URL writes it, without the default port of the scheme. */
export function authority(target: { scheme?: string; host: string; port: number }): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const isDefault = (target.scheme === "http" && target.port === 80) ||
    (target.scheme === "https" && target.port === 443);
  return isDefault ? host : `${host}:${target.port}`;
}

/**
 * What a request asks for: path and query of its URL, or the whole of it where a proxy gets it.
 *
 * @throws {TransportError} MALFORMED when method or URL cannot be written without changing their meaning.
 */
export function requestTarget(request: Pick<TransportRequest, "method" | "url">, isForwarded: boolean): string {
  const { method, url } = request;
  if (!isPlainMethod(method)) throw unwritable(`${JSON.stringify(method)} is not a method`);
  // The URL was made by the URL parser: behind its authority there is always a path.
  const target = isForwarded ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
  if (FORBIDDEN_IN_TARGET.test(target)) throw unwritable("the URL contains a character that must be escaped");
  return target;
}

/**
 * Checks a header field.
 *
 * @throws {TransportError} MALFORMED when it cannot be written.
 */
export function checkWrittenField(name: string, value: string): void {
  if (!TOKEN.test(name)) throw unwritable(`${JSON.stringify(name)} is not a header name`);
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw unwritable(`the header ${name} has a value with CR, LF, NUL or beyond Latin-1`);
  }
}

/**
 * Checks a field that goes behind a body.
 *
 * @throws {TransportError} MALFORMED when it cannot be written.
 */
export function checkTrailer(name: string, value: string): void {
  if (FORBIDDEN_IN_VALUE.test(value)) throw unwritable(`the trailer ${name} has a value with CR, LF or NUL`);
}

/**
 * How a body is framed, and its length: what the request says of it must be true. `names` has the fields by lower-case
 * names.
 *
 * @throws {TransportError} MALFORMED when the fields contradict the body.
 */
export function bodyFraming(
  request: TransportRequest,
  names: ReadonlyMap<string, string>,
): { framing: BodyFraming; contentLength: number } {
  const declared = names.get("content-length");
  const coding = names.get("transfer-encoding");
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || declared !== undefined)) {
    throw unwritable("its Transfer-Encoding contradicts its body or its Content-Length");
  }
  const known = request.body instanceof Uint8Array ? request.body.byteLength : request.bodyLength;
  if (request.body === null) {
    if (coding !== undefined || (declared !== undefined && Number(declared) !== 0)) {
      throw unwritable("it has a framing header but no body");
    }
    const expectsBody = request.method === "POST" || request.method === "PUT" || request.method === "PATCH";
    return { framing: expectsBody ? "length" : "none", contentLength: 0 };
  }
  if (request.trailers) {
    if (declared !== undefined) {
      throw unwritable("fields go behind its body, which leaves no room for a Content-Length");
    }
    return { framing: "chunked", contentLength: 0 };
  }
  if (coding !== undefined) return { framing: "chunked", contentLength: 0 };
  if (declared !== undefined && (!/^[0-9]{1,16}$/.test(declared) || (known !== null && known !== Number(declared)))) {
    throw unwritable(`its Content-Length ${JSON.stringify(declared)} is not the length of its body`);
  }
  const contentLength = known ?? (declared === undefined ? null : Number(declared));
  return contentLength === null ? { framing: "chunked", contentLength: 0 } : { framing: "length", contentLength };
}

/** The error of a body that is not as long as was said. */
export function wrongLength(how: "longer" | "shorter", contentLength: number): TransportError {
  return new TransportError(
    HttpStatus.IO_ERROR,
    "send",
    `Cannot write the body: it is ${how} than its Content-Length ${contentLength}`,
    { code: "ERR_HTTP_CONTENT_LENGTH_MISMATCH" },
  );
}

function unwritable(why: string): TransportError {
  return new TransportError(HttpStatus.MALFORMED, "connect", `Cannot write the request: ${why}`, {
    code: "ERR_HTTP_INVALID_REQUEST",
  });
}
