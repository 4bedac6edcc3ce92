/**
 * Responses of `session.fetch` that were handed out and hold their connections. As long as nobody reads one, those who
 * wait for a connection must not wait for it: perhaps it is read only when they have their own.
 *
 * @module
 */
import { clearInterval, setInterval } from "node:timers";
import type { ConnectionPool } from "../pool/connection_pool.ts";
import type { BodyReader, UnreadReaders } from "./body_reader.ts";

/** Milliseconds between two looks. */
const pace = 2;
/** Looks at which nobody reads a body before it counts as unread: one that is on its way may yet free its connection. */
const patience = 20;
/**
 * Connections of unread bodies that no limit counts. Below the descriptors a process usually has, and below the number
 * of requests that one runtime has under way at most.
 */
const mostParked = 200;

/** The unread responses of one session, by their readers. */
export class UnreadBodies implements UnreadReaders {
  readonly #pool: ConnectionPool;
  readonly #readers = new Set<BodyReader>();
  /** Those whose connections no limit counts, oldest first. */
  readonly #parked = new Set<BodyReader>();
  /** At how many looks in a row a body was not being read. */
  #idleLooks = new Map<BodyReader, number>();
  /** A program that leaves one body unread for another's sake is not given the time again. */
  #patience = patience;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  /** A response has been handed out. */
  add(reader: BodyReader): void {
    this.#readers.add(reader);
    if (this.#pool.isWaitedFor) this.watch();
  }

  /** Its body is over. */
  delete(reader: BodyReader): void {
    this.#readers.delete(reader);
    this.#parked.delete(reader);
  }

  /** Somebody waits for a connection: has an eye on the bodies for as long as that is so. */
  watch(): void {
    if (this.#timer === null && this.#readers.size > 0) this.#timer = setInterval(() => this.#look(), pace);
  }

  /** Ends the watch. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#idleLooks.clear();
    this.#patience = patience;
  }

  #look(): void {
    if (!this.#pool.isWaitedFor || this.#readers.size === 0) return this.close();
    const before = this.#idleLooks;
    this.#idleLooks = new Map();
    let isParked = false;
    for (const reader of [...this.#readers]) {
      const { connection } = reader.item;
      if (reader.isBeingRead || connection === null) continue;
      reader.readAhead();
      const looks = (before.get(reader) ?? 0) + 1;
      if (looks > this.#patience && this.#pool.park(connection)) {
        isParked = true;
        this.#parked.add(reader);
        if (this.#parked.size > mostParked) this.#giveOneUp();
      } else this.#idleLooks.set(reader, looks);
    }
    if (!isParked) return;
    this.#patience = 1;
    this.#pool.dispatch();
  }

  /** A program that never reads its responses must not use up all connections there are: it loses the oldest. */
  #giveOneUp(): void {
    for (const reader of this.#parked) if (reader.item.connection === null) this.#parked.delete(reader);
    if (this.#parked.size <= mostParked) return;
    const held = [...this.#parked].filter(({ isBeingRead }) => !isBeingRead);
    (held.find(({ isBegun }) => !isBegun) ?? held[0])?.giveUp(mostParked);
  }
}
