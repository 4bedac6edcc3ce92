/** What a cache remembers of one message while it is under way, and how it compares requests. */
import { HttpMessage, MessageFlags, MessagePriority, messageState } from "../../message/message.ts";
import type { Steps } from "../../contract/steps.ts";
import { bareUrl } from "../../protocol/uri.ts";
import {
  type CacheDirectives,
  type FieldRecord,
  normalizedValue,
  parseCacheControl,
  toRecord,
  varyNames,
} from "./directives.ts";
import { asModeHasIt, hasCondition, takesWhatIsStored } from "./fetch_mode.ts";
import type { LeadingRequest } from "./collapsed_requests.ts";
import { fieldOf } from "./record.ts";
import type { CacheEntry, CacheWriter } from "./store.ts";

/** The longest a request waits for another one's response, in milliseconds, before it is sent itself. */
export const LONGEST_WAIT: number = 10_000;
/** Statuses in whose place a stale response may be used (RFC 5861 §4). */
export const SERVER_FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** A response on its way into a store. */
export interface Storing {
  /** Takes the body. */
  readonly writer: CacheWriter;
  /** Makes the response findable once so many bytes of the body are written, unless more were announced; whether it is now. */
  commit(length: number): Steps<boolean>;
}

/** One message under way. */
export interface Exchange {
  /** URI without its fragment. */
  readonly key: string;
  /** The request's own directives. */
  readonly directives: CacheDirectives;
  /** The stored response that is being validated, or replaced. */
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
  /** The request others wait for, when it is this message's. */
  leading: LeadingRequest | null;
}

/** The request's directives, with HTTP/1.0's Pragma where there is no Cache-Control (RFC 9111 §5.4), as its mode has it. */
export function requestDirectives(msg: HttpMessage): CacheDirectives {
  const headers = msg.requestHeaders;
  const field = headers.get("cache-control");
  const isOld = field === null && /no-cache/i.test(headers.get("pragma") ?? "");
  return asModeHasIt(msg, isOld ? new Map([["no-cache", true]]) : parseCacheControl(field));
}

/** The URI that entries are found by: an http: or https: URI without user information and fragment. */
export function cacheKey(uri: URL): string {
  return bareUrl(uri);
}

/** The request fields a response was chosen by; `null` when no other request can be compared with this one. */
export function varyOf(response: Headers, request: FieldRecord): [string, string | null][] | null {
  const names = varyNames(response.get("vary"));
  return names && names.map((name) => [name, normalizedValue(request[name])]);
}

/** Whether a stored response was chosen by what this request says as well. */
export function matches(entry: CacheEntry, requesters: readonly string[], request: Headers): boolean {
  const { record } = entry;
  return requesters.includes(record.authorization) &&
    record.vary.every(([name, value]) => normalizedValue(request.get(name) ?? undefined) === value);
}

/** The request fields as they went out, without those a cache added itself. */
export function sentFields(msg: HttpMessage, added: readonly string[]): FieldRecord {
  const fields = toRecord(msg.requestHeaders);
  for (const name of added) delete fields[name];
  return fields;
}

/**
 * The message that validates a stale response in the background; it is sent with the identity of the one that has got
 * it.
 */
export function refreshOf(msg: HttpMessage): HttpMessage {
  const headers = new Headers(msg.requestHeaders);
  const refresh = new HttpMessage("GET", msg.uri, { headers, priority: MessagePriority.LOW });
  refresh.flags.add(MessageFlags.OVERWRITE_CHUNKS).add(MessageFlags.NO_REDIRECT);
  refresh.firstParty = msg.firstParty;
  refresh.omitsCredentials = msg.omitsCredentials;
  messageState(refresh).disabled = messageState(msg).disabled?.slice() ?? null;
  return refresh;
}

/**
 * Requests for a range and conditional requests of the caller's own are not answered from the cache, the latter but where
 * they take whatever is stored.
 */
export function isForServer(msg: HttpMessage): boolean {
  const headers = msg.requestHeaders;
  return headers.has("range") || (!takesWhatIsStored(msg) && hasCondition(headers));
}

/** Makes a request validate a stored response. */
export function makeConditional(msg: HttpMessage, exchange: Exchange, entry: CacheEntry): void {
  exchange.entry = entry;
  const added: string[] = [];
  for (const [validator, name] of [["etag", "if-none-match"], ["last-modified", "if-modified-since"]] as const) {
    const value = fieldOf(entry.record, validator);
    if (value === null) continue;
    msg.requestHeaders.set(name, value);
    added.push(name);
  }
  exchange.added = added;
}

/** Takes the fields away that validated a stored response: they are not the caller's. */
export function restoreFields(msg: HttpMessage, exchange: Exchange): void {
  for (const name of exchange.added) msg.requestHeaders.delete(name);
  exchange.added = [];
}
