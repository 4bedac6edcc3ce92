/** The open sessions and the logins of a module's callers, where all threads of the process see them. */
import type { OpeningSession, SessionRegister } from "../../ffi/engine/session_register.ts";
import type { CallersMemory } from "./callers_memory.ts";

/**
 * What stands in an entry: nothing, a session, a login that is being tried, one that was made or found made, one of a
 * caller who leaves logins as PKCS#11 has them.
 */
export const ENTRY = { free: 0n, session: 1n, trying: 2n, login: 3n, uncounted: 4n } as const;

/** Words of an entry. */
const WORD = { kind: 0, slot: 1, handle: 2, words: 3 } as const;
/** Words of a chunk before its entries: the place of its caller, the caller's next chunk. */
const CHUNK = { owner: 0, next: 1, entries: 2 } as const;
const ENTRIES = 32;
const CHUNK_WORDS = CHUNK.entries + ENTRIES * WORD.words;
const CHUNKS = 512;
/** Words before the chunks: how many were ever used. */
const FIRST = 1;
/** Words the sessions of a module need. */
export const TABLE_SIZE: number = FIRST + CHUNKS * CHUNK_WORDS;

/** What is written down of a caller. */
export interface Entry {
  /** What it is. */
  readonly kind: bigint;
  /** The slot. */
  readonly slot: bigint;
  /** The handle of a session; 0 of one that was not opened. */
  readonly handle: bigint;
}

/** The entries of all callers, in chunks that each belong to one of them. */
export class SessionTable {
  /** The memory. */
  readonly words: CallersMemory;
  readonly #at: number;

  /** A table at a place in memory that is shared. */
  constructor(words: CallersMemory, at: number) {
    this.words = words;
    this.#at = at;
  }

  /** Takes a chunk for a caller; 0 where there is none left. Needs the lock. */
  take(owner: number, next: number): number {
    const used = Number(this.words.get(this.#at));
    let index = 0;
    let chunk = this.#at + FIRST;
    while (index < used && this.words.get(chunk + CHUNK.owner) !== 0n) {
      index++;
      chunk += CHUNK_WORDS;
    }
    if (index === CHUNKS) return 0;
    if (index === used) this.words.set(this.#at, BigInt(used + 1));
    for (let at = entryAt(chunk, 0); at < chunk + CHUNK_WORDS; at += WORD.words) {
      this.words.set(at + WORD.kind, ENTRY.free);
    }
    this.words.set(chunk + CHUNK.next, BigInt(next));
    this.words.set(chunk + CHUNK.owner, BigInt(owner));
    return chunk;
  }

  /** Gives a caller's chunks back, by the first of them. Needs the lock. */
  free(first: number): void {
    for (let chunk = first; chunk !== 0;) {
      const next = Number(this.words.get(chunk + CHUNK.next));
      this.words.set(chunk + CHUNK.owner, 0n);
      chunk = next;
    }
  }

  /** What is written down in a caller's chunks. */
  entries(first: number): Entry[] {
    const entries: Entry[] = [];
    for (let chunk = first; chunk !== 0; chunk = Number(this.words.get(chunk + CHUNK.next))) {
      const words = this.words.slice(entryAt(chunk, 0), ENTRIES * WORD.words);
      for (let at = 0; at < words.length; at += WORD.words) {
        const kind = words[at + WORD.kind]!;
        if (kind !== ENTRY.free) entries.push({ kind, slot: words[at + WORD.slot]!, handle: words[at + WORD.handle]! });
      }
    }
    return entries;
  }

  /** The logins that a caller is thought to have on a slot are over. Needs the lock. */
  endLogins(first: number, slot: bigint): void {
    for (let chunk = first; chunk !== 0; chunk = Number(this.words.get(chunk + CHUNK.next))) {
      for (let at = entryAt(chunk, 0); at < chunk + CHUNK_WORDS; at += WORD.words) {
        const kind = this.words.get(at + WORD.kind);
        const isLogin = kind === ENTRY.login || kind === ENTRY.uncounted;
        // His own thread gives the entry back.
        if (isLogin && this.words.get(at + WORD.slot) === slot) this.words.set(at + WORD.kind, ENTRY.trying);
      }
    }
  }
}

function entryAt(chunk: number, index: number): number {
  return chunk + CHUNK.entries + index * WORD.words;
}

/** How a caller gets chunks, and gives them back. */
export interface Chunks {
  /** A further chunk, the first one so far given; 0 where there is none left. */
  take(first: number): number;
  /** Gives all of them back. */
  free(first: number): void;
}

/** What is written down of one caller, by his own thread. */
export class CallerSessions implements SessionRegister {
  readonly #words: CallersMemory;
  readonly #chunks: Chunks;
  readonly #free: number[] = [];
  readonly #sessions = new Map<bigint, number>();
  readonly #logins = new Map<bigint, number>();
  #first = 0;
  /** Sessions that are being opened: the module may write their handles still. */
  #opening = 0;
  #closed = false;

  /** Nothing so far. */
  constructor(words: CallersMemory, chunks: Chunks) {
    this.#words = words;
    this.#chunks = chunks;
  }

  /** Writes a session down that is about to be opened. */
  begin(slot: bigint): OpeningSession | null {
    const at = this.#add(ENTRY.session, slot);
    if (at === null) return null;
    this.#opening++;
    return {
      address: this.#words.addressOf(at + WORD.handle),
      opened: (handle) => {
        if (handle !== undefined) this.#words.set(at + WORD.handle, handle);
        const session = handle ?? this.#words.get(at + WORD.handle);
        this.#sessions.set(session, at);
        this.#ended();
        return session;
      },
      failed: () => {
        this.#remove(at);
        this.#ended();
      },
    };
  }

  /** A session is about to be closed, or is another's from now on. */
  forget(session: bigint): void {
    const at = this.#sessions.get(session);
    if (at === undefined) return;
    this.#sessions.delete(session);
    this.#remove(at);
  }

  /** A login is about to be tried. */
  tryLogin(slot: bigint): void {
    if (this.#logins.has(slot)) return;
    const at = this.#add(ENTRY.trying, slot);
    if (at !== null) this.#logins.set(slot, at);
  }

  /** A login was made, or found made; `kind` says whether it is counted. */
  holdLogin(slot: bigint, kind: bigint): void {
    this.tryLogin(slot);
    const at = this.#logins.get(slot);
    if (at !== undefined) this.#words.set(at + WORD.kind, kind);
  }

  /** Whether the caller counts on a login that he has made or found made. */
  holdsLogin(slot: bigint): boolean {
    const at = this.#logins.get(slot);
    if (at === undefined) return false;
    const kind = this.#words.get(at + WORD.kind);
    return kind === ENTRY.login || kind === ENTRY.uncounted;
  }

  /** The login is over for the caller. */
  endLogin(slot: bigint): void {
    const at = this.#logins.get(slot);
    if (at === undefined) return;
    this.#logins.delete(slot);
    this.#remove(at);
  }

  /** Everything is over: the module was begun anew. */
  clear(): void {
    for (const entries of [this.#sessions, this.#logins]) {
      for (const at of entries.values()) this.#remove(at);
      entries.clear();
    }
  }

  /** The caller is gone: nothing is written down any more. */
  close(): void {
    this.#closed = true;
    if (this.#opening === 0) this.#giveBack();
  }

  #ended(): void {
    if (--this.#opening === 0 && this.#closed) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#first !== 0) this.#chunks.free(this.#first);
    this.#first = 0;
  }

  #add(kind: bigint, slot: bigint): number | null {
    if (this.#closed) return null;
    if (this.#free.length === 0 && !this.#extend()) return null;
    const at = this.#free.pop()!;
    this.#words.set(at + WORD.slot, slot);
    this.#words.set(at + WORD.handle, 0n);
    this.#words.set(at + WORD.kind, kind);
    return at;
  }

  #extend(): boolean {
    const chunk = this.#chunks.take(this.#first);
    if (chunk === 0) return false;
    this.#first = chunk;
    for (let index = ENTRIES - 1; index >= 0; index--) this.#free.push(entryAt(chunk, index));
    return true;
  }

  #remove(at: number): void {
    if (this.#first === 0) return;
    this.#words.set(at + WORD.kind, ENTRY.free);
    this.#free.push(at);
  }
}
