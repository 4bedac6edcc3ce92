/** The events of features whose store cannot be used. */

/**
 * The `store-error` event of a feature: its store has failed, or cannot be reached. The message goes on as the feature
 * says; nothing has to be done about it.
 *
 * @example Tell somebody
 * ```ts
 * import { HttpCache } from "@gp11/gp11/http";
 *
 * const cache = new HttpCache();
 * cache.addEventListener("store-error", ({ error }) => console.warn("The cache is passed by:", error));
 * ```
 */
export class StoreErrorEvent extends Event {
  /** What the store has said. */
  readonly error: unknown;

  /** Makes the event. */
  constructor(error: unknown) {
    super("store-error");
    this.error = error;
  }
}

/** The event of every feature that has a store. */
export interface StoreEvents {
  /** The store has failed, or cannot be reached. */
  "store-error": StoreErrorEvent;
}
