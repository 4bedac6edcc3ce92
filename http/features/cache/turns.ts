/**
 * Whose turn it is to ask the server: one of the equal requests of this process, and of those of all processes that have
 * the store in common (RFC 9111 §4).
 *
 * @module
 */
import type { RecordedBody } from "./response_recorder.ts";
import { settled, type Steps, wait } from "../../contract/blocking.ts";
import type { StoredResponses } from "./stored_responses.ts";

/** A request on its way to the server, for whose response others wait. */
export class LeadingRequest {
  /** What makes requests equal. */
  readonly key: string;
  /** Resolves when waiting is over: the response is stored, or it never will be. */
  readonly over: Promise<void>;
  /** How many wait. */
  waiting = 0;
  #body: RecordedBody | null = null;
  #end: () => void = () => {};

  constructor(key: string) {
    this.key = key;
    this.over = new Promise((resolve) => this.#end = resolve);
  }

  /** True while the body is being stored. */
  get isStoring(): boolean {
    return this.#body !== null;
  }

  /** The body is being stored from now on; those who wait need not wait for its reader. */
  store(body: RecordedBody): void {
    this.#body = body;
    if (this.waiting > 0) void body.drain();
  }

  /** Waits until waiting is over, at most for so long. */
  async join(milliseconds: number): Promise<void> {
    this.waiting++;
    void this.#body?.drain();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeIsUp = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
    try {
      await Promise.race([this.over, timeIsUp]);
    } finally {
      clearTimeout(timer);
      this.waiting--;
    }
  }

  /** Lets those who wait go on. */
  end(): void {
    this.#end();
  }
}

/** The requests on their way to the server. */
class CollapsedRequests {
  readonly #byKey = new Map<string, LeadingRequest>();

  /** The one of equal requests that is on its way, if there is one. */
  get(key: string): LeadingRequest | null {
    return this.#byKey.get(key) ?? null;
  }

  /** A request goes to the server. */
  begin(key: string): LeadingRequest {
    const request = new LeadingRequest(key);
    this.#byKey.set(key, request);
    return request;
  }

  /** Nobody need wait for a request any more. */
  end(request: LeadingRequest): void {
    if (this.#byKey.get(request.key) === request) this.#byKey.delete(request.key);
    request.end();
  }
}

/** The longest a request waits for one of another process, in milliseconds; a turn ends by itself after as long. */
const LONGEST_TURN = 1000;
/** Milliseconds between two looks whether the other process is done. */
const PACES: readonly number[] = [5, 10, 20, 40];

/** The requests that may go to the server. */
export class Turns {
  readonly collapsed: CollapsedRequests = new CollapsedRequests();
  readonly #stored: StoredResponses;
  /** Turns that this process has of all. */
  readonly #claimed = new WeakSet<LeadingRequest>();

  constructor(stored: StoredResponses) {
    this.#stored = stored;
  }

  /** Whether other processes have the store, too: what was not there may have come while a turn was waited for. */
  get areShared(): boolean {
    return this.#stored.store.claim !== undefined;
  }

  /** Waits until no other process asks for the same, but not for ever. */
  *await(request: LeadingRequest, mayWait: () => boolean): Steps<void> {
    const { store } = this.#stored;
    const end = performance.now() + LONGEST_TURN;
    for (let look = 0;; look++) {
      if (yield* this.#stored.ask(() => store.claim!(request.key, LONGEST_TURN), true)) {
        this.#claimed.add(request);
        return;
      }
      if (!mayWait() || performance.now() >= end) return;
      yield* settled(wait(PACES[look] ?? PACES.at(-1)!));
    }
  }

  /** Nobody need wait any more; `isStored` says whether there is something to find now. */
  end(request: LeadingRequest, isStored: boolean): void {
    const { store } = this.#stored;
    if (this.#claimed.delete(request)) this.#stored.tell(() => store.release?.(request.key, !isStored));
    this.collapsed.end(request);
  }
}
