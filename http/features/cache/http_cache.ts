/** A session's cache of responses (`SoupCache`). */
import { TypedEventTarget } from "../../../internal/events.ts";
import { wholeLimit } from "../../../internal/expected.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../../contract/feature.ts";
import { isSafeMethod } from "../../protocol/headers.ts";
import { type HttpMessage, messageState } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { drive, isBlocking, notCached, noteWithoutCache, settled, type Steps } from "../../contract/blocking.ts";
import { StoreErrorEvent, type StoreEvents } from "../../contract/shared_store.ts";
import { HttpStatus } from "../../protocol/status.ts";
import type { TransportResponse } from "../../transports/transport.ts";
import { httpUriOf, parseUri, possibleHttpUris } from "../../protocol/uri.ts";
import {
  cacheKey,
  type Exchange,
  isForServer,
  LONGEST_WAIT,
  makeConditional,
  namesOtherHost,
  recipientOf,
  refreshOf,
  requestDirectives,
  requestersOf,
  restoreFields,
  sentFields,
  SERVER_FAILURES,
} from "./exchange.ts";
import { isReload, leavesCachesAlone, takesWhatIsStored } from "./directives.ts";
import { type CacheEntry, type HttpCacheOptions, readCacheOptions } from "./store.ts";
import { freshnessOf, isUsableOnError, wantsValidation } from "./record.ts";
import { ResponseRecorder } from "./response_recorder.ts";
import { type CacheRequest, StoredResponses } from "./stored_responses.ts";
import { Turns } from "./turns.ts";

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
 * let request = 0;
 * const server = new MockTransport(() => new Response(`answer ${++request}`, { headers: { "cache-control": "max-age=60" } }));
 * await using session = new HttpSession({ features: [server, new HttpCache()] });
 * await (await session.fetch("http://example.com/")).text();
 * const again = await session.fetch("http://example.com/");
 * assertEquals(await again.text(), "answer 1");
 * ```
 */
export class HttpCache extends TypedEventTarget<StoreEvents> implements SessionFeature {
  /** Bodies are stored as they came over the wire. */
  readonly bodyStage: BodyStage = BodyStage.WIRE;
  readonly #stored: StoredResponses;
  readonly #exchanges = new WeakMap<HttpMessage, Exchange>();
  readonly #turns: Turns;
  readonly #recorder: ResponseRecorder;
  readonly #refreshing = new Map<string, HttpMessage>();
  #storageError: unknown = null;

  /**
   * Makes a cache.
   *
   * @throws {TypeError | RangeError} For a store that is none of responses, for limits below 0.
   */
  constructor(options: HttpCacheOptions = {}) {
    super();
    const { limits, policy, store } = readCacheOptions(options);
    const failed = (error: unknown) => this.#storeFailed(error);
    this.#stored = new StoredResponses(store, policy, limits, failed);
    this.#turns = new Turns(this.#stored);
    this.#recorder = new ResponseRecorder(this.#stored, this.#turns, failed);
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
    this.#stored.limits.bytes = wholeLimit("maxBytes", value);
    this.#stored.tell(() => this.#stored.store.trim(value));
  }

  /** What the store last failed with; the responses were delivered all the same. */
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
  delete(uri: string | URL): void | Promise<void> {
    return drive(this.#stored.invalidateAll(possibleHttpUris(parseUri(uri)).map(cacheKey)));
  }

  /** Removes everything (`soup_cache_clear`). */
  clear(): void | Promise<void> {
    return drive(this.#stored.ask(() => this.#stored.store.clear(), undefined));
  }

  /** Frees what the store holds open. */
  close(): void | Promise<void> {
    return this.#stored.store.close?.();
  }

  /** Same as `close`; what the store has to wait for is not waited for. */
  [Symbol.dispose](): void {
    this.#stored.tell(() => this.close());
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Answers with a stored response, or prepares the request that validates it. */
  lookup(session: FeatureSession, msg: HttpMessage): Response | null | Promise<Response | null> {
    const previous = this.#exchanges.get(msg);
    if (previous) this.#recorder.settle(msg, previous);
    if (msg.method !== "GET" && msg.method !== "HEAD") return null;
    if (this.#isPassedBy(msg)) return null;
    const directives = requestDirectives(msg);
    const uri = httpUriOf(session, msg.uri);
    if (uri === null || leavesCachesAlone(msg) || namesOtherHost(session, msg)) {
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
      useStale: takesWhatIsStored(msg) || (isSame && previous.useStale),
      bypass: isSame && previous.bypass,
      isOver: false,
      storing: null,
      leading: null,
    };
    this.#exchanges.set(msg, exchange);
    if (directives.has("no-store") || isForServer(msg)) {
      return directives.has("only-if-cached") ? notCached() : null;
    }
    return drive(this.#answer(session, msg, exchange, performance.now() + LONGEST_WAIT));
  }

  /** Confirms or replaces what is stored once the server has answered. */
  replaceResponse(
    session: FeatureSession,
    msg: HttpMessage,
    response: TransportResponse,
  ): Response | null | Promise<Response | null> {
    return this.#isPassedBy(msg) ? null : drive(this.#receive(session, msg, response));
  }

  *#receive(session: FeatureSession, msg: HttpMessage, response: TransportResponse): Steps<Response | null> {
    const stored = this.#stored;
    const { headers, status } = response;
    if (!isSafeMethod(msg.method)) {
      const uri = httpUriOf(session, msg.uri);
      if (status >= 200 && status < 400 && uri !== null) {
        yield* stored.invalidateAfter(uri, headers, (named) => httpUriOf(session, named));
      }
      return null;
    }
    const exchange = this.#exchanges.get(msg);
    if (!exchange) return null;
    const { directives, entry, key } = exchange;
    const request = {
      key,
      recipient: recipientOf(session, msg),
      fields: sentFields(msg, exchange.added),
    };
    restoreFields(msg, exchange);
    const isSameRequester = request.recipient.authorization === entry?.record.authorization;
    if (entry) {
      if (status === 304 && !isReload(msg)) {
        return yield* this.#confirm(session, msg, exchange, entry, request, headers);
      }
      if (SERVER_FAILURES.has(status) && isUsableOnError(entry.record, directives, stored.policy)) {
        return yield* this.#serve(msg, exchange, entry, []);
      }
      if (status < 500 && status !== 401 && status !== 407 && isSameRequester) yield* stored.remove(entry);
    }
    if (msg.method === "GET") yield* this.#recorder.begin(exchange, request, response);
    else if (msg.method === "HEAD" && status === 200) yield* stored.compareHead(key, headers);
    if (!exchange.storing) this.#recorder.endWaiting(exchange, false);
    return null;
  }

  /** Stores the body while it passes. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    const exchange = this.#exchanges.get(msg);
    return exchange ? this.#recorder.transform(exchange) : null;
  }

  /** Stores the body of a synchronous send, which comes in one piece. */
  wireBodySink(_session: FeatureSession, msg: HttpMessage): ((body: Uint8Array) => void) | null {
    const exchange = this.#exchanges.get(msg);
    return exchange ? this.#recorder.sink(exchange) : null;
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
    this.#recorder.settle(msg, exchange);
    if (this.#refreshing.get(exchange.key) === msg) this.#refreshing.delete(exchange.key);
  }

  /** Looks for a stored response until there is one, or this request is the one to ask the server. */
  *#answer(session: FeatureSession, msg: HttpMessage, exchange: Exchange, giveUpAt: number): Steps<Response | null> {
    const { bypass, directives, key } = exchange;
    const requesters = requestersOf(session, msg);
    const turnKey = `${requesters.join()} ${key}`;
    const isValidated = wantsValidation(directives);
    const mayWait = (): boolean => !exchange.isOver && !bypass && !isValidated && !isBlocking(msg);
    for (;;) {
      const entry = bypass ? null : yield* this.#stored.find(key, requesters, msg.requestHeaders);
      if (exchange.isOver) return null;
      if (entry) {
        const isRefresh = this.#refreshing.get(key) === msg;
        const freshness = exchange.useStale
          ? "stale"
          : isRefresh
          ? "validate"
          : freshnessOf(entry.record, directives, this.#stored.policy);
        if (freshness === "refresh") this.#refresh(session, msg, key);
        const response = freshness === "validate" ? null : yield* this.#serve(msg, exchange, entry, []);
        if (response) return response;
      }
      if (directives.has("only-if-cached")) return notCached();
      if (msg.method !== "GET") return null;
      const leader = this.#turns.collapsed.get(turnKey);
      const left = giveUpAt - performance.now();
      if (leader && leader !== exchange.leading && left > 0 && mayWait()) {
        yield* settled(leader.join(left));
        if (exchange.isOver) return null;
        continue;
      }
      if (!leader) {
        const leading = exchange.leading = this.#turns.collapsed.begin(turnKey);
        if (this.#turns.areShared && mayWait()) {
          // What another process has stored meanwhile is found now.
          yield* this.#turns.await(leading, mayWait);
          if (!exchange.isOver) continue;
          this.#turns.end(leading, false);
          return null;
        }
      }
      if (entry && isReload(msg)) exchange.entry = entry;
      else if (entry) makeConditional(msg, exchange, entry);
      return null;
    }
  }

  *#serve(
    msg: HttpMessage,
    exchange: Exchange,
    entry: CacheEntry,
    extra: readonly [string, string][],
  ): Steps<Response | null> {
    const response = yield* this.#stored.answer(entry, msg.method === "HEAD", extra);
    if (response) this.#recorder.endWaiting(exchange, true);
    return response;
  }

  /** A 304: the stored response is good, with the fields that came along. */
  *#confirm(
    session: FeatureSession,
    msg: HttpMessage,
    exchange: Exchange,
    entry: CacheEntry,
    request: CacheRequest,
    update: Headers,
  ): Steps<Response | null> {
    // A response to another requester, or of an unverified server, says nothing about the stored one.
    const isSameRequester = request.recipient.authorization === entry.record.authorization;
    const confirmed = isSameRequester ? yield* this.#stored.confirm(entry, request, update) : null;
    const cookies = update.getSetCookie().map((value): [string, string] => ["set-cookie", value]);
    const answer = confirmed && (yield* this.#serve(msg, exchange, confirmed.entry, cookies));
    if (answer) {
      // A synchronous send reads the answer after this.
      if (!confirmed.mayStay) queueMicrotask(() => void drive(this.#stored.remove(entry)));
      return answer;
    }
    // The stored response is of no use after all: ask for a whole one.
    if (isSameRequester) yield* this.#stored.remove(entry);
    exchange.bypass = true;
    exchange.entry = null;
    session.requeueMessage(msg);
    return null;
  }

  /** A stale response was used: validates it in the background (RFC 5861 §3). */
  #refresh(session: FeatureSession, msg: HttpMessage, key: string): void {
    if (this.#refreshing.has(key)) return;
    const refresh = refreshOf(msg);
    this.#refreshing.set(key, refresh);
    session.queueMessage(refresh);
  }

  /** A store that others have, too, answers later than a message can wait for whose thread is blocked. */
  #isPassedBy(msg: HttpMessage): boolean {
    if (messageState(msg).upgrade !== null) return true;
    if (this.#stored.store.synchronous !== false || !isBlocking(msg)) return false;
    noteWithoutCache(msg);
    return true;
  }

  /** A store that fails must not prevent a response. */
  #storeFailed(error: unknown): void {
    this.#storageError = error;
    this.dispatchEvent(new StoreErrorEvent(error));
  }
}
