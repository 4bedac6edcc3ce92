/** The cookies of one jar in memory: found by host, counted by site, bounded; which of them leaves first. */
import { siteOf, type Tough } from "./rules.ts";
import { type Cookie, type CookieChange, cookieKey, snapshot } from "./cookie.ts";

/** A cookie, and the number its place in a queue was chosen by. */
interface Entry {
  readonly cookie: Tough.Cookie;
  readonly order: number;
}

type Before = (left: Entry, right: Entry) => boolean;

/** Entries of dead cookies that may pile up, besides as many as there are living ones. */
const MAX_REMOVED = 64;

/**
 * The cookies of a table or of a site in the order they leave in: expired ones, then those without Secure, then the
 * least recently used. The next one is found without looking at the others. A use moves a cookie back without a notice
 * to the queue, so an entry is compared with its cookie when its turn comes and takes its new place then.
 */
class EvictionQueue {
  readonly #byExpiry: Heap = new Heap((left, right) => left.order < right.order);
  readonly #byUse: Heap = new Heap(isUsedBefore);
  readonly #members: ReadonlySet<Tough.Cookie>;

  /** Makes a queue of what a set holds; what is added to it later is to be added here too. */
  constructor(members: ReadonlySet<Tough.Cookie>) {
    this.#members = members;
    this.#fill();
  }

  /** Adds a cookie, which is in the set already. */
  add(cookie: Tough.Cookie): void {
    if (this.#byUse.size >= 2 * this.#members.size + MAX_REMOVED) this.#fill();
    else this.#push(cookie);
  }

  /** The cookie that leaves next, other than `spared`; `null` when there is no other. It is taken out of the set by the caller. */
  next(spared: Tough.Cookie, now: number): Tough.Cookie | null {
    for (let entry = this.#byExpiry.first; entry !== null && entry.order <= now; entry = this.#byExpiry.first) {
      if (this.#members.has(entry.cookie) && entry.cookie !== spared) return entry.cookie;
      this.#byExpiry.shift();
    }
    let kept: Entry | null = null;
    let found: Tough.Cookie | null = null;
    for (let entry = this.#byUse.first; entry !== null; entry = this.#byUse.first) {
      const { cookie, order } = entry;
      const isMember = this.#members.has(cookie);
      if (isMember && cookie !== spared && order === usedAt(cookie)) {
        found = cookie;
        break;
      }
      this.#byUse.shift();
      if (cookie === spared) kept = entry;
      else if (isMember) this.#byUse.push(entryOf(cookie));
    }
    if (kept !== null) this.#byUse.push(kept);
    return found;
  }

  #fill(): void {
    this.#byExpiry.clear();
    this.#byUse.clear();
    for (const cookie of this.#members) this.#push(cookie);
  }

  #push(cookie: Tough.Cookie): void {
    this.#byUse.push(entryOf(cookie));
    if (cookie.expires instanceof Date) this.#byExpiry.push({ cookie, order: cookie.expires.getTime() });
  }
}

function entryOf(cookie: Tough.Cookie): Entry {
  return { cookie, order: usedAt(cookie) };
}

function usedAt(cookie: Tough.Cookie): number {
  return cookie.lastAccessed instanceof Date ? cookie.lastAccessed.getTime() : 0;
}

function isUsedBefore(left: Entry, right: Entry): boolean {
  if (left.cookie.secure !== right.cookie.secure) return right.cookie.secure;
  if (left.order !== right.order) return left.order < right.order;
  return left.cookie.creationIndex < right.cookie.creationIndex;
}

/** A binary heap: its first entry is found at once, others take their places in a logarithm of its size. */
class Heap {
  readonly #entries: Entry[] = [];
  readonly #before: Before;

  constructor(before: Before) {
    this.#before = before;
  }

  get size(): number {
    return this.#entries.length;
  }

  get first(): Entry | null {
    return this.#entries[0] ?? null;
  }

  clear(): void {
    this.#entries.length = 0;
  }

  push(entry: Entry): void {
    const entries = this.#entries;
    let place = entries.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#before(entry, entries[parent]!)) break;
      entries[place] = entries[parent]!;
      place = parent;
    }
    entries[place] = entry;
  }

  shift(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && this.#before(entries[child + 1]!, entries[child]!)) child++;
      if (!this.#before(entries[child]!, last)) break;
      entries[place] = entries[child]!;
      place = child;
    }
    entries[place] = last;
  }
}

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
