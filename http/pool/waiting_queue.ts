/**
 * Who waits for a connection: a list per host ordered by priority and age, and the order of the hosts among themselves.
 * Nothing here looks at every waiting entry.
 *
 * @module
 */
import type { Host } from "./host.ts";
import type { PoolEntry } from "./entry.ts";

const levels = 5;

interface Lane {
  first: PoolEntry | null;
  last: PoolEntry | null;
}

/** The waiting entries of one host: one first-in-first-out lane per priority. */
export class WaitingQueue {
  readonly #lanes: Lane[] = Array.from({ length: levels }, () => ({ first: null, last: null }));
  #head: PoolEntry | null = null;

  /** The entry that is next. */
  get head(): PoolEntry | null {
    return this.#head;
  }

  /** Files an entry at its place; true if it is now the next one. A restarted entry goes before younger ones. */
  insert(item: PoolEntry): boolean {
    const lane = this.#lanes[item.msg.priority]!;
    item.filedPriority = item.msg.priority;
    item.isWaiting = true;
    let before = lane.last;
    if (before !== null && before.sequence > item.sequence) {
      before = null;
      for (let entry = lane.first; entry !== null && entry.sequence < item.sequence; entry = entry.next) before = entry;
    }
    const after = before === null ? lane.first : before.next;
    item.previous = before;
    item.next = after;
    if (before === null) lane.first = item;
    else before.next = item;
    if (after === null) lane.last = item;
    else after.previous = item;
    this.#head = this.#findHead();
    return this.#head === item;
  }

  /** Takes an entry out. */
  remove(item: PoolEntry): void {
    const lane = this.#lanes[item.filedPriority]!;
    if (item.previous === null) lane.first = item.next;
    else item.previous.next = item.next;
    if (item.next === null) lane.last = item.previous;
    else item.next.previous = item.previous;
    item.previous = item.next = null;
    item.isWaiting = false;
    if (this.#head === item) this.#head = this.#findHead();
  }

  #findHead(): PoolEntry | null {
    for (let level = levels - 1; level >= 0; level--) {
      const first = this.#lanes[level]!.first;
      if (first !== null) return first;
    }
    return null;
  }
}

interface Place {
  readonly host: Host;
  readonly item: PoolEntry;
  readonly priority: number;
}

/** Hosts by their next entry, best first. A place is void once its entry is no longer the host's next. */
export class HostHeap {
  readonly #places: Place[] = [];

  /** Adds a host under its present next entry. */
  push(host: Host): void {
    const item = host.waiting.head;
    if (item === null) return;
    const places = this.#places;
    const place = { host, item, priority: item.filedPriority };
    if (places.length === 1 && places[0]!.item === item) return;
    let index = places.length;
    places.push(place);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(place, places[parent]!)) break;
      places[index] = places[parent]!;
      index = parent;
    }
    places[index] = place;
  }

  /** Takes the host whose next entry is the best; null when none waits. */
  pop(): Host | null {
    while (this.#places.length > 0) {
      const place = this.#takeFirst();
      if (
        place.item.isWaiting && place.host.waiting.head === place.item && place.item.filedPriority === place.priority
      ) {
        return place.host;
      }
    }
    return null;
  }

  #takeFirst(): Place {
    const places = this.#places;
    const first = places[0]!;
    const last = places.pop()!;
    const length = places.length;
    if (length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(places[child + 1]!, places[child]!)) child++;
      if (!isBefore(places[child]!, last)) break;
      places[index] = places[child]!;
      index = child;
    }
    places[index] = last;
    return first;
  }
}

function isBefore(left: Place, right: Place): boolean {
  return left.priority > right.priority ||
    (left.priority === right.priority && left.item.sequence < right.item.sequence);
}
