/** Cached responses in a directory. */
import { checkPath } from "../../../internal/expected.ts";
import type { Hash } from "node:crypto";
import { builtin } from "../../../internal/builtin_modules.ts";
import { isNotFound, removeIfPresent, replaceFile, writeAll } from "../../storage/atomic_file.ts";
import type { CacheRecord } from "./record.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheWriter,
  isSameVariant,
  mostEntries,
  recordBytes,
} from "./store.ts";

type Chunk = Uint8Array<ArrayBuffer>;

interface FileEntry extends CacheEntry {
  record: CacheRecord;
  readonly digest: string;
  /** Bytes that count. */
  cost: number;
}

/** What the index knows of a file before it is read. */
interface Slot {
  readonly id: string;
  readonly keyDigest: string;
  cost: number;
  usedAt: number;
  entry: FileEntry | null;
}

const META = /^([0-9a-f]{32})-([0-9a-f]{16})\.meta$/;
const PIECE = 65_536;
/** Bodies up to this size are read and checked before any of them is used. */
const READ_AT_ONCE = 1 << 20;
/** Files that a process which was killed left behind are removed after this time. */
const ABANDONED_MS = 3_600_000;

/** Closes the files of bodies that nobody reads to their end. */
const unread = new FinalizationRegistry<{ file: number | null }>((held) => {
  if (held.file !== null) builtin.fs.closeSync(held.file);
});

/**
 * Keeps responses in a directory of its own, readable by its owner only. A body is written beside its place and moved
 * there when it is complete, the fields that describe it follow; both carry checksums, so that neither a killed process
 * nor a damaged disk makes a wrong answer. One process at a time may use a directory.
 *
 * @example A cache that outlives the program
 * ```ts
 * import { CacheFileStore, HttpCache } from "@gp11/gp11/http";
 * import { tmpdir } from "node:os";
 *
 * using cache = new HttpCache({ store: new CacheFileStore(`${tmpdir()}/http-cache-example`), maxBytes: 1 << 30 });
 * ```
 */
export class CacheFileStore implements CacheStore {
  /** Every method answers at once. */
  readonly synchronous = true;
  /** The directory's path. */
  readonly path: string;
  #slots: Map<string, Slot> | null = null;
  readonly #keys = new Map<string, Set<Slot>>();
  #bytes = 0;

  /** Names the directory; it is made when the first response is stored. */
  constructor(path: string) {
    this.path = checkPath("keep a cache", path);
  }

  /** Bytes kept. */
  get bytes(): number {
    this.#index();
    return this.#bytes;
  }

  /** Responses kept. */
  get size(): number {
    return this.#index().size;
  }

  /** The responses stored for a URI, the newest first. */
  find(key: string): CacheEntry[] {
    this.#index();
    const slots = [...this.#keys.get(digestOf(key)) ?? []].reverse();
    return slots.map((slot) => this.#load(slot)).filter((entry) =>
      entry !== null && entry.record.key === key
    ) as FileEntry[];
  }

  /** Begins to store a response. */
  open(): CacheWriter {
    this.#index();
    builtin.fs.mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const id = builtin.crypto.randomBytes(8).toString("hex");
    const temporary = builtin.path.join(this.path, `${id}.part`);
    const held = { file: builtin.fs.openSync(temporary, "wx+", 0o600) as number | null };
    const hash = builtin.crypto.createHash("sha256");
    let length = 0;
    let isCommitted = false;
    const writer: CacheWriter = {
      write: (chunk) => {
        writeAll(held.file!, chunk);
        hash.update(chunk);
        length += chunk.length;
      },
      read: (position) => readPiece(held.file!, position, length - position),
      commit: (record) => {
        isCommitted = true;
        builtin.fs.renameSync(temporary, this.#bodyPath(id));
        this.#add(id, record, length, hash.digest("hex"));
      },
      discard: () => {
        if (held.file !== null) builtin.fs.closeSync(held.file);
        held.file = null;
        if (!isCommitted) removeIfPresent(temporary);
      },
    };
    unread.register(writer, held);
    return writer;
  }

  /** Replaces what is known of a stored response. */
  update(entry: CacheEntry, record: CacheRecord): void {
    const slot = this.#index().get(entry.id);
    if (!slot?.entry) return;
    const cost = slot.entry.length + recordBytes(record);
    this.#bytes += cost - slot.cost;
    slot.cost = slot.entry.cost = cost;
    slot.entry.record = record;
    this.#writeMeta(slot, slot.entry);
  }

  /** The body; a damaged one is removed. */
  read(entry: CacheEntry): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const slot = this.#index().get(entry.id);
    const known = slot?.entry;
    if (!slot || !known) return null;
    try {
      if (known.length > READ_AT_ONCE) return this.#stream(slot, known);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#remove(slot);
      return null;
    }
    return this.readAll(entry);
  }

  /** The whole body at once; a damaged one is removed. */
  readAll(entry: CacheEntry): Uint8Array<ArrayBuffer> | null {
    const slot = this.#index().get(entry.id);
    const known = slot?.entry;
    if (!slot || !known) return null;
    try {
      const body = new Uint8Array(builtin.fs.readFileSync(this.#bodyPath(slot.id)));
      if (body.length === known.length && sha256(body) === known.digest) return body;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#remove(slot);
    return null;
  }

  /** Notes that a response was used. */
  touch(entry: CacheEntry): void {
    const slot = this.#index().get(entry.id);
    if (!slot) return;
    const now = Date.now();
    // The order within one process is exact; the one on the disk need not be.
    if (now - slot.usedAt > 60_000) this.#setTime(slot, now);
    slot.usedAt = now;
    this.#slots!.delete(slot.id);
    this.#slots!.set(slot.id, slot);
  }

  /** Removes a response. */
  delete(entry: CacheEntry): void {
    const slot = this.#index().get(entry.id);
    if (slot) this.#remove(slot);
  }

  /** Removes the least recently used responses. */
  trim(maxBytes: number): void {
    for (const slot of this.#index().values()) {
      if (this.#bytes <= maxBytes && this.#slots!.size <= mostEntries) return;
      this.#remove(slot);
    }
  }

  /** Removes everything. */
  clear(): void {
    for (const slot of [...this.#index().values()]) this.#remove(slot);
  }

  /** Reads the directory once: names and times only, what is in the files is read when it is asked for. */
  #index(): Map<string, Slot> {
    if (this.#slots) return this.#slots;
    this.#slots = new Map();
    const found: Slot[] = [];
    const bodies = new Map<string, number>();
    for (const name of this.#names()) {
      const match = META.exec(name);
      const { size, mtimeMs } = builtin.fs.statSync(builtin.path.join(this.path, name), { throwIfNoEntry: false }) ??
        { size: 0, mtimeMs: 0 };
      if (match) found.push({ id: match[2]!, keyDigest: match[1]!, cost: size, usedAt: mtimeMs, entry: null });
      else if (name.endsWith(".body")) bodies.set(name.slice(0, -5), size);
      else if (Date.now() - mtimeMs > ABANDONED_MS && /\.(part|tmp)$/.test(name)) {
        removeIfPresent(builtin.path.join(this.path, name));
      }
    }
    for (const slot of found.sort((left, right) => left.usedAt - right.usedAt)) {
      const size = bodies.get(slot.id);
      if (size === undefined) {
        removeIfPresent(this.#metaPath(slot));
        continue;
      }
      bodies.delete(slot.id);
      slot.cost += size;
      this.#insert(slot);
    }
    for (const id of bodies.keys()) removeIfPresent(this.#bodyPath(id));
    return this.#slots;
  }

  #names(): string[] {
    try {
      return builtin.fs.readdirSync(this.path);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  #insert(slot: Slot): void {
    this.#slots!.set(slot.id, slot);
    const siblings = this.#keys.get(slot.keyDigest) ?? new Set<Slot>();
    siblings.add(slot);
    this.#keys.set(slot.keyDigest, siblings);
    this.#bytes += slot.cost;
  }

  #add(id: string, record: CacheRecord, length: number, digest: string): void {
    const cost = length + recordBytes(record);
    const entry: FileEntry = { id, record, length, digest, cost };
    const slot: Slot = { id, keyDigest: digestOf(record.key), cost, usedAt: Date.now(), entry };
    const replaced = this.find(record.key).filter((other) => isSameVariant(other.record, record));
    this.#writeMeta(slot, entry);
    this.#insert(slot);
    for (const other of replaced) this.delete(other);
  }

  #remove(slot: Slot): void {
    if (!this.#slots!.delete(slot.id)) return;
    const siblings = this.#keys.get(slot.keyDigest)!;
    siblings.delete(slot);
    if (siblings.size === 0) this.#keys.delete(slot.keyDigest);
    this.#bytes -= slot.cost;
    removeIfPresent(this.#metaPath(slot));
    removeIfPresent(this.#bodyPath(slot.id));
  }

  #writeMeta(slot: Slot, { record, length, digest }: FileEntry): void {
    const json = JSON.stringify({ record, length, digest });
    replaceFile(this.#metaPath(slot), `${sha256(new TextEncoder().encode(json))}\n${json}`, { durable: false });
  }

  /** What a file says of its response; a damaged one is removed. */
  #load(slot: Slot): FileEntry | null {
    if (slot.entry) return slot.entry;
    try {
      const [checksum, json = ""] = builtin.fs.readFileSync(this.#metaPath(slot), "utf8").split("\n", 2);
      if (sha256(new TextEncoder().encode(json)) === checksum) {
        const { record, length, digest } = JSON.parse(json) as Pick<FileEntry, "record" | "length" | "digest">;
        const cost = length + recordBytes(record);
        this.#bytes += cost - slot.cost;
        slot.cost = cost;
        return slot.entry = { id: slot.id, record, length, digest, cost };
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#remove(slot);
    return null;
  }

  /** A large body piece by piece. The file is open from now on, so that nobody can take it away. */
  #stream(slot: Slot, { length, digest }: FileEntry): ReadableStream<Chunk> | null {
    const held = { file: builtin.fs.openSync(this.#bodyPath(slot.id), "r") as number | null };
    const hash: Hash = builtin.crypto.createHash("sha256");
    let position = 0;
    const close = () => {
      if (held.file !== null) builtin.fs.closeSync(held.file);
      held.file = null;
    };
    const stream = new ReadableStream<Chunk>({
      pull: (controller) => {
        const piece = readPiece(held.file!, position, length - position);
        position += piece.length;
        hash.update(piece);
        if (piece.length > 0 && position < length) return controller.enqueue(piece);
        close();
        if (position === length && hash.digest("hex") === digest) {
          controller.enqueue(piece);
          controller.close();
        } else {
          this.#remove(slot);
          throw new Error(`Cannot read a cached response: ${slot.id} in ${this.path} is damaged`);
        }
      },
      cancel: close,
    }, { highWaterMark: 0 });
    unread.register(stream, held);
    return stream;
  }

  #setTime(slot: Slot, now: number): void {
    try {
      builtin.fs.utimesSync(this.#metaPath(slot), now / 1000, now / 1000);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #metaPath(slot: Slot): string {
    return builtin.path.join(this.path, `${slot.keyDigest}-${slot.id}.meta`);
  }

  #bodyPath(id: string): string {
    return builtin.path.join(this.path, `${id}.body`);
  }
}

function readPiece(file: number, position: number, left: number): Chunk {
  const piece = new Uint8Array(Math.min(PIECE, Math.max(left, 0)));
  return piece.subarray(0, builtin.fs.readSync(file, piece, 0, piece.length, position));
}

function sha256(bytes: Uint8Array): string {
  return builtin.crypto.createHash("sha256").update(bytes).digest("hex");
}

/** The part of a file's name that stands for a URI. */
function digestOf(key: string): string {
  return builtin.crypto.createHash("sha256").update(key).digest("hex").slice(0, 32);
}
