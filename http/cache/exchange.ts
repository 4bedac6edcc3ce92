/** What a cache remembers of one message while it is under way, and how it compares requests. */
import { createHash } from "node:crypto";
import type { HttpMessage } from "../message.ts";
import {
  type CacheDirectives,
  type FieldRecord,
  normalizedValue,
  parseCacheControl,
  toRecord,
  varyNames,
} from "./directives.ts";
import type { Flight } from "./flights.ts";
import type { CacheEntry, CacheWriter } from "./store.ts";

/** A response on its way into a store. */
export interface Storing {
  /** Takes the body. */
  readonly writer: CacheWriter;
  /** Makes the response findable once the body is written. */
  commit(): void;
}

/** One message under way. */
export interface Exchange {
  /** URI without its fragment. */
  readonly key: string;
  /** The request's own directives. */
  readonly directives: CacheDirectives;
  /** The stored response that is being validated. */
  entry: CacheEntry | null;
  /** The fields added to validate it, with what they replaced. */
  added: readonly string[];
  /** Whether the message may be answered with what is stored although it is stale: the server has failed. */
  useStale: boolean;
  /** Whether no stored response may be used: the one there was turned out to be another. */
  bypass: boolean;
  /** Whether the message is done, or has begun another attempt. */
  isOver: boolean;
  /** Set between the header section and the body of a response that is to be stored. */
  storing: Storing | null;
  /** The flight this message leads. */
  flight: Flight | null;
}

/** The request's directives, with HTTP/1.0's Pragma where there is no Cache-Control (RFC 9111 §5.4). */
export function requestDirectives(headers: Headers): CacheDirectives {
  const field = headers.get("cache-control");
  if (field === null && /no-cache/i.test(headers.get("pragma") ?? "")) return new Map([["no-cache", true]]);
  return parseCacheControl(field);
}

/** The URI as entries are found by it. */
export function cacheKey(uri: URL): string {
  return uri.hash === "" ? uri.href : uri.href.slice(0, -uri.hash.length);
}

/** Which credentials a request carries, without keeping them. */
export function authorizationDigest(headers: Headers): string {
  const value = headers.get("authorization");
  return value === null ? "" : createHash("sha256").update(value).digest("base64url");
}

/** The request fields a response was chosen by; `null` when no other request can be compared with this one. */
export function varyOf(response: Headers, request: FieldRecord): [string, string | null][] | null {
  const names = varyNames(response.get("vary"));
  return names && names.map((name) => [name, normalizedValue(request[name])]);
}

/** Whether a stored response was chosen by what this request says as well. */
export function matches(entry: CacheEntry, authorization: string, request: Headers): boolean {
  const { record } = entry;
  return record.authorization === authorization &&
    record.vary.every(([name, value]) => normalizedValue(request.get(name) ?? undefined) === value);
}

/** The request fields as they went out, without those a cache added itself. */
export function sentFields(msg: HttpMessage, added: readonly string[]): FieldRecord {
  const fields = toRecord(msg.requestHeaders);
  for (const name of added) delete fields[name];
  return fields;
}

/** Requests that ask for a part or have their own idea of what they know are none of a cache's business. */
export function isConditional(headers: Headers): boolean {
  for (const name of ["range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"]) {
    if (headers.has(name)) return true;
  }
  return false;
}
