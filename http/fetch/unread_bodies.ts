/**
 * Responses of `session.fetch` that were handed out and hold their connections. As long as nobody reads one, those who
 * wait for a connection must not wait for it: perhaps it is read only when they have their own.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import type { ConnectionPool } from "../pool/connection_pool.ts";
import type { BodyReader, UnreadReaders } from "./body_reader.ts";

/** Milliseconds between two count. */
const checkInterval = 2;
/** Checks that find nobody reading a body before it counts as unread: one that is still arriving may yet free its connection. */
const idleChecks = 20;
/**
 * Connections of unread bodies that no limit counts. Below the descriptors a process usually has, and below the number
 * of requests that one runtime has under way at most.
 */
const maxExcluded = 200;

/** The unread responses of one session, by their readers. */
export class UnreadBodies implements UnreadReaders {
  readonly #pool: ConnectionPool;
  readonly #readers = new Set<BodyReader>();
  /** Those whose connections no limit counts, oldest first. */
  readonly #excluded = new Set<BodyReader>();
  /** At how many count in a row a body was not being read. */
  #idleCounts = new Map<BodyReader, number>();
  /** One check is enough for a program that has left a body unread until it has another. */
  #neededIdleChecks = idleChecks;
  #timer: ReturnType<typeof builtin.timers.setInterval> | null = null;

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
    this.#excluded.delete(reader);
  }

  /** Somebody waits for a connection: checks the bodies as long as that is so. */
  watch(): void {
    if (this.#timer === null && this.#readers.size > 0) {
      this.#timer = builtin.timers.setInterval(() => this.#check(), checkInterval);
    }
  }

  /** Ends the checks. */
  close(): void {
    if (this.#timer !== null) builtin.timers.clearInterval(this.#timer);
    this.#timer = null;
    this.#idleCounts.clear();
    this.#neededIdleChecks = idleChecks;
  }

  #check(): void {
    if (!this.#pool.isWaitedFor || this.#readers.size === 0) return this.close();
    const before = this.#idleCounts;
    this.#idleCounts = new Map();
    let isAnyExcluded = false;
    for (const reader of [...this.#readers]) {
      const { connection } = reader.item;
      if (reader.isBeingRead || connection === null) continue;
      reader.readAhead();
      const count = (before.get(reader) ?? 0) + 1;
      if (count > this.#neededIdleChecks && this.#pool.excludeFromLimits(connection)) {
        isAnyExcluded = true;
        this.#excluded.add(reader);
        if (this.#excluded.size > maxExcluded) this.#giveOneUp();
      } else this.#idleCounts.set(reader, count);
    }
    if (!isAnyExcluded) return;
    this.#neededIdleChecks = 1;
    this.#pool.dispatch();
  }

  /** A program that never reads its responses must not use up all connections there are: it loses the oldest. */
  #giveOneUp(): void {
    for (const reader of this.#excluded) if (reader.item.connection === null) this.#excluded.delete(reader);
    if (this.#excluded.size <= maxExcluded) return;
    const held = [...this.#excluded].filter(({ isBeingRead }) => !isBeingRead);
    (held.find(({ isBegun }) => !isBegun) ?? held[0])?.giveUp(maxExcluded);
  }
}
