/** What keeps the responses of a cache. */
import type { CacheRecord } from "./record.ts";

/** A stored response. */
export interface CacheEntry {
  /** Identifies it within its store. */
  readonly id: string;
  /** What is known of it. */
  readonly record: CacheRecord;
  /** Bytes of its body. */
  readonly length: number;
}

/** Takes the body of a response that is being stored. What was written can be read back at once. */
export interface CacheWriter {
  /** Appends a piece of the body. */
  write(chunk: Uint8Array): void;
  /** A piece of what was written, from a position on. */
  read(position: number): Uint8Array<ArrayBuffer>;
  /** Makes the response findable. */
  commit(record: CacheRecord): void;
  /** Forgets what was written. Also frees what `read` needs after `commit`. */
  discard(): void;
}

/** Keeps responses. Every method is synchronous, so that synchronous requests can use the same store. */
export interface CacheStore {
  /** The responses stored for a URI, the newest first. */
  find(key: string): CacheEntry[];
  /** Begins to store a response. */
  open(): CacheWriter;
  /** Replaces what is known of a stored response, after a 304. */
  update(entry: CacheEntry, record: CacheRecord): void;
  /** The body, whole or as a stream; `null` when it is gone or damaged. */
  read(entry: CacheEntry): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** The whole body at once; `null` when it is gone or damaged. */
  readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> | null;
  /** Notes that a response was used. */
  touch(entry: CacheEntry): void;
  /** Removes a response. */
  delete(entry: CacheEntry): void;
  /** Removes the least recently used responses until no more than so many bytes are left. */
  trim(maxBytes: number): void;
  /** Removes everything. */
  clear(): void;
  /** Bytes kept: bodies, header fields and URIs. */
  readonly bytes: number;
  /** Responses kept. */
  readonly size: number;
  /** Frees what the store holds open. */
  close?(): void;
}

/** Most responses a store keeps, whatever their size. */
export const mostEntries = 20_000;

/** Bytes that count for a record. */
export function recordBytes(record: CacheRecord): number {
  let bytes = record.key.length;
  for (const [name, value] of record.headers) bytes += name.length + value.length;
  return bytes;
}

/** Whether two records answer exactly the same requests, so that the later replaces the earlier. */
export function isSameVariant(left: CacheRecord, right: CacheRecord): boolean {
  return left.authorization === right.authorization && JSON.stringify(left.vary) === JSON.stringify(right.vary);
}
