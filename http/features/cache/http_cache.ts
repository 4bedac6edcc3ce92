/** A session's cache of responses (`SoupCache`). */
import { checkOptions } from "../../../internal/expected.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../../contract/feature.ts";
import { isSafeMethod } from "../../protocol/headers.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { isBlocking } from "../../contract/blocking.ts";
import { HttpStatus } from "../../protocol/status.ts";
import type { TransportResponse } from "../../transports/transport.ts";
import { httpUriOf, parseUri, possibleHttpUris } from "../../protocol/uri.ts";
import {
  cacheKey,
  type Exchange,
  isConditional,
  notCached,
  refreshOf,
  requestDirectives,
  sentFields,
} from "./exchange.ts";
import { namesOtherHost, recipientOf, requestersOf } from "./requester.ts";
import { CollapsedRequests } from "./collapsed_requests.ts";
import { CacheMemoryStore } from "./memory_store.ts";
import { fieldOf, freshnessOf, isUsableOnError } from "./record.ts";
import { RecordedBody } from "./recorded_body.ts";
import { type CacheRequest, StoredResponses, wholeBytes } from "./stored_responses.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /** Whether several users share the cache: `private` responses are then not stored, and `s-maxage` counts. @default {false} */
  readonly shared?: boolean | undefined;
  /** Most bytes kept: bodies, header fields and URIs. @default {67108864} */
  readonly maxBytes?: number | undefined;
  /** Largest body stored, in bytes; by default an eighth of `maxBytes` but at least a MiB. */
  readonly maxEntryBytes?: number | undefined;
  /** What keeps the responses. @default {new CacheMemoryStore()} */
  readonly store?: CacheStore | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/** The longest a request waits for another one's response, in milliseconds, before it is sent itself. */
const LONGEST_WAIT = 10_000;
/** Statuses in whose place a stale response may be used (RFC 5861 §4). */
const SERVER_FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/**
 * Stores responses and answers later requests with them as HTTP allows (RFC 9111, RFC 5861). Responses are stored while
 * they are delivered; equal requests at the same time become one. A stored response is never used for another
 * Authorization, another origin, or other values of the fields its Vary names. Set-Cookie is not stored.
 *
 * @example Ask once, answer twice
 * ```ts
 * import { HttpCache, HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * let asked = 0;
 * const server = new MockTransport(() => new Response(`answer ${++asked}`, { headers: { "cache-control": "max-age=60" } }));
 * await using session = new HttpSession({ features: [server, new HttpCache()] });
 * await (await session.fetch("http://example.com/")).text();
 * const again = await session.fetch("http://example.com/");
 * assertEquals(await again.text(), "answer 1");
 * ```
 */
export class HttpCache implements SessionFeature {
  /** Bodies are stored as they came over the wire. */
  readonly bodyStage: BodyStage = BodyStage.WIRE;
  readonly #stored: StoredResponses;
  readonly #exchanges = new WeakMap<HttpMessage, Exchange>();
  readonly #collapsed = new CollapsedRequests();
  readonly #refreshing = new Map<string, HttpMessage>();
  #storageError: unknown = null;

  /**
   * Makes a cache.
   *
   * @throws {RangeError} For limits below 0.
   */
  constructor(options: HttpCacheOptions = {}) {
    checkOptions("make a HttpCache", options);
    const { shared = false, store = new CacheMemoryStore(), now = Date.now } = options;
    const maxBytes = wholeBytes("maxBytes", options.maxBytes ?? 64 << 20);
    const { maxEntryBytes = Math.min(maxBytes, Math.max(maxBytes / 8, 1 << 20)) } = options;
    this.#stored = new StoredResponses(store, { shared, now }, {
      bytes: maxBytes,
      entryBytes: wholeBytes("maxEntryBytes", maxEntryBytes),
    });
  }

  /** Whether several users share the cache. */
  get shared(): boolean {
    return this.#stored.policy.shared;
  }

  /** Most bytes kept; a smaller value takes effect at once (`soup_cache_set_max_size`). */
  get maxBytes(): number {
    return this.#stored.limits.bytes;
  }
  set maxBytes(value: number) {
    this.#stored.limits.bytes = wholeBytes("maxBytes", value);
    this.#stored.store.trim(value);
  }

  /** What last went wrong while a response was stored; the response itself was delivered all the same. */
  get storageError(): unknown {
    return this.#storageError;
  }

  /** Bytes kept at present. */
  get bytes(): number {
    return this.#stored.store.bytes;
  }

  /** Responses kept at present. */
  get size(): number {
    return this.#stored.store.size;
  }

  /** Removes what is stored for a URI; for one of an alias' scheme, whatever the alias stands for. */
  delete(uri: string | URL): void {
    for (const each of possibleHttpUris(parseUri(uri))) this.#stored.invalidate(cacheKey(each));
  }

  /** Removes everything (`soup_cache_clear`). */
  clear(): void {
    this.#stored.store.clear();
  }

  /** Frees what the store holds open. */
  close(): void {
    this.#stored.store.close?.();
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Answers with a stored response, or prepares the request that validates it. */
  lookup(session: FeatureSession, msg: HttpMessage): Response | null | Promise<Response | null> {
    const previous = this.#exchanges.get(msg);
    if (previous) this.#settle(msg, previous);
    if (msg.method !== "GET" && msg.method !== "HEAD") return null;
    const headers = msg.requestHeaders;
    const directives = requestDirectives(headers);
    const uri = httpUriOf(session, msg.uri);
    if (uri === null || namesOtherHost(session, msg)) {
      this.#exchanges.delete(msg);
      return directives.has("only-if-cached") ? notCached() : null;
    }
    const key = cacheKey(uri);
    const isSame = previous?.key === key;
    const exchange: Exchange = {
      key,
      directives,
      entry: null,
      added: [],
      useStale: isSame && previous.useStale,
      bypass: isSame && previous.bypass,
      isOver: false,
      storing: null,
      leading: null,
    };
    this.#exchanges.set(msg, exchange);
    if (directives.has("no-store") || isConditional(headers)) {
      return directives.has("only-if-cached") ? notCached() : null;
    }
    return this.#answer(session, msg, exchange, performance.now() + LONGEST_WAIT);
  }

  /** Confirms or replaces what is stored once the server has answered. */
  replaceResponse(session: FeatureSession, msg: HttpMessage, response: TransportResponse): Response | null {
    const stored = this.#stored;
    const { headers, status } = response;
    if (!isSafeMethod(msg.method)) {
      const uri = httpUriOf(session, msg.uri);
      if (status >= 200 && status < 400 && uri !== null) {
        stored.invalidateAfter(uri, headers, (named) => httpUriOf(session, named));
      }
      return null;
    }
    const exchange = this.#exchanges.get(msg);
    if (!exchange) return null;
    const { directives, entry, key } = exchange;
    const request = { key, recipient: recipientOf(session, msg), fields: sentFields(msg, exchange.added) };
    this.#restoreFields(msg, exchange);
    const isSameRequester = request.recipient.authorization === entry?.record.authorization;
    if (entry) {
      if (status === 304) return this.#confirm(session, msg, exchange, entry, request, headers);
      if (SERVER_FAILURES.has(status) && isUsableOnError(entry.record, directives, stored.policy)) {
        return this.#serve(msg, exchange, entry);
      }
      if (status < 500 && status !== 401 && status !== 407 && isSameRequester) stored.store.delete(entry);
    }
    if (msg.method === "GET") this.#beginToStore(exchange, request, response);
    else if (msg.method === "HEAD" && status === 200) stored.compareHead(key, headers);
    if (!exchange.storing) this.#endWaiting(exchange);
    return null;
  }

  /** Stores the body while it passes. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    const exchange = this.#exchanges.get(msg);
    const storing = exchange?.storing;
    if (!exchange || !storing) return null;
    exchange.storing = null;
    return (source) => {
      const body = new RecordedBody(source, storing.writer, this.#stored.limits.entryBytes, {
        finish: (isComplete) => {
          if (isComplete) this.#guarded(() => storing.commit());
          this.#endWaiting(exchange);
        },
        fail: (error) => this.#storageError = error,
      });
      exchange.leading?.store(body);
      return body.readable;
    };
  }

  /** Stores the body of a synchronous send, which comes in one piece. */
  wireBodySink(_session: FeatureSession, msg: HttpMessage): ((body: Uint8Array) => void) | null {
    const exchange = this.#exchanges.get(msg);
    const storing = exchange?.storing;
    if (!exchange || !storing) return null;
    return (body) => {
      exchange.storing = null;
      this.#guarded(() => {
        if (body.length > this.#stored.limits.entryBytes) return;
        storing.writer.write(body);
        storing.commit();
      });
      storing.writer.discard();
      this.#endWaiting(exchange);
    };
  }

  /**
   * Falls back on a stale response when the server cannot be reached; one that is reached and not trusted does not
   * count.
   */
  attemptEnded(session: FeatureSession, msg: HttpMessage): void {
    const exchange = this.#exchanges.get(msg);
    if (!exchange?.entry || exchange.useStale || msg.statusCode >= 100) return;
    if (msg.statusCode === HttpStatus.SSL_FAILED || msg.statusCode === HttpStatus.TLS_FAILED) return;
    if (!isUsableOnError(exchange.entry.record, exchange.directives, this.#stored.policy)) return;
    exchange.useStale = true;
    session.requeueMessage(msg);
  }

  /** Lets requests go on that waited for this message. */
  requestUnqueued(_session: FeatureSession, msg: HttpMessage): void {
    const exchange = this.#exchanges.get(msg);
    if (!exchange) return;
    this.#settle(msg, exchange);
    if (this.#refreshing.get(exchange.key) === msg) this.#refreshing.delete(exchange.key);
  }

  /** Looks for a stored response until there is one, or this request is the one to ask the server. */
  #answer(
    session: FeatureSession,
    msg: HttpMessage,
    exchange: Exchange,
    giveUpAt: number,
  ): Response | null | Promise<Response | null> {
    const { bypass, directives, key } = exchange;
    const requesters = requestersOf(session, msg);
    const entry = bypass ? null : this.#stored.find(key, requesters, msg.requestHeaders);
    if (entry) {
      const isRefresh = this.#refreshing.get(key) === msg;
      const freshness = exchange.useStale
        ? "stale"
        : isRefresh
        ? "validate"
        : freshnessOf(entry.record, directives, this.#stored.policy);
      if (freshness === "refresh") this.#refresh(session, msg, key);
      const response = freshness === "validate" ? null : this.#serve(msg, exchange, entry);
      if (response) return response;
    }
    if (directives.has("only-if-cached")) return notCached();
    if (msg.method !== "GET") return null;
    const collapseKey = `${requesters.join()} ${key}`;
    const leader = this.#collapsed.get(collapseKey);
    const left = giveUpAt - performance.now();
    // While the thread is blocked no other request ends.
    if (leader && left > 0 && !bypass && !directives.has("no-cache") && !isBlocking(msg)) {
      return leader.join(left).then(() => exchange.isOver ? null : this.#answer(session, msg, exchange, giveUpAt));
    }
    if (!leader) exchange.leading = this.#collapsed.begin(collapseKey);
    if (entry) this.#makeConditional(msg, exchange, entry);
    return null;
  }

  #makeConditional(msg: HttpMessage, exchange: Exchange, entry: CacheEntry): void {
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

  #serve(msg: HttpMessage, exchange: Exchange, entry: CacheEntry, extra?: [string, string][]): Response | null {
    const response = this.#stored.answer(entry, msg.method === "HEAD", extra);
    if (response) this.#endWaiting(exchange);
    return response;
  }

  /** A 304: the stored response is good, with the fields that came along. */
  #confirm(
    session: FeatureSession,
    msg: HttpMessage,
    exchange: Exchange,
    entry: CacheEntry,
    request: CacheRequest,
    update: Headers,
  ): Response | null {
    // A response to another requester, or of an unverified server, says nothing about the stored one.
    const isSameRequester = request.recipient.authorization === entry.record.authorization;
    const confirmed = isSameRequester ? this.#stored.confirm(entry, request, update) : null;
    const cookies = update.getSetCookie().map((value): [string, string] => ["set-cookie", value]);
    const answer = confirmed && this.#serve(msg, exchange, confirmed.entry, cookies);
    if (answer) {
      // A synchronous send reads the answer after this.
      if (!confirmed.mayStay) queueMicrotask(() => this.#stored.store.delete(entry));
      return answer;
    }
    // The stored response is of no use after all: ask for a whole one.
    if (isSameRequester) this.#stored.store.delete(entry);
    exchange.bypass = true;
    exchange.entry = null;
    session.requeueMessage(msg);
    return null;
  }

  #beginToStore(exchange: Exchange, request: CacheRequest, response: TransportResponse): void {
    this.#guarded(() => {
      const storing = this.#stored.begin(request, response);
      if (!storing) return;
      // Other requests could not use it without validation; they need not wait for its body.
      if (!storing.isFresh) this.#endWaiting(exchange);
      if (response.body !== null) {
        exchange.storing = storing;
        return;
      }
      try {
        storing.commit();
      } finally {
        storing.writer.discard();
      }
    });
  }

  /** A stale response was used: validates it in the background (RFC 5861 §3). */
  #refresh(session: FeatureSession, msg: HttpMessage, key: string): void {
    if (this.#refreshing.has(key)) return;
    const refresh = refreshOf(msg);
    this.#refreshing.set(key, refresh);
    session.queueMessage(refresh);
  }

  /** The exchange is over, however it ended. */
  #settle(msg: HttpMessage, exchange: Exchange): void {
    exchange.isOver = true;
    this.#restoreFields(msg, exchange);
    exchange.storing?.writer.discard();
    exchange.storing = null;
    if (!exchange.leading?.isStoring) this.#endWaiting(exchange);
  }

  /** Takes the fields away that validated a stored response: they are not the caller's. */
  #restoreFields(msg: HttpMessage, exchange: Exchange): void {
    for (const name of exchange.added) msg.requestHeaders.delete(name);
    exchange.added = [];
  }

  #endWaiting(exchange: Exchange): void {
    const { leading } = exchange;
    exchange.leading = null;
    if (leading) this.#collapsed.end(leading);
  }

  /** A store that fails must not prevent a response. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#storageError = error;
    }
  }
}
