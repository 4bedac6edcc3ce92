/**
 * The entries on a session's queue.
 *
 * @module
 */
import type { QueueItem } from "./queue_item.ts";

/**
 * A set of entries without order, in one array. Entries come and go all the time, and a `Set` makes a new table every
 * few changes: dead tables in the old generation then keep finished messages alive until the next full collection.
 */
export class QueueItems {
  readonly #items: QueueItem[] = [];

  /** Number of entries. */
  get size(): number {
    return this.#items.length;
  }

  /** True if the entry is here. */
  has(item: QueueItem): boolean {
    return this.#items[item.index] === item;
  }

  /** Adds an entry. */
  add(item: QueueItem): void {
    item.index = this.#items.length;
    this.#items.push(item);
  }

  /** Takes an entry out. */
  delete(item: QueueItem): void {
    if (!this.has(item)) return;
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#items[item.index] = last;
      last.index = item.index;
    }
    item.index = -1;
  }

  /** The entries, oldest first. */
  byAge(): QueueItem[] {
    return [...this.#items].sort((left, right) => left.sequence - right.sequence);
  }
}
