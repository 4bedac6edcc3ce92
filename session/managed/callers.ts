import type { CallLock } from "../../ffi/runtime/native.ts";
import { threadMarks } from "../../ffi/workers/thread_marks.ts";
import {
  CallersLock,
  type CallersMemory,
  callersMemory,
  type CommonMemory,
  type Threads,
  threadsThrough,
} from "./callers_memory.ts";
import { CallerSessions, type Chunks, ENTRY, type Entry, SessionTable, TABLE_SIZE } from "./session_table.ts";

/**
 * By whom a caller's use is managed, which tells what its C_Finalize is: the module's own, or for libp11-kit that of the
 * wrapper it has made for the caller.
 */
export const ROAD = { gp11: 0n, p11Kit: 1n, unmanaged: 2n } as const;

/**
 * A place is free, has a caller, has a guest who may be in a call, a caller whose C_Finalize is still to be made, or one
 * who has died and whose sessions are still to be closed, or whose C_Finalize to be made.
 */
const STATE = { free: 0n, caller: 1n, guest: 2n, calling: 3n, left: 4n, dead: 5n } as const;

/**
 * Words before the places: how many places were ever used, how often the module was finalised, whether it is called one
 * at a time, which thread holds the lock, whether the last caller has closed it.
 */
const HEAD = { used: 0, finalised: 1, oneAtATime: 2, holder: 3, closing: 4, places: 5 } as const;
/** Words of a place. */
const PLACE = { state: 0, thread: 1, list: 2, road: 3, owner: 4, marks: 5, sessions: 6, life: 7, words: 8 } as const;
const PLACES = 2048;
const SESSIONS = HEAD.places + PLACES * PLACE.words;
/** Words the callers of a module need. */
export const CALLERS_SIZE: number = SESSIONS + TABLE_SIZE;

interface Place {
  readonly at: number;
  readonly state: bigint;
  readonly thread: number;
  readonly list: bigint;
  readonly road: bigint;
  readonly owner: boolean;
  /** Where his sessions and logins are written down; 0 where nothing is. */
  readonly sessions: number;
}

/** What a caller who has died left open. */
export interface Leftovers {
  /** His place. */
  readonly place: number;
  /** The functions he has called. */
  readonly list: bigint;
  /** His sessions and logins. */
  readonly entries: readonly Entry[];
}

function isHeld({ kind }: Entry): boolean {
  return kind === ENTRY.login || kind === ENTRY.uncounted;
}

/** Where the sessions of one caller are written down. */
export class CallerRegister extends CallerSessions {
  /** All callers of the module. */
  readonly callers: Callers;
  /** The caller's place. */
  readonly place: number;

  /** Nothing so far. */
  constructor(callers: Callers, place: number, words: CallersMemory, chunks: Chunks) {
    super(words, chunks);
    this.callers = callers;
    this.place = place;
  }
}

/**
 * The callers of one library in a process, by whatever road they have loaded it, in all copies of this package and all
 * threads: the module is finalised when the last of them has gone, by him. Each caller has a place in memory they share.
 */
export class Callers extends CallersLock {
  readonly #common: CommonMemory;
  readonly #words: CallersMemory;
  readonly #threads: Threads;
  readonly #table: SessionTable;

  /** Callers in memory that is shared; {@linkcode Callers.of} finds that of a library. */
  constructor(threads: Threads, common: CommonMemory) {
    const { words } = common;
    super(threads, words, HEAD.holder);
    this.#threads = threads;
    this.#common = common;
    this.#words = words;
    this.#table = new SessionTable(words, SESSIONS);
  }

  static readonly #known = new Map<string, Callers>();

  /**
   * The callers of a library.
   *
   * @param path A library to reach the C library through.
   * @param name What the library is known by in this process.
   * @param memory What another thread shares.
   */
  static of(path: string, name: string, memory?: SharedArrayBuffer): Callers {
    const known = Callers.#known.get(name);
    if (known !== undefined && (memory === undefined || known.memory === memory)) return known;
    const threads = threadsThrough(path);
    const callers = new Callers(threads, callersMemory(path, name, CALLERS_SIZE, threads, memory));
    Callers.#known.set(name, callers);
    return callers;
  }

  /** The memory, for other threads. */
  get memory(): SharedArrayBuffer {
    return this.#common.shared;
  }

  /** A lock for calls of a module that may be called by one thread at a time; `null` where there is none. */
  get callLock(): CallLock | null {
    return this.#words.callLock;
  }

  /** Whether the module may be called by one thread at a time. */
  get oneAtATime(): boolean {
    return this.#words.get(HEAD.oneAtATime) === 1n;
  }

  set oneAtATime(value: boolean) {
    this.#words.set(HEAD.oneAtATime, value ? 1n : 0n);
  }

  /** How often the module was finalised. */
  get finalised(): bigint {
    return this.#words.get(HEAD.finalised);
  }

  /** Whether the module's real C_Initialize was made by one of these callers himself, and not undone yet. */
  get begun(): boolean {
    return this.#places().some(({ road, owner }) => road !== ROAD.p11Kit && owner);
  }

  /** Whether it was made by one whose callers we count. */
  get owned(): boolean {
    return this.#places().some(({ road, owner }) => road === ROAD.gp11 && owner);
  }

  /**
   * Takes a place for a caller of this thread, before anything is initialised. Needs the lock.
   *
   * @throws {RangeError} when there is none left
   */
  enter(list: bigint, road: bigint): number {
    const used = Number(this.#words.get(HEAD.used));
    let at = HEAD.places;
    while (at < HEAD.places + used * PLACE.words && this.#words.get(at) !== STATE.free) at += PLACE.words;
    const index = (at - HEAD.places) / PLACE.words;
    if (index === PLACES) throw new RangeError(`Cannot add a caller of the module: it has ${PLACES} already`);
    if (index === used) this.#words.set(HEAD.used, BigInt(used + 1));
    this.#words.set(at + PLACE.thread, BigInt(this.#threads.self));
    this.#words.set(at + PLACE.list, list);
    this.#words.set(at + PLACE.road, road);
    this.#words.set(at + PLACE.owner, 0n);
    this.#words.set(at + PLACE.marks, threadMarks());
    this.#words.set(at + PLACE.sessions, 0n);
    this.#words.set(at + PLACE.life, this.finalised);
    this.#words.set(at + PLACE.state, STATE.caller);
    this.#words.set(HEAD.closing, 0n);
    return at;
  }

  /** Where the sessions of the caller at a place are written down, by this thread. */
  register(place: number): CallerRegister {
    return new CallerRegister(this, place, this.#words, {
      take: (first) =>
        this.exclusively(() => {
          const chunk = this.#table.take(place, first);
          if (chunk !== 0) this.#words.set(place + PLACE.sessions, BigInt(chunk));
          return chunk;
        }),
      free: (first) => this.exclusively(() => this.#table.free(first)),
    });
  }

  /** Whether a caller has died and left sessions open, or a login. */
  get hasLeftovers(): boolean {
    if (this.#threads.self === 0) return false;
    return this.#places(false).some((place) => this.#isLeft(place));
  }

  /** What callers who have died left open, while the module has not been finalised since. Needs the lock. */
  leftovers(): Leftovers[] {
    return this.#places().filter((place) => this.#isLeft(place)).map(({ at, list, sessions }) => ({
      place: at,
      list,
      entries: this.#isOver(at) ? [] : this.#table.entries(sessions),
    }));
  }

  /** What a caller has left open is closed. Needs the lock. */
  endLeftovers(place: number): void {
    this.#freeSessions(place);
    if (this.#words.get(place + PLACE.owner) === 0n) this.remove(place);
  }

  /** Whether a caller who lives, of any thread, counts on a login to a slot; `except` is left out. */
  hasLogin(slot: bigint, kinds: readonly bigint[], except = 0): boolean {
    return this.#others(except).some((entry) => kinds.includes(entry.kind) && entry.slot === slot);
  }

  /** Whether a caller who lives has a session on a slot; `except` is left out. */
  hasSession(slot: bigint, except: number): boolean {
    return this.#others(except).some((entry) => entry.kind === ENTRY.session && entry.slot === slot);
  }

  /** Whether a caller of this thread counts on a login to a slot. */
  hasLoginHere(slot: bigint): boolean {
    const here = this.#places(false).filter(({ thread, at }) => thread === this.#threads.self && !this.#isOver(at));
    return here.some(({ sessions }) => this.#entriesOn(sessions, slot).some(isHeld));
  }

  /** Whether a login to a slot was made in another thread, or is being tried there. */
  hasLoginElsewhere(slot: bigint): boolean {
    const there = this.#places(false).filter(({ thread, at }) => thread !== this.#threads.self && !this.#isOver(at));
    return there.some(({ sessions }) => this.#entriesOn(sessions, slot).some(({ kind }) => kind !== ENTRY.session));
  }

  #entriesOn(sessions: number, slot: bigint): Entry[] {
    return this.#table.entries(sessions).filter((entry) => entry.slot === slot);
  }

  /** A login has shown that the token had none: those that are written down for other callers are over. */
  endLogins(slot: bigint, except: number): void {
    this.exclusively(() => {
      for (const { at, sessions } of this.#places()) if (at !== except) this.#table.endLogins(sessions, slot);
    });
  }

  #others(except: number): Entry[] {
    return this.#places(false)
      .filter(({ at, state }) => at !== except && state !== STATE.left && state !== STATE.dead && !this.#isOver(at))
      .flatMap(({ sessions }) => this.#table.entries(sessions));
  }

  #isLeft({ state, sessions }: Place): boolean {
    return sessions !== 0 && state === STATE.dead;
  }

  /** Whether the module was finalised since a caller came: nothing of his is open. */
  #isOver(place: number): boolean {
    return this.#words.get(place + PLACE.life) !== this.finalised;
  }

  #freeSessions(place: number): void {
    this.#table.free(Number(this.#words.get(place + PLACE.sessions)));
    this.#words.set(place + PLACE.sessions, 0n);
  }

  /** The caller has initialised: its C_Finalize has to be made some day. Needs the lock. */
  own(place: number): void {
    this.#words.set(place + PLACE.owner, 1n);
  }

  /** The caller has found the module initialised and lets others decide when it ends. Needs the lock. */
  becomeGuest(place: number): void {
    this.#words.set(place + PLACE.state, STATE.guest);
  }

  /** The guest is in a call, or is no longer. Needs the lock. */
  setCalling(place: number, calling: boolean): void {
    this.#words.set(place + PLACE.state, calling ? STATE.calling : STATE.guest);
  }

  /** The caller is gone, nothing of his is left to be finalised. Needs the lock. */
  remove(place: number): void {
    this.#words.set(place + PLACE.state, STATE.free);
  }

  /**
   * The caller goes; {@linkcode Callers.takeDue} says what is to be finalised then. Needs the lock.
   *
   * @param never Whether the module is left initialised by him and those who went before.
   */
  leave(place: number, never: boolean): void {
    if (this.#words.get(place) === STATE.caller) this.#words.set(HEAD.closing, 1n);
    const left = this.#words.get(place + PLACE.owner) === 1n && !never;
    // His sessions are closed; what is written down of them he gives back himself.
    this.#words.set(place + PLACE.sessions, 0n);
    this.#words.set(place + PLACE.state, left ? STATE.left : STATE.free);
    if (!never) return;
    for (const { at, state, sessions } of this.#places()) {
      if (state === STATE.left || state === STATE.dead && sessions === 0) this.remove(at);
    }
  }

  /**
   * The function lists whose C_Finalize is to be made now, by whoever asks. A wrapper's ends only its own use while
   * libp11-kit has others; everything else waits until nobody is left. Guests do not count where the last caller has
   * closed the module; where his thread has died they keep it. Needs the lock.
   */
  takeDue(): bigint[] {
    const places = this.#places();
    const here = places.filter(({ state }) => state === STATE.caller || state === STATE.calling);
    if (here.some(({ state }) => state === STATE.caller)) this.#words.set(HEAD.closing, 0n);
    const isClosed = this.#words.get(HEAD.closing) === 1n || !places.some(({ state }) => state === STATE.guest);
    const ends = here.length === 0 && isClosed;
    const wrapped = here.some(({ road, owner }) => road === ROAD.p11Kit && owner);
    const due = places.filter(({ state, road, owner, sessions }) =>
      (state === STATE.left || state === STATE.dead && owner) &&
      (ends || wrapped && road === ROAD.p11Kit && sessions === 0)
    );
    for (const { at, sessions } of due) {
      if (sessions !== 0) this.#freeSessions(at);
      this.remove(at);
    }
    if (due.length > 0 && here.length === 0) {
      this.#words.set(HEAD.finalised, this.finalised + 1n);
      this.oneAtATime = false;
      this.#words.set(HEAD.closing, 0n);
    }
    return [...new Set(due.map(({ list }) => list))];
  }

  /**
   * The places in use, those of threads that have died given up.
   *
   * @param writes Whether that is written down, which needs the lock.
   */
  #places(writes = true): Place[] {
    const places: Place[] = [];
    const all = this.#words.slice(HEAD.places, Number(this.#words.get(HEAD.used)) * PLACE.words);
    for (let first = 0; first < all.length; first += PLACE.words) {
      const word = (name: Exclude<keyof typeof PLACE, "words">): bigint => all[first + PLACE[name]]!;
      let state = word("state");
      if (state === STATE.free) continue;
      const at = HEAD.places + first;
      const thread = Number(word("thread"));
      const owner = word("owner") === 1n;
      const sessions = Number(word("sessions"));
      if (state !== STATE.left && state !== STATE.dead && this.#isGone(thread, word("marks"))) {
        state = owner || sessions !== 0 ? STATE.dead : STATE.free;
        if (writes) this.#words.set(at, state);
        if (state === STATE.free) continue;
      }
      places.push({ at, state, thread, list: word("list"), road: word("road"), owner, sessions });
    }
    return places;
  }

  /** Whether a thread has died, and with it those that make its calls. */
  #isGone(thread: number, marks: bigint): boolean {
    return !this.#threads.isAlive(thread) && !this.#threads.anyAlive(marks);
  }
}
