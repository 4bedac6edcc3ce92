/** The tables of HPACK (RFC 7541 §2.3 and Appendix A). */

/** A name and a value; every character is a byte. */
export type Field = readonly [name: string, value: string];

/** Bytes a peer keeps of each direction unless the other one has said something else (RFC 9113 §6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096;
/** What an entry costs besides its text (RFC 7541 §4.1). */
const OVERHEAD = 32;

/** Entries 1 to 61, in order. */
export const staticTable: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  ...["200", "204", "206", "304", "400", "404", "500"].map((status): Field => [":status", status]),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...[
    ...["accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization"],
    ...["cache-control", "content-disposition", "content-encoding", "content-language", "content-length"],
    ...["content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from"],
    ...["host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified"],
    ...["link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh"],
    ...["retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary"],
    ...["via", "www-authenticate"],
  ].map((name): Field => [name, ""]),
];

/** What a field counts against the size of a table, and of a header list. */
export function sizeOf([name, value]: Field): number {
  return name.length + value.length + OVERHEAD;
}

/** The entries that were added last: a ring, so that neither end is moved when one comes or goes. */
export class DynamicTable {
  #entries: (Field | undefined)[] = new Array(16).fill(undefined);
  #count = 0;
  #size = 0;
  #limit: number = DEFAULT_TABLE_SIZE;
  /** Entries ever added. */
  added = 0;
  /** Called with an entry that has no room any more, and its number. */
  onEvicted: ((field: Field, number: number) => void) | null = null;

  /** Entries that are there. */
  get count(): number {
    return this.#count;
  }

  /** Bytes it may take. */
  get limit(): number {
    return this.#limit;
  }

  /** An entry, 0 for the newest; undefined when there is none. */
  at(index: number): Field | undefined {
    return index < this.#count ? this.#entries[(this.added - 1 - index) % this.#entries.length] : undefined;
  }

  /** Adds an entry and drops as many old ones as it takes; one that is larger than the table empties it. */
  add(field: Field): void {
    const size = sizeOf(field);
    this.#evict(this.#limit - size);
    if (size > this.#limit) return;
    if (this.#count === this.#entries.length) this.#grow();
    this.#entries[this.added++ % this.#entries.length] = field;
    this.#count++;
    this.#size += size;
  }

  /** Changes how much it may take. */
  resize(limit: number): void {
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(room: number): void {
    while (this.#count > 0 && this.#size > room) {
      const number = this.added - this.#count;
      const field = this.#entries[number % this.#entries.length]!;
      this.#entries[number % this.#entries.length] = undefined;
      this.#count--;
      this.#size -= sizeOf(field);
      this.onEvicted?.(field, number);
    }
  }

  #grow(): void {
    const grown: (Field | undefined)[] = new Array(this.#entries.length * 2).fill(undefined);
    for (let number = this.added - this.#count; number < this.added; number++) {
      grown[number % grown.length] = this.#entries[number % this.#entries.length];
    }
    this.#entries = grown;
  }
}
