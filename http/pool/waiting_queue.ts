/**
 * Who waits for a connection: a list per host ordered by priority and age, and the order of the hosts among themselves.
 * Nothing here looks at every waiting entry.
 *
 * @module
 */
import type { Host } from "./host.ts";
import type { PoolEntry } from "./entry.ts";

const levels = 5;

interface EntryList {
  first: PoolEntry | null;
  last: PoolEntry | null;
}

/** The waiting entries of one host: a first-in-first-out list for each priority. */
export class WaitingQueue {
  readonly #lists: EntryList[] = Array.from({ length: levels }, () => ({ first: null, last: null }));
  #head: PoolEntry | null = null;

  /** The entry that is next. */
  get head(): PoolEntry | null {
    return this.#head;
  }

  /** Files an entry at its place; true if it is now the next one. A restarted entry goes before younger ones. */
  insert(item: PoolEntry): boolean {
    const list = this.#lists[item.msg.priority]!;
    item.filedPriority = item.msg.priority;
    item.isWaiting = true;
    let before = list.last;
    if (before !== null && before.sequence > item.sequence) {
      before = null;
      for (let entry = list.first; entry !== null && entry.sequence < item.sequence; entry = entry.next) before = entry;
    }
    const after = before === null ? list.first : before.next;
    item.previous = before;
    item.next = after;
    if (before === null) list.first = item;
    else before.next = item;
    if (after === null) list.last = item;
    else after.previous = item;
    this.#head = this.#findHead();
    return this.#head === item;
  }

  /** Takes an entry out. */
  remove(item: PoolEntry): void {
    const list = this.#lists[item.filedPriority]!;
    if (item.previous === null) list.first = item.next;
    else item.previous.next = item.next;
    if (item.next === null) list.last = item.previous;
    else item.next.previous = item.previous;
    item.previous = item.next = null;
    item.isWaiting = false;
    if (this.#head === item) this.#head = this.#findHead();
  }

  #findHead(): PoolEntry | null {
    for (let level = levels - 1; level >= 0; level--) {
      const first = this.#lists[level]!.first;
      if (first !== null) return first;
    }
    return null;
  }
}

interface Position {
  readonly host: Host;
  readonly item: PoolEntry;
  readonly priority: number;
}

/** Hosts by their next entry, best first. A position is void once its entry is no longer the host's next. */
export class HostHeap {
  readonly #positions: Position[] = [];

  /** Adds a host under its present next entry. */
  push(host: Host): void {
    const item = host.waiting.head;
    if (item === null) return;
    const positions = this.#positions;
    const position = { host, item, priority: item.filedPriority };
    if (positions.length === 1 && isSame(positions[0]!, position)) return;
    let index = positions.length;
    positions.push(position);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(position, positions[parent]!)) break;
      positions[index] = positions[parent]!;
      index = parent;
    }
    positions[index] = position;
  }

  /** Takes the host whose next entry is the best; null when none waits. */
  pop(): Host | null {
    while (this.#positions.length > 0) {
      const position = this.#takeFirst();
      if (
        position.item.isWaiting && position.host.waiting.head === position.item &&
        position.item.filedPriority === position.priority
      ) {
        return position.host;
      }
    }
    return null;
  }

  #takeFirst(): Position {
    const positions = this.#positions;
    const first = positions[0]!;
    const last = positions.pop()!;
    const length = positions.length;
    if (length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(positions[child + 1]!, positions[child]!)) child++;
      if (!isBefore(positions[child]!, last)) break;
      positions[index] = positions[child]!;
      index = child;
    }
    positions[index] = last;
    return first;
  }
}

/** An entry that was filed anew, under another priority or with another host, needs another position. */
function isSame(one: Position, other: Position): boolean {
  return one.item === other.item && one.host === other.host && one.priority === other.priority;
}

function isBefore(left: Position, right: Position): boolean {
  return left.priority > right.priority ||
    (left.priority === right.priority && left.item.sequence < right.item.sequence);
}
