/** What the stores of several processes promise their features, what a failure of one comes to, and the event that tells of it. */
import { checkMethods, checkObject } from "../../internal/expected.ts";
import { TransportError, type TransportPhase } from "../errors.ts";
import { HttpStatus } from "../protocol/status.ts";

/**
 * What becomes of a message while a store cannot be reached: `"open"` lets it go on as if there were nothing, `"closed"`
 * ends it with the status TRY_AGAIN.
 */
export type WhenUnreachable = "open" | "closed";

/**
 * Checks what was given; `"open"` unless something was.
 *
 * @throws {TypeError} For anything else.
 */
export function whenUnreachable(action: string, given: unknown): WhenUnreachable {
  if (given === undefined) return "open";
  if (given === "open" || given === "closed") return given;
  throw new TypeError(`Cannot ${action}: whenUnreachable is "open" or "closed", not ${JSON.stringify(given)}`);
}

/** What a feature asks of its store, by the names of the methods. */
export interface StoreMethods {
  /** Of one that this process has for itself. */
  readonly own: readonly string[];
  /** Of one that processes share. */
  readonly shared: readonly string[];
}

/**
 * Whether a store is one that processes share: its methods answer later.
 *
 * @throws {TypeError} For what is no store, or one of something else.
 */
export function isSharedStore<Own extends object, Shared extends { readonly synchronous: false }>(
  action: string,
  store: Own | Shared,
  expected: string,
  methods: StoreMethods,
): store is Shared {
  const isShared = "synchronous" in checkObject(action, store, expected);
  checkMethods(action, store, expected, isShared ? methods.shared : methods.own);
  return isShared;
}

/** A store as its feature uses it. */
export class StoreUse<S extends { readonly whenUnreachable?: WhenUnreachable | undefined }> {
  /** The store. */
  readonly store: S;
  readonly #what: string;
  readonly #failed: (error: unknown) => void;

  /**
   * Calls nothing yet.
   *
   * @param what The store in words: `the store of …`.
   * @param failed Tells of a failure.
   */
  constructor(store: S, what: string, failed: (error: unknown) => void) {
    this.store = store;
    this.#what = what;
    this.#failed = failed;
  }

  /** What the store does, whose failure is told once and thrown. */
  async told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** The same, for what goes on without: `undefined` where it fails. */
  async tried<T>(work: () => Promise<T>): Promise<T | undefined> {
    return await this.told(work).catch(() => undefined);
  }

  /**
   * What comes of it for a message, which goes on without where it fails.
   *
   * @throws {TransportError} TRY_AGAIN where the store wants messages to end then: the same may be sent again later.
   */
  async forMessage<T>(work: Promise<T>, phase: TransportPhase): Promise<T | undefined> {
    try {
      return await work;
    } catch (cause) {
      if (this.store.whenUnreachable !== "closed") return undefined;
      const reason = `Cannot send the message: ${this.#what} cannot be reached`;
      throw new TransportError(HttpStatus.TRY_AGAIN, phase, reason, { cause, code: "TRY_AGAIN", reason });
    }
  }
}

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
