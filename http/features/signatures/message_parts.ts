/**
 * Messages as signatures see them: those of the Fetch standard, plain ones, and those on their way through a session.
 *
 * @module
 */
import type { HttpMessage } from "../../message/message.ts";
import type { SignedParts } from "./components.ts";

/** Header or trailer fields: `Headers`, or lines in their order, one for each line of the message. */
export type FieldLines = Headers | Iterable<readonly [name: string, value: string]>;

/** A request that is signed or verified; a `Request` is one. */
export interface SignableRequest {
  /** The method. */
  readonly method: string;
  /** The absolute URL. Behind a proxy that changes it, the one the client has asked for. */
  readonly url: string | URL;
  /** Header fields. */
  readonly headers: FieldLines;
  /** Trailer fields, where the server shows them. */
  readonly trailers?: FieldLines | null | undefined;
}

/** A response that is signed or verified; a `Response` is one. */
export interface SignableResponse {
  /** The status. */
  readonly status: number;
  /** Header fields. */
  readonly headers: FieldLines;
  /** Trailer fields, where the transport shows them. */
  readonly trailers?: FieldLines | null | undefined;
}

/** A message that is signed or verified. */
export type SignableMessage = SignableRequest | SignableResponse;

/** Whether a message is a response. */
export function isResponse(message: SignableMessage): message is SignableResponse {
  return "status" in message && typeof message.status === "number";
}

/**
 * The parts of a message.
 *
 * @throws {TypeError} For what is none.
 */
export function partsOf(message: SignableMessage, request: SignableRequest | null = null): SignedParts {
  if (typeof message !== "object" || message === null || !("headers" in message)) {
    throw new TypeError("Cannot sign or verify the message: it is neither a request nor a response");
  }
  const field = linesOf(message.headers);
  const trailer = linesOf(message.trailers ?? []);
  if (isResponse(message)) {
    const related = request === null ? null : partsOf(request);
    return { method: null, url: null, status: message.status, field, trailer, request: related };
  }
  if (request !== null) throw new TypeError("Cannot relate a request to another one: only responses have a request");
  return { method: message.method, url: bare(new URL(message.url)), status: null, field, trailer, request: null };
}

function bare(url: URL): URL {
  url.hash = url.username = url.password = "";
  return url;
}

type Lines = (name: string) => readonly string[] | null;

function linesOf(fields: FieldLines): Lines {
  if (fields instanceof Headers) return (name) => headerLines(fields, name);
  if (typeof fields?.[Symbol.iterator] !== "function") {
    throw new TypeError(
      "Cannot sign or verify the message: its fields are neither Headers nor pairs of name and value, as Object.entries makes",
    );
  }
  const lines = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const known = lines.get(key);
    if (known === undefined) lines.set(key, [value]);
    else known.push(value);
  }
  return (name) => lines.get(name) ?? null;
}

/** The lines of a field; null where there is none. */
export function headerLines(headers: Headers, name: string): readonly string[] | null {
  if (name === "set-cookie") {
    const lines = headers.getSetCookie();
    return lines.length === 0 ? null : lines;
  }
  const value = headers.get(name);
  return value === null ? null : [value];
}

const noTrailer = (): null => null;

/** A request on its way: what transports add by themselves, Host and Content-Length, is there already. */
export function outgoingParts(
  msg: HttpMessage,
  uri: URL,
  headers: Headers = msg.requestHeaders,
  trailer: Lines = noTrailer,
): SignedParts {
  const { method } = msg;
  const target = uri.hash === "" && uri.username === "" && uri.password === "" ? uri : bare(new URL(uri));
  const host = headers.get("host");
  const url = host === null ? target : withHost(target, host);
  const field: Lines = (name) => headerLines(headers, name) ?? impliedLines(msg, url, name);
  return { method, url, status: null, field, trailer, request: null };
}

/** Behind a Host field of its own the target is what the field says (RFC 9110 §7.1). */
function withHost(url: URL, host: string): URL {
  const target = new URL(url);
  target.host = host;
  return target;
}

function impliedLines(msg: HttpMessage, url: URL, name: string): readonly string[] | null {
  if (name === "host") return [url.host];
  if (name !== "content-length") return null;
  const { method, requestBody: body } = msg;
  if (body instanceof Uint8Array) return [String(body.byteLength)];
  return body === null && /^(?:POST|PUT|PATCH)$/.test(method) ? ["0"] : null;
}
