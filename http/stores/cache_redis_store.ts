/** Cached responses on a Redis server, for many processes and machines. */
import type { Buffer } from "node:buffer";
import { builtin } from "../../internal/builtin_modules.ts";
import { joinBytes } from "../../internal/bytes.ts";
import { wholeLimit } from "../../internal/expected.ts";
import { reportUncaught } from "../../internal/report_error.ts";
import {
  type CacheBody,
  type CacheEntry,
  type CacheStore,
  type CacheWriter,
  mostEntries,
  recordBytes,
  variantOf,
} from "../features/cache/store.ts";
import { type CacheRecord, isRecord } from "../features/cache/record.ts";
import { ADD, CLAIM, MOST_PIECES, READ, RELEASE, REMOVE, TOUCH, TRIM, UPDATE } from "./cache_redis_scripts.ts";
import { keyDigest, RedisLink, type RedisStoreOptions } from "./redis_link.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Options of a `CacheRedisStore`. */
export interface CacheRedisStoreOptions extends RedisStoreOptions {
  /** Largest body stored, in bytes; not more than 4 GiB. @default {8388608} */
  readonly maxBodyBytes?: number | undefined;
}

/** Bytes of a body in one key. */
const PIECE = 256 << 10;
/** Bodies up to this size are read whole, so that nobody can take them away in between. */
const READ_AT_ONCE = 1 << 20;
/** What is known of a response must be smaller: the variants of a URI are one value on the server. */
const LARGEST_RECORD = 128 << 10;
/** How long a response lives that nobody uses, in milliseconds: a week. */
const LIFETIME = 7 * 86_400_000;
/** A response that was removed can be read on for so long after each piece, in milliseconds. */
const GRACE = 60_000;
/** What a process that was killed has left half written lives so long, in milliseconds. */
const ABANDONED = 3_600_000;
/** How long everybody is let through where a response could not be stored, in milliseconds. */
const OPEN_FOR = 5000;

interface RedisEntry extends CacheEntry {
  readonly uri: string;
  readonly variant: string;
  readonly pieces: number;
}

/**
 * Keeps responses on a Redis or Valkey server, for as many processes and machines as use the same prefix there. What one
 * has stored another finds at once; of several that want the same, one goes to the server. Bodies are written and read in
 * pieces of 256 KiB, and a response is found when all of it is written. Every key expires: a response that nobody uses
 * after a week. A server that is slow, away or full costs no message: the cache goes on as if there were nothing, and
 * tells of it by `store-error`.
 *
 * It answers later, so that synchronous sends pass it by.
 *
 * @example One cache for all machines
 * ```ts
 * import { CacheRedisStore, HttpCache, HttpSession } from "@gp11/gp11/http";
 *
 * await using cache = new HttpCache({ store: new CacheRedisStore({ url: "redis://127.0.0.1:6379" }) });
 * cache.addEventListener("store-error", ({ error }) => console.warn("The cache is passed by:", error));
 * await using session = new HttpSession({ features: [cache] });
 * ```
 */
export class CacheRedisStore implements CacheStore {
  /** Every method answers later. */
  readonly synchronous = false;
  /** Largest body stored, in bytes. */
  readonly maxBodyBytes: number;
  readonly #link: RedisLink;
  readonly #base: string;
  readonly #owner = builtin.crypto.randomBytes(12).toString("base64url");
  #bytes = 0;
  #size = 0;

  /**
   * Names the server; it is connected to when it is needed.
   *
   * @throws {TypeError} Unless either a URL of a server or a client is given.
   * @throws {RangeError} For a limit below 0.
   */
  constructor(options: CacheRedisStoreOptions) {
    this.#link = new RedisLink("keep a cache in Redis", options);
    this.maxBodyBytes = Math.min(wholeLimit("maxBodyBytes", options.maxBodyBytes ?? 8 << 20), MOST_PIECES * PIECE);
    this.#base = `${this.#link.prefix}cache:`;
  }

  /** The server, without credentials; empty for a client of the program's own. */
  get address(): string {
    return this.#link.address;
  }

  /** What every key begins with. */
  get prefix(): string {
    return this.#link.prefix;
  }

  /** Bytes kept by all, as the server said last. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Responses kept by all, as the server said last. */
  get size(): number {
    return this.#size;
  }

  /** The responses stored for a URI, the newest first. */
  async find(key: string): Promise<CacheEntry[]> {
    const uri = keyDigest(key);
    const values = await this.#link.command("HVALS", this.#uriKey(uri)) as Buffer[];
    const found = values.flatMap((value) => readEntry(uri, String(value)) ?? [])
      .filter(({ entry }) => entry.record.key === key);
    return found.sort((left, right) => right.stored - left.stored).map(({ entry }) => entry);
  }

  /** Begins to store a response. */
  open(): CacheWriter {
    const id = builtin.crypto.randomBytes(16).toString("base64url");
    let buffered: Uint8Array[] = [];
    let waiting = 0;
    let pieces = 0;
    let length = 0;
    // A body that is read to its end is discarded while it is still being made findable.
    let state: "open" | "committed" | "discarded" = "open";
    const flush = async (least: number): Promise<void> => {
      if (waiting < least) return;
      const bytes = joinBytes(buffered);
      buffered = [];
      let start = 0;
      for (; bytes.length - start >= least && state !== "discarded"; start += PIECE) {
        const piece = bytes.subarray(start, start + PIECE);
        await this.#link.command("SET", this.#bodyKey(id, pieces++), piece, "PX", String(ABANDONED));
      }
      waiting = Math.max(0, bytes.length - start);
      if (waiting > 0) buffered.push(bytes.subarray(start));
    };
    const forget = async (): Promise<void> => {
      buffered = [];
      if (pieces > 0) await this.#link.command("UNLINK", ...this.#bodyKeys(id, 0, pieces));
    };
    return {
      write: (chunk) => {
        buffered.push(chunk.slice());
        waiting += chunk.length;
        length += chunk.length;
        return flush(PIECE);
      },
      commit: async (record) => {
        state = "committed";
        try {
          await flush(1);
          await this.#add(id, record, length, pieces);
        } catch (error) {
          await forget().catch(() => {}); // What could not be removed either expires.
          throw error;
        }
      },
      discard: async () => {
        if (state !== "open") return;
        state = "discarded";
        await forget();
      },
    };
  }

  /** Replaces what is known of a stored response. */
  async update(entry: CacheEntry, record: CacheRecord): Promise<void> {
    const { id, length, pieces, uri, variant } = entry as RedisEntry;
    const value = valueOf(id, variant, record, length, pieces);
    await this.#link.run(UPDATE, [this.#uriKey(uri)], ...this.#context(), uri, variant, id, value);
  }

  /** The body; a large one piece by piece. */
  async read(entry: CacheEntry): Promise<CacheBody | null> {
    const { id, length, pieces } = entry as RedisEntry;
    if (length === 0) return new Uint8Array(0);
    if (length <= READ_AT_ONCE) {
      const parts = await this.#link.command("MGET", ...this.#bodyKeys(id, 0, pieces)) as (Buffer | null)[];
      if (parts.includes(null)) return null;
      const body = joinBytes(parts as Buffer[]);
      return body.length === length ? body : null;
    }
    let position = 0;
    let piece = await this.#piece(id, 0, length);
    if (piece === null) return null;
    return new ReadableStream<Bytes>({
      pull: async (controller) => {
        if (position > 0) piece = await this.#piece(id, position, length);
        if (piece === null) {
          await this.delete(entry); // The next one gets it from the server again.
          throw new Error(`Cannot read a cached response: ${entry.record.key} was removed meanwhile`);
        }
        controller.enqueue(piece);
        if (++position === pieces) controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** Notes that a response was used. */
  async touch(entry: CacheEntry): Promise<void> {
    const { id, uri, variant } = entry as RedisEntry;
    await this.#link.run(TOUCH, [this.#uriKey(uri)], ...this.#context(), uri, variant, id);
  }

  /** Removes a response; who reads it can read it to its end. */
  async delete(entry: CacheEntry): Promise<void> {
    const { id, uri, variant } = entry as RedisEntry;
    await this.#link.run(REMOVE, [this.#uriKey(uri)], ...this.#context(), uri, variant, id);
  }

  /** Removes the least recently used responses. */
  async trim(maxBytes: number): Promise<void> {
    const most = String(Math.min(maxBytes, Number.MAX_SAFE_INTEGER));
    for (let isMore = true; isMore;) {
      const said = await this.#link.run(TRIM, [], ...this.#context(), most, String(mostEntries)) as number[];
      [this.#bytes, this.#size] = [said[0]!, said[1]!];
      isMore = said[2] === 1;
    }
  }

  /** Removes everything; who reads a body can read it to its end. */
  async clear(): Promise<void> {
    const link = this.#link;
    await link.forEachKey(`${this.#base}uri:`, (keys) => link.command("UNLINK", ...keys));
    await link.command("UNLINK", `${this.#base}used`, `${this.#base}bytes`);
    await link.forEachKey(`${this.#base}body:`, async (keys) => {
      for (const key of keys) await link.command("PEXPIRE", key, String(GRACE));
    });
    this.#bytes = this.#size = 0;
  }

  /** Asks for the turn to fetch what several processes want at the same time. */
  async claim(key: string, milliseconds: number): Promise<boolean> {
    return await this.#link.run(CLAIM, [this.#turnKey(key)], this.#owner, String(Math.ceil(milliseconds))) === 1;
  }

  /** Gives the turn back, or lets everybody through for a while. */
  async release(key: string, open: boolean): Promise<void> {
    await this.#link.run(RELEASE, [this.#turnKey(key)], this.#owner, String(open ? OPEN_FOR : 0));
  }

  /** Ends the connection, unless it is the program's own; another is made when it is needed. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Same as `close`, without waiting for it. */
  [Symbol.dispose](): void {
    this.close().catch(reportUncaught);
  }

  /** The response is there from now on, and replaces the one that answers the same requests. */
  async #add(id: string, record: CacheRecord, length: number, pieces: number): Promise<void> {
    const uri = keyDigest(record.key);
    const variant = keyDigest(variantOf(record));
    const value = valueOf(id, variant, record, length, pieces);
    const keys = [this.#uriKey(uri), ...this.#bodyKeys(id, 0, pieces)];
    const added = await this.#link.run(ADD, keys, ...this.#context(), uri, variant, value);
    if (added !== 1) throw new Error(`Cannot store a response: pieces of its body are gone: ${record.key}`);
  }

  /** A piece of a body; the rest of it stays for those who come from here. */
  async #piece(id: string, position: number, length: number): Promise<Bytes | null> {
    const keys = this.#bodyKeys(id, position, piecesOf(length));
    const bytes = await this.#link.run(READ, keys, String(GRACE)) as Buffer | null;
    return bytes?.length === Math.min(PIECE, length - position * PIECE) ? new Uint8Array(bytes) : null;
  }

  /** What each script is told first. */
  #context(): [string, string, string] {
    return [this.#base, String(LIFETIME), String(GRACE)];
  }

  #uriKey(uri: string): string {
    return `${this.#base}uri:${uri}`;
  }

  #turnKey(key: string): string {
    return `${this.#base}turn:${keyDigest(key)}`;
  }

  #bodyKey(id: string, piece: number): string {
    return `${this.#base}body:${id}:${piece}`;
  }

  #bodyKeys(id: string, from: number, to: number): string[] {
    return Array.from({ length: to - from }, (_, index) => this.#bodyKey(id, from + index));
  }
}

/** A response as the scripts and stores read it: a line of its own, then what is known of it. */
function valueOf(id: string, variant: string, record: CacheRecord, length: number, pieces: number): string {
  const json = JSON.stringify(record);
  if (json.length > LARGEST_RECORD) {
    throw new RangeError(`Cannot store a response: ${json.length} bytes of header fields`);
  }
  return `${id} ${length} ${pieces} ${length + recordBytes(record)} ${Date.now()} ${variant}\n${json}`;
}

/** Identifier, body's length, number of its pieces, cost, time and variant. */
const FIRST_LINE = /^([\w-]{22}) (\d{1,15}) (\d{1,15}) \d{1,15} (\d{1,15}) ([\w-]{22})$/;

/** A response, or null for what no store has written: others can write to the server, too. */
function readEntry(uri: string, value: string): { readonly entry: RedisEntry; readonly stored: number } | null {
  const end = value.indexOf("\n");
  const [, id, length, pieces, stored, variant] = FIRST_LINE.exec(value.slice(0, Math.max(end, 0))) ?? [];
  const known = { id: id!, length: Number(length), pieces: Number(pieces), uri, variant: variant! };
  if (known.pieces !== piecesOf(known.length) || known.pieces > MOST_PIECES) return null;
  const record = parsed(value.slice(end + 1));
  return isRecord(record, known.length) ? { entry: { ...known, record }, stored: Number(stored) } : null;
}

function parsed(json: string): unknown {
  if (json.length > LARGEST_RECORD) return null;
  try {
    return JSON.parse(json);
  } catch {
    return null; // No store has written it.
  }
}

/** In how many pieces a body is kept. */
function piecesOf(length: number): number {
  return Math.ceil(length / PIECE);
}
