/** A first-in, first-out queue from whose middle anything can be taken at once: an abort takes many out. */
export class Queue<T> {
  readonly #entries = new Set<T>();
  // One that is kept does not pass what was taken from the front again and again.
  #front: SetIterator<T> = this.#entries.values();

  /** How many wait: a number beside the set, as it is asked for in every call. */
  size = 0;

  /** Appends an entry. */
  add(entry: T): void {
    this.#entries.add(entry);
    this.size = this.#entries.size;
  }

  /** Takes an entry out. Returns whether it was there. */
  remove(entry: T): boolean {
    const removed = this.#entries.delete(entry);
    this.size = this.#entries.size;
    return removed;
  }

  /** Takes the first entry out; `undefined` where there is none. */
  shift(): T | undefined {
    while (this.size > 0) {
      const { done, value } = this.#front.next();
      if (done) {
        this.#front = this.#entries.values();
        continue;
      }
      this.remove(value);
      return value;
    }
    return undefined;
  }

  /** Takes everything out. */
  drain(): T[] {
    const entries = [...this.#entries];
    this.#entries.clear();
    this.size = 0;
    this.#front = this.#entries.values();
    return entries;
  }
}
