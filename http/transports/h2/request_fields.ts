/** A request as HTTP/2 writes it (RFC 9113 §8.2 and §8.3.1). */
import { trimWhitespace } from "../../protocol/syntax.ts";
import { type BodyFraming, bodyFraming, checkTrailer, checkWrittenField, requestTarget } from "../request_rules.ts";
import type { TransportRequest } from "../transport.ts";
import { needsHttp1Error } from "./wire/errors.ts";
import type { Field } from "./wire/hpack_table.ts";

/** Fields about one connection of HTTP/1.1, which HTTP/2 does not have (RFC 9113 §8.2.2). */
const bound: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** What keeps servers of HTTP/1.1 from taking a WebSocket for a request: HTTP/2 does without (RFC 8441 §5). */
const UPGRADE_KEY = "sec-websocket-key";

/** True for a field that HTTP/2 does not have. */
export function isConnectionField(name: string): boolean {
  return bound.has(name);
}

/** What a HEADERS frame says, and how the body follows it. */
export interface RequestSection {
  readonly fields: readonly Field[];
  readonly framing: BodyFraming;
  /** Bytes of the body when the framing is "length". */
  readonly contentLength: number;
}

/**
 * Makes the header sections of one connection. A session's frozen default fields are checked and put into order once, as
 * most of its messages have them and no body.
 */
export class RequestSections {
  #headers: TransportRequest["headers"] | null = null;
  /** Scheme and authority of the URLs they were made for. */
  #origin = "";
  /** All fields, the path among them. */
  #fields: readonly Field[] = [];

  /**
   * The fields of a request.
   *
   * @throws {TransportError} MALFORMED when something cannot be written without changing its meaning.
   */
  of(request: TransportRequest): RequestSection {
    const { body, headers, method, upgrade, url } = request;
    const isUsual = method === "GET" && body === null && !upgrade;
    if (isUsual && headers === this.#headers && url.startsWith(this.#origin)) {
      const path: Field = [":path", requestTarget(request, false)];
      const fields = this.#fields.map((field) => field[0] === ":path" ? path : field);
      return { fields, framing: "none", contentLength: 0 };
    }
    const section = requestSection(request);
    if (isUsual && section.framing === "none" && Object.isFrozen(headers)) {
      this.#headers = headers;
      this.#origin = url.slice(0, url.indexOf("/", url.indexOf("://") + 3) + 1);
      this.#fields = section.fields;
    }
    return section;
  }
}

function requestSection(request: TransportRequest): RequestSection {
  const path = requestTarget(request, false);
  const names = new Map<string, string>();
  const fields: Field[] = [];
  for (const [name, value] of request.headers) {
    checkWrittenField(name, value);
    const lower = name.toLowerCase();
    names.set(lower, value);
    if (!bound.has(lower) && lower !== UPGRADE_KEY) fields.push([lower, trimWhitespace(value)]);
  }
  const { framing, contentLength } = bodyFraming(request, names);
  if (framing === "length" && !names.has("content-length")) fields.push(["content-length", String(contentLength)]);
  const { upgrade, url } = request;
  if (upgrade && fields.some(coversMethod)) {
    throw needsHttp1Error("its fields prove that its method is GET, which HTTP/2 replaces by CONNECT");
  }
  const start = url.indexOf("://") + 3;
  const section: Field[] = [
    ...(upgrade
      ? [[":method", "CONNECT"], [":protocol", upgrade]] satisfies Field[]
      : [[":method", request.method]] satisfies Field[]),
    [":scheme", url.slice(0, start - 3)],
    [":authority", names.get("host") ?? url.slice(start, url.indexOf("/", start))],
    [":path", path],
    ...travelling(fields, names),
  ];
  return { fields: section, framing, contentLength };
}

/** Whether a field is made of the method among others: signatures, and credentials that are proofs. */
function coversMethod([name, value]: Field): boolean {
  if (name === "authorization") return /^(?:digest|dpop|aws4-\S+)\s/i.test(value);
  return name === "dpop" || name === "signature-input";
}

/** Without what the request's own Connection field names, and with no other word of TE than HTTP/2 knows. */
function travelling(fields: Field[], names: ReadonlyMap<string, string>): Field[] {
  const named = (names.get("connection") ?? "").toLowerCase().split(",").map(trimWhitespace);
  const isUsual = !names.has("te") && named.every((name) => name === "" || name === "keep-alive" || name === "close");
  if (isUsual) return fields;
  return fields.flatMap(([name, value]): Field[] => {
    if (name === "te") return /(^|,)[ \t]*trailers[ \t]*(,|;|$)/i.test(value) ? [[name, "trailers"]] : [];
    return named.includes(name) ? [] : [[name, value]];
  });
}

/**
 * Fields behind a body.
 *
 * @throws {TransportError} MALFORMED when a field cannot be written.
 */
export function trailerSection(trailers: Headers): Field[] {
  return [...trailers].map(([name, value]): Field => {
    checkTrailer(name, value);
    return [name, value];
  });
}
