/** The cookies of one jar in memory: found by host, counted by site, bounded. */
import { type Cookie, type CookieChange, cookieKey, snapshot } from "./cookie.ts";
import { EvictionQueue } from "./eviction.ts";
import { siteOf, type Tough } from "./tough.ts";

/** How many cookies a table holds (RFC 6265 §6.1 asks for at least 50 and 3000). */
export interface CookieLimits {
  /** Most cookies at all. */
  readonly total: number;
  /** Most cookies of one registrable domain. */
  readonly perSite: number;
}

type Callback<T> = (error: Error | null, result?: T) => void;
type Done = (error: Error | null) => void;

/**
 * The store tough-cookie works on. It is a plain object of the shape the library asks for, because extending the
 * library's class would need the library before the first cookie is there.
 */
export class CookieTable {
  /** Tells the library that every callback runs before its function returns. */
  readonly synchronous = true;
  readonly #domains = new Map<string, Map<string, Tough.Cookie>>();
  readonly #sites = new Map<string, Set<Tough.Cookie>>();
  readonly #everyone = new Set<Tough.Cookie>();
  /** Queues of those sets that have once been too large. */
  readonly #queues = new Map<ReadonlySet<Tough.Cookie>, EvictionQueue>();
  readonly #limits: CookieLimits;
  readonly #now: () => number;
  #changes: CookieChange[] = [];

  constructor(limits: CookieLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** How many cookies there are. */
  get size(): number {
    return this.#everyone.size;
  }

  /** Whether any cookie could go to a host; needs no library. */
  mayMatch(host: string): boolean {
    if (this.size === 0) return false;
    for (const _ of this.#domainsFor(host)) return true;
    return false;
  }

  /** Every cookie, in order of creation. */
  all(): Tough.Cookie[] {
    return [...this.#everyone].sort((left, right) =>
      createdAt(left) - createdAt(right) || left.creationIndex - right.creationIndex
    );
  }

  /** What has changed since the last call. */
  takeChanges(): CookieChange[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }

  /** Puts a cookie in without reporting a change: loading a store is none. */
  restore(cookie: Tough.Cookie): void {
    this.#insert(cookie);
  }

  /** The cookie of that identity. */
  find(domain: string, path: string, name: string): Tough.Cookie | undefined {
    return this.#domains.get(domain)?.get(cookieKey(path, name));
  }

  /** Removes a cookie; whether it was there. */
  remove(domain: string, path: string, name: string): boolean {
    const cookie = this.find(domain, path, name);
    if (!cookie) return false;
    this.#drop(cookie);
    this.#report(snapshot(cookie), null);
    return true;
  }

  /** The cookies of every host and domain of one registrable domain. */
  ofSite(domain: string): Iterable<Tough.Cookie> {
    return this.#sites.get(siteOf(domain)) ?? [];
  }

  /** Candidates for a host, of any path. */
  *candidates(host: string): Generator<Tough.Cookie> {
    for (const domain of this.#domainsFor(host)) yield* domain.values();
  }

  findCookie(domain: string | null, path: string | null, key: string | undefined, done: Callback<unknown>): void {
    done(null, domain !== null && path !== null && key !== undefined ? this.find(domain, path, key) : undefined);
  }

  findCookies(domain: string | null, _path: string | null, _special: boolean, done: Callback<Tough.Cookie[]>): void {
    done(null, domain === null ? [] : [...this.candidates(domain)]);
  }

  putCookie(cookie: Tough.Cookie, done: Done): void {
    if (!this.#hasExpired(cookie)) {
      this.#insert(cookie);
      this.#report(null, snapshot(cookie));
      this.#evict(cookie);
    }
    done(null);
  }

  updateCookie(old: Tough.Cookie, cookie: Tough.Cookie, done: Done): void {
    const before = snapshot(old);
    this.#drop(old);
    if (this.#hasExpired(cookie)) this.#report(before, null);
    else {
      this.#insert(cookie);
      this.#report(before, snapshot(cookie));
    }
    done(null);
  }

  removeCookie(domain: string | null, path: string | null, key: string | null, done: Done): void {
    if (domain !== null && path !== null && key !== null) this.remove(domain, path, key);
    done(null);
  }

  #hasExpired(cookie: Tough.Cookie): boolean {
    return cookie.expires instanceof Date && cookie.expires.getTime() <= this.#now();
  }

  #report(oldCookie: Cookie | null, newCookie: Cookie | null): void {
    this.#changes.push({ oldCookie, newCookie });
  }

  *#domainsFor(host: string): Generator<Map<string, Tough.Cookie>> {
    for (let start = 0; start >= 0;) {
      const domain = this.#domains.get(start === 0 ? host : host.slice(start));
      if (domain) yield domain;
      const dot = host.indexOf(".", start);
      start = dot < 0 ? -1 : dot + 1;
    }
  }

  #insert(cookie: Tough.Cookie): void {
    const key = cookieKey(cookie.path!, cookie.key);
    const domain = this.#domains.get(cookie.domain!) ?? new Map<string, Tough.Cookie>();
    const previous = domain.get(key);
    if (previous) this.#drop(previous);
    domain.set(key, cookie);
    this.#domains.set(cookie.domain!, domain);
    const site = siteOf(cookie.domain!);
    const members = this.#sites.get(site) ?? new Set<Tough.Cookie>();
    this.#sites.set(site, members);
    for (const set of [members, this.#everyone]) {
      set.add(cookie);
      this.#queues.get(set)?.add(cookie);
    }
  }

  #drop(cookie: Tough.Cookie): void {
    const domain = this.#domains.get(cookie.domain!);
    if (!domain?.delete(cookieKey(cookie.path!, cookie.key))) return;
    if (domain.size === 0) this.#domains.delete(cookie.domain!);
    const site = siteOf(cookie.domain!);
    const members = this.#sites.get(site)!;
    members.delete(cookie);
    this.#everyone.delete(cookie);
    if (members.size > 0) return;
    this.#sites.delete(site);
    this.#queues.delete(members);
  }

  /** Makes room within the limits; the cookie just added is never the one that leaves. */
  #evict(added: Tough.Cookie): void {
    const site = this.#sites.get(siteOf(added.domain!))!;
    this.#evictFrom(site, this.#limits.perSite, added);
    this.#evictFrom(this.#everyone, this.#limits.total, added);
  }

  #evictFrom(cookies: ReadonlySet<Tough.Cookie>, most: number, added: Tough.Cookie): void {
    while (cookies.size > most) {
      let queue = this.#queues.get(cookies);
      if (queue === undefined) this.#queues.set(cookies, queue = new EvictionQueue(cookies));
      const { domain, path, key } = queue.next(added, this.#now()) ?? added;
      this.remove(domain!, path!, key);
    }
  }
}

function createdAt(cookie: Tough.Cookie): number {
  return cookie.creation instanceof Date ? cookie.creation.getTime() : 0;
}
