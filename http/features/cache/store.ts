/** What keeps the responses of a cache, and how a cache is made. */
import type { CacheRecord, PolicyOptions } from "./record.ts";
import { joinBytes } from "../../../internal/bytes.ts";
import { checkMethods, checkOwnOptions, type OptionNames, wholeLimit } from "../../../internal/expected.ts";
import type { StorageLimits } from "./stored_responses.ts";

/** A stored response. */
export interface CacheEntry {
  /** Identifies it within its store. */
  readonly id: string;
  /** What is known of it. */
  readonly record: CacheRecord;
  /** Bytes of its body. */
  readonly length: number;
}

/** Takes the body of a response that is being stored. */
export interface CacheWriter {
  /** Appends a piece of the body; the next one comes when this one is done with. */
  write(chunk: Uint8Array): void | Promise<void>;
  /**
   * A piece of what was written, from a position on, at once. Without it what the reader has not had yet is kept in
   * memory.
   */
  read?(position: number): Uint8Array<ArrayBuffer>;
  /** Makes the response findable, all of it or nothing. */
  commit(record: CacheRecord): void | Promise<void>;
  /** Forgets what was written. Also frees what `read` needs after `commit`. */
  discard(): void | Promise<void>;
}

/**
 * Keeps responses. Where a store is `synchronous` every method answers at once, and synchronous sends use it as well;
 * one that answers with promises is passed by in those. What a store throws costs no response: the cache tells of it and
 * goes on as if there were nothing.
 */
export interface CacheStore {
  /** Whether no method answers with a promise. @default {true} */
  readonly synchronous?: boolean | undefined;
  /** Largest body the store takes, in bytes. @default {Infinity} */
  readonly maxBodyBytes?: number | undefined;
  /** The responses stored for a URI, the newest first. */
  find(key: string): CacheEntry[] | Promise<CacheEntry[]>;
  /** Begins to store a response. */
  open(): CacheWriter | Promise<CacheWriter>;
  /** Replaces what is known of a stored response, after a 304. */
  update(entry: CacheEntry, record: CacheRecord): void | Promise<void>;
  /** The body, whole or as a stream; `null` when it is gone or damaged. */
  read(entry: CacheEntry): CacheBody | null | Promise<CacheBody | null>;
  /** The whole body at once; `null` when it is gone or damaged. For synchronous sends. */
  readAll?(entry: CacheEntry): Uint8Array<ArrayBuffer> | null;
  /** Notes that a response was used. */
  touch(entry: CacheEntry): void | Promise<void>;
  /** Removes a response. */
  delete(entry: CacheEntry): void | Promise<void>;
  /** Removes the least recently used responses until no more than so many bytes are left. */
  trim(maxBytes: number): void | Promise<void>;
  /** Removes everything. */
  clear(): void | Promise<void>;
  /**
   * Asks for the turn to fetch what several processes want at the same time; true for the one who has it, for at most so
   * many milliseconds. Stores of one process have no such thing.
   */
  claim?(key: string, milliseconds: number): boolean | Promise<boolean>;
  /** Gives the turn back; `open` lets everybody through for a while, as the response could not be stored. */
  release?(key: string, open: boolean): void | Promise<void>;
  /** Bytes kept: bodies, header fields and URIs; of a store elsewhere, as it said last. */
  readonly bytes: number;
  /** Responses kept; of a store elsewhere, as it said last. */
  readonly size: number;
  /** Frees what the store holds open. */
  close?(): void | Promise<void>;
}

/** A stored body. */
export type CacheBody = Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;

/** Most responses a store keeps, whatever their size. */
export const mostEntries = 20_000;

/** Bytes that count for a record. */
export function recordBytes(record: CacheRecord): number {
  let bytes = record.key.length;
  for (const [name, value] of record.headers) bytes += name.length + value.length;
  return bytes;
}

/** What distinguishes the responses for one URI: of two with the same the later replaces the earlier. */
export function variantOf({ authorization, vary }: CacheRecord): string {
  return JSON.stringify([authorization, vary]);
}

/** Whether two records answer exactly the same requests, so that the later replaces the earlier. */
export function isSameVariant(left: CacheRecord, right: CacheRecord): boolean {
  return variantOf(left) === variantOf(right);
}

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

/** Options of an `HttpCache`. */
export interface HttpCacheOptions {
  /** Whether several users share the cache: `private` responses are then not stored, and `s-maxage` counts. @default {false} */
  readonly shared?: boolean | undefined;
  /** Most bytes kept: bodies, header fields and URIs. @default {67108864} */
  readonly maxBytes?: number | undefined;
  /** Largest body stored, in bytes; by default an eighth of `maxBytes` but at least a MiB. */
  readonly maxEntryBytes?: number | undefined;
  /** What keeps the responses. @default {new CacheMemoryStore()} */
  readonly store?: CacheStore | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

const optionNames: OptionNames<HttpCacheOptions> = {
  shared: true,
  maxBytes: true,
  maxEntryBytes: true,
  store: true,
  now: true,
};

/** What a cache asks of every store. */
const METHODS: readonly (keyof CacheStore)[] = ["find", "open", "update", "read", "touch", "delete", "trim", "clear"];

/**
 * The options with their defaults.
 *
 * @throws {TypeError} For a store that is none of responses.
 */
export function readCacheOptions(
  options: HttpCacheOptions,
): { readonly store: CacheStore; readonly policy: PolicyOptions; readonly limits: StorageLimits } {
  checkOwnOptions("make a HttpCache", options, optionNames, ["now"]);
  const { shared = false, now = Date.now } = options;
  const store: CacheStore = options.store ?? new CacheMemoryStore();
  checkMethods("make a HttpCache", store, "a store of responses", METHODS);
  const maxBytes = wholeLimit("maxBytes", options.maxBytes ?? 64 << 20);
  const { maxEntryBytes = Math.min(maxBytes, Math.max(Math.floor(maxBytes / 8), 1 << 20)) } = options;
  const entryBytes = Math.min(wholeLimit("maxEntryBytes", maxEntryBytes), store.maxBodyBytes ?? Infinity);
  const limits = { bytes: maxBytes, entryBytes };
  return { store, policy: { shared, now }, limits };
}
