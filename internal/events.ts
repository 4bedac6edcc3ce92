/** An `EventTarget` whose event names and classes are known to the compiler. */

import type { ListenerOptions } from "./platform_types.ts";

/** A listener of one typed event, and of the target it is told at: `event.currentTarget`, and `this` of a function. */
export type TypedListener<E extends Event, T = EventTarget> =
  | ((this: T, event: E & { readonly currentTarget: T }) => void)
  | { handleEvent(event: E & { readonly currentTarget: T }): void }
  | null;

/**
 * Base class of everything that emits events. `Events` maps each event name to the class its listeners receive.
 * Listeners run synchronously, in the order they were added.
 */
export class TypedEventTarget<Events extends { [K in keyof Events]: Event }> extends EventTarget {
  /** Adds a listener; see `EventTarget.addEventListener`. */
  override addEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K], this>,
    options?: boolean | ListenerOptions,
  ): void {
    super.addEventListener(
      type,
      listener as EventListenerOrEventListenerObject | null,
      options as AddEventListenerOptions,
    );
  }

  /** Removes a listener; see `EventTarget.removeEventListener`. */
  override removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: TypedListener<Events[K], this>,
    options?: boolean | Pick<ListenerOptions, "capture">,
  ): void {
    super.removeEventListener(
      type,
      listener as EventListenerOrEventListenerObject | null,
      options as AddEventListenerOptions,
    );
  }
}
