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
