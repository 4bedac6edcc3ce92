/** Cached responses in a SQLite database, for many processes at once. */
import { checkPath, wholeLimit } from "../../internal/expected.ts";
import { builtin } from "../../internal/builtin_modules.ts";
import { joinBytes } from "../../internal/bytes.ts";
import {
  type CacheBody,
  type CacheEntry,
  type CacheStore,
  type CacheWriter,
  mostEntries,
  recordBytes,
  variantOf,
} from "../features/cache/store.ts";
import type { CacheRecord } from "../features/cache/record.ts";
import { inTransaction, leavingAlone, openPrivateDatabase, type SqliteDatabase } from "../storage/private_database.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Options of a `CacheSqliteStore`. */
export interface CacheSqliteStoreOptions {
  /**
   * Most bytes that all processes together keep: bodies, header fields and URIs.
   *
   * @default {268435456}
   */
  readonly maxBytes?: number | undefined;
}

/** Bytes of a body that are kept in memory until they are written as one piece. */
const PIECE = 256 << 10;
/** Bodies up to this size are read whole, so that nobody can take them away in between. */
const READ_AT_ONCE = 1 << 20;
/** A response that was removed can be read to its end for so long, in milliseconds. */
const GRACE = 60_000;
/** What a process that was killed has left half written is removed after this time. */
const ABANDONED = 3_600_000;
/** How long everybody is let through where a response could not be stored, in milliseconds. */
const OPEN_FOR = 5000;

const State = { WRITTEN: 0, STORED: 1, REMOVED: 2 } as const;

const SCHEMA = `BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS responses (id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, key TEXT NOT NULL,
  variant TEXT NOT NULL, record TEXT NOT NULL, length INTEGER NOT NULL, cost INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS responses_by_key ON responses (key, state);
CREATE INDEX IF NOT EXISTS responses_by_use ON responses (state, used);
CREATE TABLE IF NOT EXISTS pieces (response INTEGER NOT NULL, start INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS pieces_in_order ON pieces (response, start);
CREATE TABLE IF NOT EXISTS turns (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL,
  open INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS totals (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL, size INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS response_added AFTER INSERT ON responses WHEN new.state = 1 BEGIN
  UPDATE totals SET bytes = bytes + new.cost, size = size + 1; END;
CREATE TRIGGER IF NOT EXISTS response_changed AFTER UPDATE OF state, cost ON responses BEGIN
  UPDATE totals SET bytes = bytes + (new.state = 1) * new.cost - (old.state = 1) * old.cost,
    size = size + (new.state = 1) - (old.state = 1); END;
COMMIT`;

/**
 * Keeps responses in a SQLite database that many processes have open at once, readable by its owner only. What one has
 * stored another finds at once; of several that want the same, one goes to the server. A response is found when all of it
 * is written, so that a killed process leaves no half of one, and bodies are read and written in pieces. A database that
 * another process holds for two seconds is left alone for one: requests go on without the cache.
 *
 * Needs the runtime's own SQLite: `bun:sqlite` on Bun, `node:sqlite` on Deno and Node.
 *
 * @example One cache for all workers of a machine
 * ```ts
 * import { CacheSqliteStore, HttpCache } from "@gp11/gp11/http";
 * import { tmpdir } from "node:os";
 *
 * using cache = new HttpCache({ store: new CacheSqliteStore(`${tmpdir()}/http-cache-example.sqlite`) });
 * ```
 */
export class CacheSqliteStore implements CacheStore {
  /** Every method answers at once. */
  readonly synchronous = true;
  /** The database's path. */
  readonly path: string;
  /** Most bytes kept. */
  readonly maxBytes: number;
  readonly #owner = builtin.crypto.randomUUID();
  /** Responses that were used and when, until that is written with something else. */
  readonly #used = new Map<number, number>();
  readonly #guard = leavingAlone();
  #database: SqliteDatabase | null = null;
  #lastUse = 0;

  /**
   * Names the database; it is opened when it is needed.
   *
   * @throws {TypeError} For a path that is none.
   * @throws {RangeError} For a limit below 0.
   */
  constructor(path: string, options: CacheSqliteStoreOptions = {}) {
    this.path = checkPath("keep a cache", path);
    this.maxBytes = wholeLimit("maxBytes", options.maxBytes ?? 256 << 20);
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.#total("bytes");
  }

  /** Responses kept. */
  get size(): number {
    return this.#total("size");
  }

  /** The responses stored for a URI, the newest first. */
  find(key: string): CacheEntry[] {
    const select = "SELECT id, record, length FROM responses WHERE key = ? AND state = 1 ORDER BY id DESC";
    return this.#open().all(select, key).map(({ id, length, record }) => ({
      id: String(id),
      record: JSON.parse(String(record)) as CacheRecord,
      length: Number(length),
    }));
  }

  /** Begins to store a response. */
  open(): CacheWriter {
    const database = this.#open();
    const { path } = this;
    const keep = "UPDATE responses SET used = ? WHERE id = ? AND state = 0 RETURNING id";
    let response: number | null = null;
    let buffered: Uint8Array[] = [];
    let start = 0;
    let length = 0;
    let isCommitted = false;
    const flush = (): void => {
      if (length === start) return;
      const insert =
        "INSERT INTO responses (state, key, variant, record, length, cost, used) VALUES (?, '', '', '', 0, 0, ?)";
      if (response === null) {
        database.run(insert, State.WRITTEN, Date.now());
        response = Number(database.all("SELECT last_insert_rowid() AS id")[0]!["id"]);
      } else if (database.all(keep, Date.now(), response).length === 0) {
        throw new Error(`Cannot store a response in ${path}: it took so long that it was removed meanwhile`);
      }
      database.run("INSERT INTO pieces VALUES (?, ?, ?)", response, start, joinBytes(buffered));
      buffered = [];
      start = length;
    };
    return {
      write: (chunk) => {
        buffered.push(chunk.slice());
        length += chunk.length;
        if (length - start >= PIECE) inTransaction(database, flush);
      },
      commit: (record) => {
        isCommitted = true;
        inTransaction(database, () => {
          flush();
          this.#add(database, response, record, length);
        });
      },
      discard: () => {
        if (isCommitted || response === null) return;
        const unfinished = response;
        response = null;
        inTransaction(database, () => remove(database, "id = ?", unfinished));
      },
    };
  }

  /** Replaces what is known of a stored response. */
  update(entry: CacheEntry, record: CacheRecord): void {
    const update = "UPDATE responses SET record = ?, cost = length + ? WHERE id = ? AND state = 1";
    this.#open().run(update, JSON.stringify(record), recordBytes(record), Number(entry.id));
  }

  /** The body; a large one piece by piece. */
  read(entry: CacheEntry): CacheBody | null {
    if (entry.length <= READ_AT_ONCE) return this.readAll(entry);
    const id = Number(entry.id);
    let position = 0;
    const first = this.#piece(id, 0);
    if (first === null) return null;
    return new ReadableStream<Bytes>({
      pull: (controller) => {
        const piece = position === 0 ? first : this.#piece(id, position);
        if (piece === null) throw new Error(`Cannot read a cached response: ${entry.record.key} was removed meanwhile`);
        position += piece.length;
        controller.enqueue(piece);
        if (position >= entry.length) controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** The whole body at once. */
  readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> | null {
    const select = "SELECT bytes FROM pieces WHERE response = ? ORDER BY start";
    const pieces = this.#open().all(select, Number(entry.id)).map(({ bytes }) => bytes as Uint8Array);
    const body = joinBytes(pieces);
    return body.length === entry.length ? body : null;
  }

  /** Notes that a response was used. */
  touch(entry: CacheEntry): void {
    const id = Number(entry.id);
    this.#used.delete(id);
    this.#used.set(id, this.#now());
  }

  /** Removes a response; who reads it can read it to its end. */
  delete(entry: CacheEntry): void {
    const update = "UPDATE responses SET state = 2, used = ? WHERE id = ? AND state = 1";
    this.#open().run(update, Date.now(), Number(entry.id));
  }

  /** Removes the least recently used responses, and what nobody can need any more. */
  trim(maxBytes: number): void {
    const database = this.#open();
    const most = Math.min(maxBytes, this.maxBytes);
    const now = Date.now();
    inTransaction(database, () => {
      this.#noteUse(database);
      remove(database, "state = 2 AND used < ?", now - GRACE);
      remove(database, "state = 0 AND used < ?", now - ABANDONED);
      database.run("DELETE FROM turns WHERE until < ?", now);
      const oldest = "SELECT id, cost FROM responses WHERE state = 1 ORDER BY used, id LIMIT 100";
      let { bytes, size } = totals(database);
      while (size > 0 && (bytes > most || size > mostEntries)) {
        for (const { cost, id } of database.all(oldest)) {
          if (bytes <= most && size <= mostEntries) break;
          database.run("UPDATE responses SET state = 2, used = ? WHERE id = ?", now, Number(id));
          bytes -= Number(cost);
          size--;
        }
      }
    });
  }

  /** Removes everything. */
  clear(): void {
    const database = this.#open();
    inTransaction(database, () => {
      database.run("UPDATE responses SET state = 2, used = ? WHERE state = 1", Date.now());
      database.run("DELETE FROM turns");
    });
  }

  /** Asks for the turn to fetch what several processes want at the same time. */
  claim(key: string, milliseconds: number): boolean {
    const database = this.#open();
    const now = Date.now();
    const [turn] = database.all("SELECT until, open FROM turns WHERE key = ?", key);
    if (turn !== undefined && Number(turn["until"]) > now) return Number(turn["open"]) === 1;
    const take = `INSERT INTO turns VALUES (?, ?, ?, 0) ON CONFLICT (key) DO UPDATE
      SET owner = excluded.owner, until = excluded.until, open = 0 WHERE turns.until <= ? RETURNING key`;
    return database.all(take, key, this.#owner, now + milliseconds, now).length > 0;
  }

  /** Gives the turn back, or lets everybody through for a while. */
  release(key: string, open: boolean): void {
    const database = this.#open();
    if (!open) return database.run("DELETE FROM turns WHERE key = ? AND owner = ? AND open = 0", key, this.#owner);
    const update = "UPDATE turns SET open = 1, until = ? WHERE key = ? AND owner = ?";
    database.run(update, Date.now() + OPEN_FOR, key, this.#owner);
  }

  /** Closes the database; it is opened again when it is needed. */
  close(): void {
    const database = this.#database;
    this.#database = null;
    if (database === null) return;
    try {
      if (this.#used.size > 0) inTransaction(database, () => this.#noteUse(database));
    } finally {
      database.close();
    }
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The response is there from now on, and replaces the one that answers the same requests. */
  #add(database: SqliteDatabase, written: number | null, record: CacheRecord, length: number): void {
    const now = this.#now();
    const { key } = record;
    const variant = variantOf(record);
    const replace = "UPDATE responses SET state = 2, used = ? WHERE key = ? AND variant = ? AND state = 1";
    database.run(replace, now, key, variant);
    const values = [
      State.STORED,
      key,
      variant,
      JSON.stringify(record),
      length,
      length + recordBytes(record),
      now,
    ] as const;
    if (written === null) {
      const insert =
        "INSERT INTO responses (state, key, variant, record, length, cost, used) VALUES (?, ?, ?, ?, ?, ?, ?)";
      return database.run(insert, ...values);
    }
    const update =
      "UPDATE responses SET state = ?, key = ?, variant = ?, record = ?, length = ?, cost = ?, used = ? WHERE id = ?";
    database.run(update, ...values, written);
  }

  #noteUse(database: SqliteDatabase): void {
    for (const [id, used] of this.#used) {
      database.run("UPDATE responses SET used = ? WHERE id = ? AND state = 1", used, id);
    }
    this.#used.clear();
  }

  /** The time of a use: each later than the one before, also within a millisecond. */
  #now(): number {
    return this.#lastUse = Math.max(Date.now(), this.#lastUse + 1);
  }

  #piece(response: number, start: number): Bytes | null {
    const [row] = this.#open().all("SELECT bytes FROM pieces WHERE response = ? AND start = ?", response, start);
    return row === undefined ? null : new Uint8Array(row["bytes"] as Uint8Array);
  }

  #total(name: "bytes" | "size"): number {
    return totals(this.#open())[name];
  }

  #open(): SqliteDatabase {
    return this.#database ??= openPrivateDatabase(this.path, SCHEMA, this.#guard);
  }
}

function totals(database: SqliteDatabase): { bytes: number; size: number } {
  const [row] = database.all("SELECT bytes, size FROM totals");
  return { bytes: Number(row!["bytes"]), size: Number(row!["size"]) };
}

/** Removes responses with their pieces. */
function remove(database: SqliteDatabase, condition: string, value: number): void {
  database.run(`DELETE FROM pieces WHERE response IN (SELECT id FROM responses WHERE ${condition})`, value);
  database.run(`DELETE FROM responses WHERE ${condition}`, value);
}
