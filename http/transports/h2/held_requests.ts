/** Requests that are not entrusted to a connection before its peer is known to be there. */
import type { ExchangeObserver } from "../transport.ts";

/** The held requests of one connection, by their observers. */
export class HeldRequests {
  readonly #giveUp = new Map<ExchangeObserver, (reason: unknown) => void>();

  /** Waits for an answer, unless the request is given up before. */
  async wait<T>(observer: ExchangeObserver, answer: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#giveUp.set(observer, reject);
    try {
      return await Promise.race([answer, promise]);
    } finally {
      this.#giveUp.delete(observer);
    }
  }

  /** Nobody wants the answer to a request any more: whoever waits gets `reason`. */
  giveUp(observer: ExchangeObserver, reason: unknown): void {
    this.#giveUp.get(observer)?.(reason);
  }

  /** The same for all of them. */
  giveUpAll(reason: unknown): void {
    for (const giveUp of [...this.#giveUp.values()]) giveUp(reason);
  }
}
