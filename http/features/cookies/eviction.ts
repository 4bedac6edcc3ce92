/** Which cookie leaves first when there are too many. */
import type { Tough } from "./tough.ts";

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
export class EvictionQueue {
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
