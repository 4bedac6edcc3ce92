/** Cookies of a session (`SoupCookieJar`). */
import { checkObject, checkOwnOptions, checkText, wholeNumber } from "../../../internal/expected.ts";
import { TypedEventTarget } from "../../../internal/events.ts";
import type { Connection } from "../../transports/connection.ts";
import type { SessionFeature } from "../../contract/feature.ts";
import { isSafeMethod } from "../../protocol/headers.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { isSharedStore, StoreErrorEvent, type StoreMethods } from "../../contract/shared_store.ts";
import {
  contextNames,
  type Cookie,
  type CookieChange,
  CookieChangedEvent,
  type CookieContext,
  type CookieInit,
  type CookieJarEvents,
  type CookieJarOptions,
  type CookieStore,
  jarNames,
  snapshot,
} from "./cookie.ts";
import {
  acceptPolicies,
  type CookieAcceptPolicy,
  cookieOf,
  domainHost,
  hidesSecureCookie,
  hostOf,
  isAccepted,
  isSameSite,
  isSecureScheme,
  parseSetCookie,
  registrableDomain,
  satisfiesNamePrefix,
  siteOf,
  type Tough,
  toughCookie,
} from "./rules.ts";
import { CookieTable } from "./cookie_table.ts";
import { restored, SharedJar } from "./shared_jar.ts";
import { isStrict, isVerified } from "../../contract/trust.ts";
import { httpUriOf, parseUri } from "../../protocol/uri.ts";

/** What a jar asks of its store. */
const METHODS: StoreMethods = { own: ["load", "apply"], shared: ["read", "write", "clear"] };

/**
 * Keeps the cookies of a session and sends them back (RFC 6265, with SameSite, prefixes and the rules for Secure of its
 * revision; public suffixes are refused). As in libsoup the jar owns the Cookie field: what it has replaces what the
 * message says, and a message it has nothing for goes without.
 *
 * @example Look at what a server would get back
 * ```ts
 * import { CookieJar } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * using jar = new CookieJar({ acceptPolicy: "no-third-party" });
 * jar.setCookie("session=1; Path=/; Secure; HttpOnly", "https://www.example.com/");
 * jar.setCookie("tracker=2", "https://ads.example.net/", { firstParty: "https://www.example.com/" });
 * assertEquals(jar.getCookieHeader("https://www.example.com/account"), "session=1");
 * assertEquals(jar.getCookieHeader("http://www.example.com/"), "");
 * ```
 */
export class CookieJar extends TypedEventTarget<CookieJarEvents> implements SessionFeature {
  readonly #store: CookieStore | null;
  /** The store, where other processes have it, too. */
  readonly #shared: SharedJar | null;
  readonly #table: CookieTable;
  readonly #now: () => number;
  #policy: CookieAcceptPolicy = "always";
  #library: Tough.CookieJar | null = null;
  #kept: Iterable<Cookie> | null = null;
  #closed = false;
  /**
   * Cookies that came over TLS from a server without a trusted certificate: for sessions that leave certificates
   * unchecked, in memory alone, and never for a stricter one.
   */
  #unverified: CookieJar | null = null;

  /**
   * Makes a jar and reads its store.
   *
   * @throws {TypeError} For an unknown policy, and for a store that is none of cookies.
   * @throws {RangeError} For limits below 1.
   */
  constructor(options: CookieJarOptions = {}) {
    super();
    checkOwnOptions("make a CookieJar", options, jarNames, ["now"]);
    const { acceptPolicy = "always", store = null, maxCookies = 3000, maxCookiesPerSite = 180, now = Date.now } =
      options;
    this.acceptPolicy = acceptPolicy;
    wholeNumber("maxCookies", maxCookies, 1);
    wholeNumber("maxCookiesPerSite", maxCookiesPerSite, 1);
    this.#now = now;
    this.#table = new CookieTable({ total: maxCookies, perSite: maxCookiesPerSite }, now);
    const isShared = store !== null && isSharedStore("make a CookieJar", store, "a store of cookies", METHODS);
    this.#store = isShared ? null : store;
    this.#shared = isShared
      ? new SharedJar(store, this.#table, {
        changed: (changes) => this.#announce(changes),
        failed: (error) => this.dispatchEvent(new StoreErrorEvent(error)),
      })
      : null;
    const kept = this.#store ? [...this.#store.load()] : [];
    if (kept.length > 0) this.#kept = kept;
  }

  /** Which cookies the jar takes; a change does not touch those it has (`SoupCookieJar:accept-policy`). */
  get acceptPolicy(): CookieAcceptPolicy {
    return this.#policy;
  }
  set acceptPolicy(policy: CookieAcceptPolicy) {
    if (!acceptPolicies.includes(policy)) {
      throw new TypeError(
        `Cannot set the accept policy: ${JSON.stringify(policy)} is none of ${acceptPolicies.join(", ")}`,
      );
    }
    this.#policy = policy;
  }

  /** Whether cookies outlive the jar (`soup_cookie_jar_is_persistent`). */
  get isPersistent(): boolean {
    return this.#store !== null || this.#shared !== null;
  }

  /** Synchronous sends cannot wait for a store that processes share. */
  get answersLater(): string | undefined {
    return this.#shared === null ? undefined : "the store of a cookie jar";
  }

  /** How many cookies the jar holds; expired ones count until somebody asks for them. */
  get size(): number {
    return this.#cookies().size;
  }

  /**
   * Takes a Set-Cookie field as if a response from `uri` carried it (`soup_cookie_jar_set_cookie`).
   *
   * @returns The cookie that is now in the jar; `null` when it was refused or removed one.
   */
  setCookie(field: string, uri: string | URL, context: CookieContext = {}): Cookie | null {
    checkText("set a cookie", field);
    const cookie = this.#accept(field, parseUri(uri), checkOwnOptions("set a cookie", context, contextNames));
    this.#publish();
    return cookie;
  }

  /**
   * Puts a cookie in without the checks of a response (`soup_cookie_jar_add_cookie`); one that has expired removes its
   * namesake.
   *
   * @throws {TypeError} For what no Cookie field can carry.
   */
  addCookie(init: CookieInit): void {
    const cookie = cookieOf(checkObject("add the cookie", init), this.#now());
    const table = this.#cookies();
    const old = table.find(cookie.domain!, cookie.path!, cookie.key);
    if (old) {
      cookie.creation = old.creation;
      cookie.creationIndex = old.creationIndex;
      table.updateCookie(old, cookie, () => {});
    } else table.putCookie(cookie, () => {});
    this.#publish();
  }

  /** Removes a cookie; whether it was there (`soup_cookie_jar_delete_cookie`). */
  deleteCookie(cookie: Pick<Cookie, "name" | "domain" | "path">): boolean {
    const { domain, path, name } = checkObject("delete the cookie", cookie);
    for (const part of [domain, path, name]) checkText("delete the cookie", part);
    const removed = this.#cookies().remove(domainHost(domain) ?? domain, path, name);
    this.#publish();
    return removed;
  }

  /** Every cookie that has not expired, in order of creation (`soup_cookie_jar_all_cookies`). */
  allCookies(): Cookie[] {
    const now = this.#now();
    return this.#cookies().all().map(snapshot).filter(({ expires }) => !expires || expires.getTime() > now);
  }

  /** The cookies a request to `uri` would carry, in the order of the Cookie field (`soup_cookie_jar_get_cookie_list`). */
  getCookies(uri: string | URL, context: CookieContext = {}): Cookie[] {
    return this.#matching(parseUri(uri), checkOwnOptions("look for cookies", context, contextNames)).map(snapshot);
  }

  /** The Cookie field a request to `uri` would carry; empty for none (`soup_cookie_jar_get_cookies`). */
  getCookieHeader(uri: string | URL, context: CookieContext = {}): string {
    return headerOf(this.#matching(parseUri(uri), checkOwnOptions("look for cookies", context, contextNames)));
  }

  /** Removes every cookie. */
  clear(): void {
    const table = this.#cookies();
    for (const cookie of table.all()) table.remove(cookie.domain!, cookie.path!, cookie.key);
    this.#unverified = null;
    this.#shared?.clear();
    this.#publish();
  }

  /**
   * Resolves when a store that processes share has what this jar was told; others have it when the jar's methods return.
   *
   * @throws {Error} If the store cannot be reached; what it lacks is kept, and told it later.
   */
  async flush(): Promise<void> {
    await this.#shared?.flush();
  }

  /** Sets the Cookie field early enough for caches to see it. */
  requestStarting(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    const uri = this.#shared === null || msg.omitsCredentials ? null : httpUriOf(session, msg.uri);
    if (uri === null || !isName(hostOf(uri))) return this.#setField(session, msg);
    return this.#shared!.read(siteOf(hostOf(uri))).then(() => this.#setField(session, msg));
  }

  /** Sets the Cookie field again: another response may have changed it while the message waited for a connection. */
  requestStarted(session: FeatureSession, msg: HttpMessage, _connection: Connection): void {
    this.#setField(session, msg);
  }

  /** Takes the cookies of a response; those of a server without a trusted certificate are kept apart. */
  gotHeaders(session: FeatureSession, msg: HttpMessage): void | Promise<void> {
    if (this.#policy === "never" || msg.omitsCredentials || !msg.responseHeaders.has("set-cookie")) return;
    const uri = httpUriOf(session, msg.uri);
    if (uri === null) return;
    const jar = isVerified(session, msg) ? this : this.#unverified ??= new CookieJar({ now: this.#now });
    jar.#policy = this.#policy;
    const context = contextOf(session, msg);
    for (const field of msg.responseHeaders.getSetCookie()) jar.#accept(field, uri, context);
    jar.#publish();
    return jar.#shared?.kept(siteOf(hostOf(uri)));
  }

  /**
   * Frees what the store holds; the jar keeps its cookies but no longer stores them. A store that processes share is told
   * first what it lacks.
   */
  close(): void | Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#store?.close?.();
    return this.#shared?.close();
  }

  /** Same as `close`; what has to be waited for is not waited for. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #setField(session: FeatureSession, msg: HttpMessage): void {
    const uri = msg.omitsCredentials ? null : httpUriOf(session, msg.uri);
    if (uri === null) return;
    const context = contextOf(session, msg);
    const apart = this.#unverified === null || isStrict(session, msg) || uri.protocol !== "https:"
      ? []
      : this.#unverified.#matching(uri, context);
    const names = new Set(apart.map(({ key }) => key));
    const value = headerOf([...apart, ...this.#matching(uri, context).filter(({ key }) => !names.has(key))]);
    if (value !== "") msg.requestHeaders.set("cookie", value);
    else if (msg.hasRequestHeaders) msg.requestHeaders.delete("cookie");
  }

  #matching(uri: URL, context: CookieContext): Tough.Cookie[] {
    const table = this.#cookies();
    if (!isName(hostOf(uri)) || !table.mayMatch(hostOf(uri))) return [];
    const firstParty = toUrl(context.firstParty);
    const crossSite = firstParty !== null && !isSameSite(firstParty, uri);
    const safe = isSafeMethod(context.method ?? "GET");
    const cookies = this.#jar().getCookiesSync(uri.href, {
      http: context.http ?? true,
      expire: false,
      sameSiteContext: !crossSite ? "strict" : context.navigation && safe ? "lax" : "none",
      sort: true,
    });
    const now = this.#now();
    const live = cookies.filter((cookie) => {
      if (!(cookie.expires instanceof Date) || cookie.expires.getTime() > now) return true;
      table.remove(cookie.domain!, cookie.path!, cookie.key);
      return false;
    });
    if (live.length < cookies.length) this.#publish();
    return live;
  }

  #accept(field: string, uri: URL, context: CookieContext): Cookie | null {
    const table = this.#cookies();
    const host = hostOf(uri);
    const firstParty = toUrl(context.firstParty);
    const now = this.#now();
    const cookie = this.#policy === "never" || !isName(host) ? null : parseSetCookie(field, now);
    if (!cookie || !satisfiesNamePrefix(cookie) || !isAccepted(this.#policy, table, host, firstParty)) return null;
    if (cookie.secure && !isSecureScheme(uri)) return null;
    if (cookie.sameSite === "none" && !cookie.secure) return null;
    const crossSite = firstParty !== null && !context.navigation && !isSameSite(firstParty, uri);
    if (crossSite && (cookie.sameSite === "strict" || cookie.sameSite === "lax")) return null;
    cookie.sameSite ??= "lax";
    // A public suffix may set cookies for itself alone (RFC 6265 §5.3).
    if (cookie.domain === host && registrableDomain(host) === null) cookie.domain = null;
    if (hidesSecureCookie(table, cookie, uri)) return null;
    const kept = this.#jar().setCookieSync(cookie, uri.href, {
      http: context.http ?? true,
      ignoreError: true,
      now: new Date(now),
    });
    return kept && table.find(kept.domain!, kept.path!, kept.key) === kept ? snapshot(kept) : null;
  }

  /** Stores a change, then dispatches its event; a store that processes share is told, and can be waited for. */
  #publish(): void {
    const changes = this.#table.takeChanges();
    if (changes.length === 0) return;
    if (!this.#closed) {
      this.#store?.apply(changes, () => this.allCookies());
      this.#shared?.changed(changes);
    }
    this.#announce(changes);
  }

  #announce(changes: readonly CookieChange[]): void {
    for (const change of changes) this.dispatchEvent(new CookieChangedEvent(change));
  }

  /** The table, once what the store had is in it. */
  #cookies(): CookieTable {
    if (this.#kept) {
      const kept = this.#kept;
      this.#kept = null;
      for (const cookie of kept) this.#table.restore(restored(cookie));
    }
    return this.#table;
  }

  #jar(): Tough.CookieJar {
    return this.#library ??= new (toughCookie().CookieJar)(this.#table as unknown as Tough.Store, {
      prefixSecurity: "unsafe-disabled",
      allowSecureOnLocal: false,
    });
  }
}

function contextOf(session: FeatureSession, msg: HttpMessage): CookieContext {
  const { firstParty, isTopLevelNavigation, method } = msg;
  const httpUri = firstParty === null ? null : httpUriOf(session, firstParty) ?? firstParty;
  return { firstParty: httpUri, navigation: isTopLevelNavigation, method };
}

/** The Cookie field. */
function headerOf(cookies: readonly Tough.Cookie[]): string {
  return cookies.map((cookie) => cookie.cookieString()).join("; ");
}

/** No longer name can be looked up (RFC 1035 §2.3.4), and each of its parents would be looked for. */
function isName(host: string): boolean {
  return host.length <= 253;
}

function toUrl(value: string | URL | null | undefined): URL | null {
  return value === null || value === undefined ? null : parseUri(value);
}
