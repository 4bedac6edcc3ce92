/**
 * A jar's cookies that other processes have, too: brought up to date before a message, told the store after it.
 *
 * @module
 */
import { StoreUse } from "../../contract/shared_store.ts";
import { type Cookie, type CookieChange, cookieKey, type SharedCookieStore, snapshot } from "./cookie.ts";
import { isCookieOf, siteOf, type Tough, toughCookie } from "./rules.ts";
import type { CookieTable } from "./cookie_table.ts";

/** What a shared jar tells the jar it belongs to. */
export interface SharedJarObserver {
  /** Other processes have changed cookies, which are changed here now. */
  changed(changes: readonly CookieChange[]): void;
  /** The store cannot be used. */
  failed(error: unknown): void;
}

/** A store's cookies of one site, as far as they are known here. */
interface Site {
  readonly name: string;
  version: string | null;
  /** What the store has not been told, by cookie. */
  pending: Map<string, CookieChange>;
  /** What is being done. */
  running: Promise<void> | null;
  /** Whether that has not begun with anything yet, so that it will see to all there is now. */
  isWaiting: boolean;
  /** What begins when that is over, for all who ask meanwhile. */
  next: Promise<void> | null;
}

/** Sites that are remembered; what is known of another is asked for again. */
const MOST_SITES = 1000;

/** The shared side of one jar. */
export class SharedJar {
  readonly #table: CookieTable;
  readonly #observer: SharedJarObserver;
  readonly #use: StoreUse<SharedCookieStore>;
  readonly #sites = new Map<string, Site>();
  /** How often all was to be removed, and how often the store has done that. */
  #clearings = 0;
  #cleared = 0;
  #clearing: Promise<void> | null = null;

  constructor(store: SharedCookieStore, table: CookieTable, observer: SharedJarObserver) {
    this.#table = table;
    this.#observer = observer;
    this.#use = new StoreUse(store, "the store of its cookies", (error) => observer.failed(error));
  }

  /** Brings the cookies of a site up to date, before they are sent. */
  async read(site: string): Promise<void> {
    await this.#use.forMessage(this.#synchronized(this.#site(site)), "connect");
  }

  /** Waits until the store has the cookies of a response. */
  async kept(site: string): Promise<void> {
    const known = this.#sites.get(site);
    if (known !== undefined && known.pending.size > 0) {
      await this.#use.forMessage(this.#synchronized(known), "response");
    }
  }

  /** Cookies have changed here; the store is told soon, and again until it has heard. */
  changed(changes: readonly CookieChange[]): void {
    const sites = new Set<Site>();
    for (const change of changes) {
      const cookie = (change.newCookie ?? change.oldCookie)!;
      const site = this.#site(siteOf(cookie.domain));
      site.pending.set(identityOf(cookie), change);
      sites.add(site);
    }
    for (const site of sites) this.#synchronized(site).catch(() => {}); // It is told where it fails.
  }

  /** Removes the cookies of all processes; a store that cannot be told now is told before anything else. */
  clear(): void {
    for (const site of this.#sites.values()) site.pending.clear();
    this.#clearings++;
    this.#use.told(() => this.#clearStore()).catch(() => {}); // It is told where it fails.
  }

  /** Resolves when the store has heard everything. */
  async flush(): Promise<void> {
    await this.#use.told(() => this.#clearStore());
    await Promise.all([...this.#sites.values()].map((site) => site.pending.size > 0 && this.#synchronized(site)));
  }

  /** Tells the store what it lacks, if that can be done, and frees it. */
  async close(): Promise<void> {
    await this.flush().catch(() => {}); // It is told where it fails.
    await this.#use.store.close?.();
  }

  /** Resolves when the store has removed what it was to remove. */
  async #clearStore(): Promise<void> {
    while (this.#cleared < this.#clearings) {
      const wanted = this.#clearings;
      await (this.#clearing ??= this.#use.store.clear().then(() => {
        this.#cleared = wanted;
      }).finally(() => this.#clearing = null));
    }
  }

  #site(name: string): Site {
    let site = this.#sites.get(name);
    if (site === undefined) {
      if (this.#sites.size >= MOST_SITES) this.#forgetSites();
      this.#sites.set(
        name,
        site = { name, version: null, pending: new Map(), running: null, isWaiting: false, next: null },
      );
    }
    return site;
  }

  #forgetSites(): void {
    for (const [name, site] of this.#sites) {
      if (site.running === null && site.pending.size === 0) this.#sites.delete(name);
    }
  }

  /** Resolves when the store has heard and told everything, as of now or later. */
  #synchronized(site: Site): Promise<void> {
    if (site.running === null) return this.#begin(site);
    if (site.isWaiting) return site.running;
    const next = (): Promise<void> => {
      site.next = null;
      return this.#synchronized(site);
    };
    return site.next ??= site.running.then(next, next);
  }

  #begin(site: Site): Promise<void> {
    site.isWaiting = true;
    const running = site.running = this.#use.told(() => this.#synchronize(site)).finally(() => site.running = null);
    return running;
  }

  async #synchronize(site: Site): Promise<void> {
    await this.#clearStore();
    await null; // All that is asked for in this turn is done in one.
    site.isWaiting = false;
    const told = new Map(site.pending);
    if (told.size > 0) {
      await this.#use.store.write(site.name, [...told.values()]);
      // What has changed again meanwhile is told the next time.
      for (const [identity, change] of told) if (site.pending.get(identity) === change) site.pending.delete(identity);
    }
    const found = await this.#use.store.read(site.name, site.version);
    if (found === null) return;
    const cookies = found.cookies.filter((cookie) => isCookieOf(site.name, cookie));
    const lost = found.isAnew ? this.#missingIn(cookies, site) : [];
    if (lost.length > 0) {
      await this.#use.store.write(site.name, lost);
      // The next time says what the store has after that.
      site.version = null;
      return;
    }
    site.version = found.version;
    this.#take(cookies, site);
  }

  /** What a store that began anew does not have of what it once had. */
  #missingIn(cookies: readonly Cookie[], site: Site): CookieChange[] {
    const present = new Set(cookies.map(identityOf));
    const own = [...this.#table.ofSite(site.name)].map(snapshot);
    const now = Date.now();
    const isMissing = (cookie: Cookie) =>
      !present.has(identityOf(cookie)) && (cookie.expires === null || cookie.expires.getTime() > now);
    return own.filter(isMissing).map((newCookie) => ({
      oldCookie: null,
      newCookie,
    }));
  }

  /** Makes the cookies of a site here what they are in the store, but for what that has not heard of yet. */
  #take(cookies: readonly Cookie[], site: Site): void {
    const table = this.#table;
    const present = new Map(cookies.map((cookie) => [identityOf(cookie), cookie]));
    for (const own of [...table.ofSite(site.name)].map(snapshot)) {
      const identity = identityOf(own);
      if (!present.has(identity) && !site.pending.has(identity)) table.remove(own.domain, own.path, own.name);
    }
    for (const [identity, cookie] of present) {
      if (site.pending.has(identity)) continue;
      const old = table.find(cookie.domain, cookie.path, cookie.name);
      if (old === undefined) table.putCookie(restored(cookie), () => {});
      else if (!isSame(snapshot(old), cookie)) table.updateCookie(old, restored(cookie), () => {});
    }
    this.#observer.changed(table.takeChanges());
  }
}

/** The library's cookie of a snapshot. */
export function restored(cookie: Cookie): Tough.Cookie {
  const { name, expires, lastAccess, ...rest } = cookie;
  const options = { ...rest, key: name, lastAccessed: lastAccess };
  return new (toughCookie().Cookie)(expires ? { ...options, expires } : options);
}

function identityOf({ domain, name, path }: Cookie): string {
  return `${domain};${cookieKey(path, name)}`;
}

function isSame(one: Cookie, other: Cookie): boolean {
  return one.value === other.value && one.expires?.getTime() === other.expires?.getTime() &&
    one.secure === other.secure && one.httpOnly === other.httpOnly && one.hostOnly === other.hostOnly &&
    one.sameSite === other.sameSite;
}
