/**
 * Tracing channels of `node:diagnostics_channel`: what the library does, for whoever has subscribed. Without a subscriber
 * nothing is made and nothing is told. And asynchronous contexts (`AsyncLocalStorage`), kept for code of callers that others bring
 * on.
 *
 * @module
 */
import { type Channel, channel } from "node:diagnostics_channel";

/** What is told of one piece of work: the same object at each of its events. */
export interface Traced {
  /** What went wrong, from the event `error` on. */
  error?: unknown;
}

/** The five channels of a tracing channel, as `tracingChannel(name)` finds them. */
export class Tracing<T extends Traced> {
  readonly #start: Channel;
  readonly #end: Channel;
  readonly #asyncStart: Channel;
  readonly #asyncEnd: Channel;
  readonly #error: Channel;

  /** Finds or makes the channels of a name. */
  constructor(name: string) {
    this.#start = channel(`tracing:${name}:start`);
    this.#end = channel(`tracing:${name}:end`);
    this.#asyncStart = channel(`tracing:${name}:asyncStart`);
    this.#asyncEnd = channel(`tracing:${name}:asyncEnd`);
    this.#error = channel(`tracing:${name}:error`);
  }

  /** Whether anybody listens. Tracing channels do not say it on every runtime. */
  get isHeard(): boolean {
    return this.#start.hasSubscribers || this.#end.hasSubscribers || this.#asyncStart.hasSubscribers ||
      this.#asyncEnd.hasSubscribers || this.#error.hasSubscribers;
  }

  /** The same of work in place, of which two of the channels tell nothing. */
  get isHeardInPlace(): boolean {
    return this.#start.hasSubscribers || this.#end.hasSubscribers || this.#error.hasSubscribers;
  }

  /** Work begins. */
  start(context: T): void {
    this.#start.publish(context);
  }

  /** The part of it that is done in place is over. */
  end(context: T): void {
    this.#end.publish(context);
  }

  /** Work in place is over, well or not. */
  endWith(context: T, error: unknown): void {
    if (error !== null) this.#fail(context, error);
    this.#end.publish(context);
  }

  /** Work that goes on later is over, well or not. */
  asyncEnd(context: T, error: unknown): void {
    if (error !== null) this.#fail(context, error);
    this.#asyncStart.publish(context);
    this.#asyncEnd.publish(context);
  }

  #fail(context: T, error: unknown): void {
    context.error = error;
    this.#error.publish(context);
  }
}

/** Runs a part of the program, once, in the context that was kept, from a microtask. The part does not throw. */
export type KeptContext = (part: () => void) => void;

/**
 * Keeps the asynchronous context (`AsyncLocalStorage`) that this is called in, for code of the caller that is run from
 * elsewhere: a callback that another thread's message brings on, say. Promises keep it, without `node:async_hooks`.
 */
export function keepContext(): KeptContext {
  let goOn!: KeptContext;
  void new Promise<() => void>((resolve) => goOn = resolve).then((part) => part());
  return goOn;
}
