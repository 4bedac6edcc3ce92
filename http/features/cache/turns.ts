/**
 * Whose turn it is to ask the server: one of the equal requests of this process, and of those of all processes that have
 * the store in common (RFC 9111 §4).
 *
 * @module
 */
import { settled, type Steps } from "../../contract/steps.ts";
import { wait } from "../../contract/wait.ts";
import { CollapsedRequests, type LeadingRequest } from "./collapsed_requests.ts";
import type { StoredResponses } from "./stored_responses.ts";

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
