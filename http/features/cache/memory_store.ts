/** Cached responses in memory. */
import { joinBytes } from "../../../internal/bytes.ts";
import type { CacheRecord } from "./record.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheWriter,
  isSameVariant,
  mostEntries,
  recordBytes,
} from "./store.ts";

interface MemoryEntry extends CacheEntry {
  record: CacheRecord;
  readonly chunks: readonly Uint8Array[];
}

/** Keeps responses for as long as the process lives. */
export class CacheMemoryStore implements CacheStore {
  /** Every method answers at once. */
  readonly synchronous = true;
  /** In order of use, the least recent first. */
  readonly #entries = new Map<string, MemoryEntry>();
  readonly #keys = new Map<string, MemoryEntry[]>();
  #bytes = 0;
  #count = 0;

  /** Bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Responses kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The responses stored for a URI, the newest first. */
  find(key: string): CacheEntry[] {
    return [...this.#keys.get(key) ?? []];
  }

  /** Begins to store a response. */
  open(): CacheWriter {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    const starts: number[] = [];
    let length = 0;
    let isCommitted = false;
    return {
      write: (chunk) => {
        chunks.push(chunk.slice());
        starts.push(length);
        length += chunk.length;
      },
      read: (position) => {
        let index = starts.length - 1;
        while (starts[index]! > position) index--;
        return chunks[index]!.slice(position - starts[index]!);
      },
      commit: (record) => {
        isCommitted = true;
        this.#add({ id: String(++this.#count), record, length, chunks });
      },
      discard: () => {
        if (!isCommitted) chunks.length = starts.length = length = 0;
      },
    };
  }

  /** Replaces what is known of a stored response. */
  update(entry: CacheEntry, record: CacheRecord): void {
    const known = this.#entries.get(entry.id);
    if (!known) return;
    this.#bytes += recordBytes(record) - recordBytes(known.record);
    known.record = record;
  }

  /** The body. */
  read(entry: CacheEntry): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const known = this.#entries.get(entry.id);
    if (!known) return null;
    if (known.chunks.length <= 1) return (known.chunks[0] ?? new Uint8Array(0)).slice();
    const rest = known.chunks.values();
    return new ReadableStream({
      pull(controller) {
        const { done, value } = rest.next();
        if (done) controller.close();
        else controller.enqueue(value.slice());
      },
    }, { highWaterMark: 0 });
  }

  /** The whole body at once. */
  readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> | null {
    const known = this.#entries.get(entry.id);
    return known ? joinBytes(known.chunks) : null;
  }

  /** Notes that a response was used. */
  touch(entry: CacheEntry): void {
    const known = this.#entries.get(entry.id);
    if (!known) return;
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, known);
  }

  /** Removes a response. */
  delete(entry: CacheEntry): void {
    const known = this.#entries.get(entry.id);
    if (!known) return;
    this.#entries.delete(known.id);
    this.#bytes -= known.length + recordBytes(known.record);
    const rest = this.#keys.get(known.record.key)!.filter((other) => other !== known);
    if (rest.length > 0) this.#keys.set(known.record.key, rest);
    else this.#keys.delete(known.record.key);
  }

  /** Removes the least recently used responses. */
  trim(maxBytes: number): void {
    for (const entry of this.#entries.values()) {
      if (this.#bytes <= maxBytes && this.#entries.size <= mostEntries) return;
      this.delete(entry);
    }
  }

  /** Removes everything. */
  clear(): void {
    this.#entries.clear();
    this.#keys.clear();
    this.#bytes = 0;
  }

  #add(entry: MemoryEntry): void {
    const siblings = this.#keys.get(entry.record.key) ?? [];
    for (const other of siblings) if (isSameVariant(other.record, entry.record)) this.delete(other);
    this.#entries.set(entry.id, entry);
    this.#keys.set(entry.record.key, [entry, ...this.#keys.get(entry.record.key) ?? []]);
    this.#bytes += entry.length + recordBytes(entry.record);
  }
}
