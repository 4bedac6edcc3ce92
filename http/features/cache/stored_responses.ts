/** A store with a cache's rules: what is stored, reused and removed. */
import { isPromise, readableAtOnce, settled, type Steps } from "../../contract/blocking.ts";
import type { TransportResponse } from "../../transports/transport.ts";
import { announcedLength } from "../../protocol/headers.ts";
import { isNullBodyStatus } from "../../protocol/status.ts";
import { isSameOrigin } from "../../protocol/uri.ts";
import { type FieldRecord, toRecord } from "./directives.ts";
import { cacheKey, matches, type Recipient, type Storing, varyOf } from "./exchange.ts";
import {
  ageOf,
  type CacheRecord,
  fieldOf,
  makePolicy,
  type PolicyOptions,
  storedHeaders,
  updatedHeaders,
} from "./record.ts";
import type { CacheEntry, CacheStore } from "./store.ts";

/** Variants of one URI kept at most, whatever a server's Vary says. */
const MOST_VARIANTS = 16;

/** Without one of these fields a response has neither a lifetime nor a validator. */
const REUSE_FIELDS: readonly string[] = ["cache-control", "expires", "etag", "last-modified"];

/** What identifies a request to a store. */
export interface CacheRequest {
  /** The URI without its fragment. */
  readonly key: string;
  /** To whom the response is given. */
  readonly recipient: Recipient;
  /** The request's fields as they went out. */
  readonly fields: FieldRecord;
}

/** How much goes in. */
export interface StorageLimits {
  /** Most bytes kept. */
  bytes: number;
  /** Largest body stored. */
  readonly entryBytes: number;
}

/** A store with the rules of one cache. What the store throws is reported, and counts as if there were nothing. */
export class StoredResponses {
  readonly store: CacheStore;
  readonly policy: PolicyOptions;
  readonly limits: StorageLimits;
  readonly #failed: (error: unknown) => void;

  constructor(store: CacheStore, policy: PolicyOptions, limits: StorageLimits, failed: (error: unknown) => void) {
    this.store = store;
    this.policy = policy;
    this.limits = limits;
    this.#failed = failed;
  }

  /** What the store says; `otherwise` where it fails. */
  *ask<T>(call: () => T | Promise<T>, otherwise: T): Steps<T> {
    try {
      return yield* settled(call());
    } catch (error) {
      this.#failed(error);
      return otherwise;
    }
  }

  /** Calls the store without waiting for it. */
  tell(call: () => void | Promise<void>): void {
    try {
      const told = call();
      if (isPromise(told)) told.then(undefined, this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The stored response for a request, fresh or not. */
  *find(key: string, requesters: readonly string[], headers: Headers): Steps<CacheEntry | null> {
    for (const entry of yield* this.#entries(key)) if (matches(entry, requesters, headers)) return entry;
    return null;
  }

  /** A stored response as an answer; `null` when its body is gone. */
  *answer(entry: CacheEntry, isHead: boolean, extra: readonly [string, string][]): Steps<Response | null> {
    const { record } = entry;
    const isEmpty = isHead || record.status === 204 || record.status === 205;
    const body = yield* this.ask(() => this.store.read(entry), null);
    if (body === null) return null;
    this.tell(() => this.store.touch(entry));
    const headers = new Headers([...record.headers.map(([name, value]): [string, string] => [name, value]), ...extra]);
    headers.set("age", String(ageOf(record, this.policy)));
    const init = { status: record.status, statusText: record.statusText, headers };
    if (isEmpty) {
      if (body instanceof ReadableStream) void body.cancel();
      return new Response(null, init);
    }
    const response = new Response(body, init);
    return this.store.readAll === undefined ? response : readableAtOnce(response, () => this.#readAll(entry));
  }

  /** Begins to store a response; `null` when it may not be stored or could never be used. */
  *begin(request: CacheRequest, response: TransportResponse): Steps<(Storing & { isFresh: boolean }) | null> {
    const { key, recipient: { authorization }, fields } = request;
    // Most responses that cannot be used again say nothing at all about it.
    if (!REUSE_FIELDS.some((name) => response.headers.has(name))) return null;
    const vary = varyOf(response.headers, fields);
    const announced = isNullBodyStatus(response.status) ? 0 : announcedLength(response.headers);
    if (!vary || (announced ?? 0) > this.limits.entryBytes || "range" in fields) return null;
    const received = toRecord(response.headers);
    const policy = makePolicy(requestOf(request), { status: response.status, headers: received }, this.policy);
    const isFresh = policy.maxAge() > policy.age();
    const canBeUsed = isFresh || "etag" in received || "last-modified" in received ||
      /stale-/i.test(received["cache-control"] ?? "");
    if (!policy.storable() || !canBeUsed) return null;
    const { status, statusText } = response;
    const headers = storedHeaders(response.headers);
    const record = { key, authorization, vary, status, statusText, headers, policy: policy.toObject() };
    const writer = yield* this.ask(() => this.store.open(), null);
    return writer && {
      writer,
      isFresh,
      commit: (length) => this.#commit(writer, record, announced !== null && length < announced),
    };
  }

  /**
   * A stored response with the fields of the 304 that confirmed it (RFC 9111 §4.3.4), and whether it may stay stored;
   * `null` when the 304 is about another response.
   */
  *confirm(
    entry: CacheEntry,
    request: CacheRequest,
    update: Headers,
  ): Steps<{ readonly entry: CacheEntry; readonly mayStay: boolean } | null> {
    if (isOther(entry.record, update)) return null;
    const { status, statusText, key, authorization } = entry.record;
    const headers = updatedHeaders(entry.record, update);
    const fields = new Headers(headers);
    const policy = makePolicy(requestOf(request), { status, headers: toRecord(fields) }, this.policy);
    const vary = varyOf(fields, request.fields);
    const record: CacheRecord = {
      key,
      authorization,
      vary: vary ?? [],
      status,
      statusText,
      headers,
      policy: policy.toObject(),
    };
    const mayStay = vary !== null && policy.storable();
    if (mayStay) yield* this.ask(() => this.store.update(entry, record), undefined);
    return { entry: { ...entry, record }, mayStay };
  }

  /** Removes a response. */
  *remove(entry: CacheEntry): Steps<void> {
    yield* this.ask(() => this.store.delete(entry), undefined);
  }

  /** A HEAD that shows another representation outdates the stored one (RFC 9111 §4.3.5). */
  *compareHead(key: string, headers: Headers): Steps<void> {
    for (const entry of yield* this.#entries(key)) {
      const length = headers.get("content-length");
      const differs = isOther(entry.record, headers) || (length !== null && Number(length) !== entry.length);
      if (differs) yield* this.remove(entry);
    }
  }

  /** A request that may have changed something on the server outdates its URI and those it names (RFC 9111 §4.4). */
  *invalidateAfter(uri: URL, headers: Headers, httpUri: (uri: URL) => URL | null): Steps<void> {
    yield* this.invalidate(cacheKey(uri));
    for (const name of ["location", "content-location"]) {
      const value = headers.get(name);
      if (value === null || !URL.canParse(value, uri.href)) continue;
      const named = httpUri(new URL(value, uri.href));
      if (named !== null && isSameOrigin(named, uri)) yield* this.invalidate(cacheKey(named));
    }
  }

  /** Removes what is stored for a URI. */
  *invalidate(key: string): Steps<void> {
    for (const entry of yield* this.#entries(key)) yield* this.remove(entry);
  }

  /** Removes what is stored for several URIs. */
  *invalidateAll(keys: readonly string[]): Steps<void> {
    for (const key of keys) yield* this.invalidate(key);
  }

  *#entries(key: string): Steps<readonly CacheEntry[]> {
    return yield* this.ask(() => this.store.find(key), []);
  }

  *#commit(writer: Storing["writer"], record: CacheRecord, isTorn: boolean): Steps<boolean> {
    if (isTorn) {
      yield* this.ask(() => writer.discard(), undefined);
      return false;
    }
    const isStored = yield* this.ask(() => after(writer.commit(record), true), false);
    if (!isStored) return false;
    for (const entry of (yield* this.#entries(record.key)).slice(MOST_VARIANTS)) yield* this.remove(entry);
    yield* this.ask(() => this.store.trim(this.limits.bytes), undefined);
    return true;
  }

  #readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> {
    const body = this.store.readAll!(entry);
    if (body === null) throw new Error(`Cannot read the cached response for ${entry.record.key}: it is gone`);
    return body;
  }
}

/** A value, once something is done. */
function after<T>(done: void | Promise<void>, value: T): T | Promise<T> {
  return isPromise(done) ? done.then(() => value) : value;
}

/** Whom the connection identifies is as good as a field that does (RFC 9111 §3.5). */
function requestOf({ recipient, key, fields }: CacheRequest): { url: string; method: string; headers: FieldRecord } {
  const headers = recipient.isIdentified ? { authorization: "by connection", ...fields } : fields;
  return { url: key, method: "GET", headers };
}

/** Whether a response's validators say that it is about another representation than the stored one. */
function isOther(record: CacheRecord, headers: Headers): boolean {
  const [etag, stored] = [headers.get("etag"), fieldOf(record, "etag")];
  if (etag !== null && stored !== null) return etag.replace(/^W\//, "") !== stored.replace(/^W\//, "");
  const [modified, known] = [headers.get("last-modified"), fieldOf(record, "last-modified")];
  return etag === null && modified !== null && known !== null && modified !== known;
}
