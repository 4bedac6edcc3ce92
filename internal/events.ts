/** An `EventTarget` whose event names and classes are known to the compiler. */

/** A listener of one typed event. */
export type TypedListener<E extends Event> = ((event: E) => void) | { handleEvent(event: E): void } | null;

/**
 * Base class of everything that emits events. `Events` maps each event name to the class its listeners receive.
 * Listeners run synchronously, in the order they were added.
 */
export class TypedEventTarget<Events extends { [K in keyof Events]: Event }> extends EventTarget {
  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListenerOrEventListenerObject | null, options);
  }

  /** Removes a listener; see `EventTarget.removeEventListener`. */
  override removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K]>,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListenerOrEventListenerObject | null, options);
  }
}
