/** A session's cache of responses (`SoupCache`). */
import { BodyStage, type BodyTransform, type SessionFeature } from "../feature.ts";
import { isSafeMethod } from "../headers.ts";
import { HttpMessage, MessageFlags, MessagePriority } from "../message.ts";
import type { HttpSession } from "../session.ts";
import { isBlocking, readableAtOnce } from "../sync_answer.ts";
import type { TransportResponse } from "../transport.ts";
import { toRecord } from "./directives.ts";
import {
  authorizationDigest,
  cacheKey,
  type Exchange,
  Flight,
  isConditional,
  matches,
  requestDirectives,
  sentFields,
  varyOf,
} from "./exchange.ts";
import { CacheMemoryStore } from "./memory_store.ts";
import {
  ageOf,
  type CacheRecord,
  fieldOf,
  judge,
  makePolicy,
  mayCoverError,
  type PolicyOptions,
  storedHeaders,
  updatedHeaders,
} from "./record.ts";
import { RecordedBody } from "./recorded_body.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /** Whether several users share the cache: `private` responses are then not stored, and `s-maxage` counts. @default {false} */
  shared?: boolean;
  /** Most bytes kept: bodies, header fields and URIs. @default {67108864} */
  maxBytes?: number;
  /** Largest body stored, in bytes. @default {maxBytes} */
  maxEntryBytes?: number;
  /** What keeps the responses. @default {new CacheMemoryStore()} */
  store?: CacheStore;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  now?: () => number;
}

/** Variants of one URI kept at most, whatever a server's Vary says. */
const MOST_VARIANTS = 16;
/** The longest a request waits for another one's response before it goes its own way. */
const LONGEST_WAIT = 10_000;
/** Answers that a stale response may stand in for (RFC 5861 §4). */
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
  readonly #store: CacheStore;
  readonly #policy: PolicyOptions;
  readonly #maxEntryBytes: number;
  readonly #exchanges = new WeakMap<HttpMessage, Exchange>();
  readonly #flights = new Map<string, Flight>();
  readonly #refreshing = new Map<string, HttpMessage>();
  #maxBytes: number;

  /**
   * Makes a cache.
   *
   * @throws {RangeError} for limits below 0.
   */
  constructor(options: HttpCacheOptions = {}) {
    const {
      shared = false,
      maxBytes = 64 << 20,
      maxEntryBytes = maxBytes,
      store = new CacheMemoryStore(),
      now = Date.now,
    } = options;
    this.#maxBytes = checkLimit("maxBytes", maxBytes);
    this.#maxEntryBytes = checkLimit("maxEntryBytes", maxEntryBytes);
    this.#store = store;
    this.#policy = { shared, now };
  }

  /** Whether several users share the cache. */
  get shared(): boolean {
    return this.#policy.shared;
  }

  /** Most bytes kept; a smaller value takes effect at once (`soup_cache_set_max_size`). */
  get maxBytes(): number {
    return this.#maxBytes;
  }
  set maxBytes(value: number) {
    this.#maxBytes = checkLimit("maxBytes", value);
    this.#store.trim(value);
  }

  /** Bytes kept at present. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /** Responses kept at present. */
  get size(): number {
    return this.#store.size;
  }

  /** Removes what is stored for a URI. */
  delete(uri: string | URL): void {
    this.#invalidate(cacheKey(new URL(uri)));
  }

  /** Removes everything (`soup_cache_clear`). */
  clear(): void {
    this.#store.clear();
  }

  /** Frees what the store holds open. */
  close(): void {
    this.#store.close?.();
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
  lookup(session: HttpSession, msg: HttpMessage): Response | null | Promise<Response | null> {
    const previous = this.#exchanges.get(msg);
    if (previous) this.#settle(previous);
    if (msg.method !== "GET" && msg.method !== "HEAD") return null;
    const headers = msg.requestHeaders;
    if (previous) { for (const name of previous.added) headers.delete(name); }
    const directives = requestDirectives(headers);
    const key = cacheKey(msg.uri);
    const sameKey = previous?.key === key;
    const exchange: Exchange = {
      key,
      directives,
      entry: null,
      added: [],
      useStale: sameKey && previous.useStale,
      bypass: sameKey && previous.bypass,
      isAnswered: false,
      storing: null,
      flight: null,
    };
    this.#exchanges.set(msg, exchange);
    if (directives.has("no-store") || isConditional(headers)) {
      return directives.has("only-if-cached") ? this.#notCached(exchange) : null;
    }
    return this.#answer(session, msg, exchange, performance.now() + LONGEST_WAIT);
  }

  /** Confirms or replaces what is stored once the server has answered. */
  replaceResponse(session: HttpSession, msg: HttpMessage, response: TransportResponse): Response | null {
    const exchange = this.#exchanges.get(msg);
    if (!isSafeMethod(msg.method)) {
      if (response.status >= 200 && response.status < 400) this.#invalidateAfter(msg, response.headers);
      return null;
    }
    if (!exchange) return null;
    const { entry } = exchange;
    const fields = sentFields(msg, exchange.added);
    for (const name of exchange.added) msg.requestHeaders.delete(name);
    if (entry) {
      if (response.status === 304) return this.#confirm(session, msg, exchange, entry, fields, response);
      if (SERVER_FAILURES.has(response.status) && mayCoverError(entry.record, exchange.directives, this.#policy)) {
        return this.#serve(msg, exchange, entry);
      }
      if (msg.method === "GET" && response.status < 500) this.#store.delete(entry);
    }
    if (msg.method === "GET") this.#prepareToStore(msg, exchange, fields, response);
    else if (response.status === 200) this.#compareHead(exchange, response.headers);
    if (!exchange.storing) this.#land(exchange);
    return null;
  }

  /** Stores the body while it passes. */
  transformBody(_session: HttpSession, msg: HttpMessage): BodyTransform | null {
    const exchange = this.#exchanges.get(msg);
    const storing = exchange?.storing;
    if (!exchange || !storing) return null;
    exchange.storing = null;
    return (source) => {
      const body = new RecordedBody(source, storing.writer, this.#maxEntryBytes, (isComplete) => {
        if (isComplete) storing.commit();
        this.#land(exchange);
      });
      const { flight } = exchange;
      if (flight) {
        flight.body = body;
        if (flight.waiting > 0) void body.drain();
      }
      return body.readable;
    };
  }

  /** Stores the body of a synchronous send, which comes in one piece. */
  wireBodySink(_session: HttpSession, msg: HttpMessage): ((body: Uint8Array) => void) | null {
    const exchange = this.#exchanges.get(msg);
    const storing = exchange?.storing;
    if (!exchange || !storing) return null;
    return (body) => {
      exchange.storing = null;
      if (body.length <= this.#maxEntryBytes) {
        storing.writer.write(body);
        storing.commit();
      }
      storing.abandon();
      this.#land(exchange);
    };
  }

  /** Falls back on a stale response when the server cannot be reached. */
  attemptEnded(session: HttpSession, msg: HttpMessage): void {
    const exchange = this.#exchanges.get(msg);
    if (!exchange?.entry || exchange.useStale || msg.statusCode >= 100) return;
    if (!mayCoverError(exchange.entry.record, exchange.directives, this.#policy)) return;
    exchange.useStale = true;
    session.requeueMessage(msg);
  }

  /** Lets go of what the message held up. */
  requestUnqueued(_session: HttpSession, msg: HttpMessage): void {
    const exchange = this.#exchanges.get(msg);
    if (!exchange) return;
    for (const name of exchange.added) msg.requestHeaders.delete(name);
    exchange.added = [];
    this.#settle(exchange);
    if (this.#refreshing.get(exchange.key) === msg) this.#refreshing.delete(exchange.key);
  }

  /** Looks for a stored response until there is one, or this request is the one to ask the server. */
  #answer(
    session: HttpSession,
    msg: HttpMessage,
    exchange: Exchange,
    giveUpAt: number,
  ): Response | null | Promise<Response | null> {
    const { directives, key } = exchange;
    const headers = msg.requestHeaders;
    const authorization = authorizationDigest(headers);
    const entry = exchange.bypass ? null : this.#find(key, authorization, headers);
    if (entry) {
      if (exchange.useStale) return this.#serve(msg, exchange, entry);
      const verdict = this.#refreshing.get(key) === msg ? "validate" : judge(entry.record, directives, this.#policy);
      if (verdict !== "validate") {
        if (verdict === "refresh") this.#refresh(session, msg, key);
        const response = this.#serve(msg, exchange, entry);
        if (response) return response;
      }
    }
    if (directives.has("only-if-cached")) return this.#notCached(exchange);
    if (msg.method !== "GET") return null;
    const flightKey = `${authorization} ${key}`;
    const flight = this.#flights.get(flightKey);
    const left = giveUpAt - performance.now();
    // While the thread is blocked nothing lands.
    if (flight && left > 0 && !isBlocking(msg) && !directives.has("no-cache") && !exchange.bypass) {
      return this.#join(flight, left).then(() => this.#answer(session, msg, exchange, giveUpAt));
    }
    if (!flight) this.#flights.set(flightKey, exchange.flight = new Flight(flightKey));
    if (entry) this.#makeConditional(msg, exchange, entry);
    return null;
  }

  async #join(flight: Flight, milliseconds: number): Promise<void> {
    flight.waiting++;
    if (flight.body) void flight.body.drain();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    try {
      await Promise.race([flight.landed, patience]);
    } finally {
      clearTimeout(timer);
      flight.waiting--;
    }
  }

  #find(key: string, authorization: string, headers: Headers): CacheEntry | null {
    for (const entry of this.#store.find(key)) if (matches(entry, authorization, headers)) return entry;
    return null;
  }

  #makeConditional(msg: HttpMessage, exchange: Exchange, entry: CacheEntry): void {
    const etag = fieldOf(entry.record, "etag");
    const modified = fieldOf(entry.record, "last-modified");
    exchange.entry = entry;
    const added: string[] = [];
    if (etag !== null) added.push("if-none-match");
    if (modified !== null) added.push("if-modified-since");
    if (etag !== null) msg.requestHeaders.set("if-none-match", etag);
    if (modified !== null) msg.requestHeaders.set("if-modified-since", modified);
    exchange.added = added;
  }

  /** A stored response as an answer; `null` when its body is gone. */
  #serve(msg: HttpMessage, exchange: Exchange, entry: CacheEntry, extra: [string, string][] = []): Response | null {
    const { record } = entry;
    const isEmpty = record.status === 204 || record.status === 205 || msg.method === "HEAD";
    const body = this.#store.read(entry);
    if (body === null) return null;
    exchange.isAnswered = true;
    this.#store.touch(entry);
    this.#land(exchange);
    const headers = new Headers([...record.headers.map(([name, value]): [string, string] => [name, value]), ...extra]);
    headers.set("age", String(ageOf(record, this.#policy)));
    if (isEmpty && body instanceof ReadableStream) void body.cancel();
    const init = { status: record.status, statusText: record.statusText, headers };
    return isEmpty ? new Response(null, init) : readableAtOnce(new Response(body, init), () => this.#readAll(entry));
  }

  #readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> {
    const body = this.#store.readAll(entry);
    if (body === null) throw new Error(`Cannot read the cached response for ${entry.record.key}: it is gone`);
    return body;
  }

  #notCached(exchange: Exchange): Response {
    exchange.isAnswered = true;
    return new Response(null, { status: 504, statusText: "Gateway Timeout" });
  }

  /** A 304: the stored response is good, with the fields that came along (RFC 9111 §4.3.4). */
  #confirm(
    session: HttpSession,
    msg: HttpMessage,
    exchange: Exchange,
    entry: CacheEntry,
    fields: Record<string, string>,
    response: TransportResponse,
  ): Response | null {
    if (isOther(entry.record, response.headers)) return this.#askAgain(session, msg, exchange, entry);
    const headers = updatedHeaders(entry.record, response.headers);
    const { key, status, statusText, authorization } = entry.record;
    const merged = toRecord(new Headers(headers));
    const policy = makePolicy({ url: key, method: "GET", headers: fields }, { status, headers: merged }, this.#policy);
    const vary = varyOf(new Headers(headers), fields);
    const record: CacheRecord = {
      key,
      authorization,
      vary: vary ?? [],
      status,
      statusText,
      headers,
      policy: policy.toObject(),
    };
    const confirmed = { ...entry, record };
    if (vary && policy.storable()) this.#store.update(entry, record);
    const cookies = response.headers.getSetCookie().map((value): [string, string] => ["set-cookie", value]);
    const answer = this.#serve(msg, exchange, confirmed, cookies);
    // A synchronous send reads the answer after this.
    if (!vary || !policy.storable()) queueMicrotask(() => this.#store.delete(entry));
    return answer ?? this.#askAgain(session, msg, exchange, entry);
  }

  /** The stored response is of no use after all: ask for a whole one. */
  #askAgain(session: HttpSession, msg: HttpMessage, exchange: Exchange, entry: CacheEntry): null {
    this.#store.delete(entry);
    exchange.bypass = true;
    exchange.entry = null;
    session.requeueMessage(msg);
    return null;
  }

  #prepareToStore(
    msg: HttpMessage,
    exchange: Exchange,
    fields: Record<string, string>,
    response: TransportResponse,
  ): void {
    const { key, flight } = exchange;
    const vary = varyOf(response.headers, fields);
    const length = Number(response.headers.get("content-length") ?? 0);
    if (!vary || length > this.#maxEntryBytes || "range" in fields || response.status === 206) return;
    const received = toRecord(response.headers);
    const policy = makePolicy({ url: key, method: "GET", headers: fields }, {
      status: response.status,
      headers: received,
    }, this.#policy);
    const headers = storedHeaders(response.headers);
    const canBeUsed = policy.maxAge() > policy.age() || "etag" in received || "last-modified" in received ||
      /stale-/i.test(received["cache-control"] ?? "");
    if (!policy.storable() || !canBeUsed) return;
    if (flight && policy.maxAge() <= policy.age()) this.#land(exchange);
    const record: CacheRecord = {
      key,
      authorization: authorizationDigest(msg.requestHeaders),
      vary,
      status: response.status,
      statusText: response.statusText,
      headers,
      policy: policy.toObject(),
    };
    const writer = this.#store.open();
    const commit = (): void => this.#commit(writer, record);
    if (response.body === null) {
      commit();
      writer.discard();
    } else exchange.storing = { writer, commit, abandon: () => writer.discard() };
  }

  #commit(writer: { commit(record: CacheRecord): void }, record: CacheRecord): void {
    writer.commit(record);
    for (const entry of this.#store.find(record.key).slice(MOST_VARIANTS)) this.#store.delete(entry);
    this.#store.trim(this.#maxBytes);
  }

  /** A HEAD that shows another representation outdates the stored one (RFC 9111 §4.3.5). */
  #compareHead({ key }: Exchange, headers: Headers): void {
    for (const entry of this.#store.find(key)) {
      const length = headers.get("content-length");
      const differs = isOther(entry.record, headers) || (length !== null && Number(length) !== entry.length);
      if (differs) this.#store.delete(entry);
    }
  }

  /** A stale response is in use: bring it up to date in the background (RFC 5861 §3). */
  #refresh(session: HttpSession, msg: HttpMessage, key: string): void {
    if (this.#refreshing.has(key)) return;
    const headers = new Headers(msg.requestHeaders);
    // Credentials and cookies of features are put in again for the new message.
    const refresh = new HttpMessage("GET", msg.uri, { headers, priority: MessagePriority.LOW });
    refresh.flags.add(MessageFlags.OVERWRITE_CHUNKS).add(MessageFlags.NO_REDIRECT);
    refresh.firstParty = msg.firstParty;
    this.#refreshing.set(key, refresh);
    session.queueMessage(refresh);
  }

  #invalidateAfter(msg: HttpMessage, headers: Headers): void {
    this.#invalidate(cacheKey(msg.uri));
    for (const name of ["location", "content-location"]) {
      const value = headers.get(name);
      if (value === null || !URL.canParse(value, msg.uri.href)) continue;
      const uri = new URL(value, msg.uri.href);
      if (uri.origin === msg.uri.origin) this.#invalidate(cacheKey(uri));
    }
  }

  #invalidate(key: string): void {
    for (const entry of this.#store.find(key)) this.#store.delete(entry);
  }

  /** The exchange is over, however it ended. */
  #settle(exchange: Exchange): void {
    exchange.storing?.abandon();
    exchange.storing = null;
    if (!exchange.flight?.body) this.#land(exchange);
  }

  #land(exchange: Exchange): void {
    const { flight } = exchange;
    if (!flight) return;
    exchange.flight = null;
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
    flight.land();
  }
}

/** Whether a response's validators say that it is about another representation than the stored one. */
function isOther(record: CacheRecord, headers: Headers): boolean {
  const [etag, stored] = [headers.get("etag"), fieldOf(record, "etag")];
  if (etag !== null && stored !== null) return etag.replace(/^W\//, "") !== stored.replace(/^W\//, "");
  const [modified, known] = [headers.get("last-modified"), fieldOf(record, "last-modified")];
  return etag === null && modified !== null && known !== null && modified !== known;
}

function checkLimit(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`Cannot limit a cache: ${name} is ${value}, it must be 0 or more`);
  }
  return Math.floor(value);
}
