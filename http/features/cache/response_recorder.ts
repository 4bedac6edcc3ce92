/** Stores responses while they are delivered. */
import type { BodyTransform } from "../../contract/feature.ts";
import { drive, isPromise, type Steps } from "../../contract/steps.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { TransportResponse } from "../../transports/transport.ts";
import { type Exchange, restoreFields, type Storing } from "./exchange.ts";
import { RecordedBody } from "./recorded_body.ts";
import type { CacheRequest, StoredResponses } from "./stored_responses.ts";
import type { Turns } from "./turns.ts";

/** What of an exchange is stored, and who waits for it. */
export class ResponseRecorder {
  readonly #stored: StoredResponses;
  readonly #turns: Turns;
  readonly #failed: (error: unknown) => void;

  /** `failed` is told what a store fails with while a body passes. */
  constructor(stored: StoredResponses, turns: Turns, failed: (error: unknown) => void) {
    this.#stored = stored;
    this.#turns = turns;
    this.#failed = failed;
  }

  /** The response is here: begins to store it, if it may be; without a body it is stored at once. */
  *begin(exchange: Exchange, request: CacheRequest, response: TransportResponse): Steps<void> {
    const storing = yield* this.#stored.begin(request, response);
    if (!storing) return;
    if (exchange.isOver) return void (yield* this.#stored.ask(() => storing.writer.discard(), undefined));
    // Other requests could not use it without validation; they need not wait for its body.
    if (!storing.isFresh) this.endWaiting(exchange, false);
    if (response.body === null) yield* this.#storeWhole(exchange, storing, null);
    else exchange.storing = storing;
  }

  /** What the body passes through, if it is to be stored. */
  transform(exchange: Exchange): BodyTransform | null {
    const { storing } = exchange;
    if (!storing) return null;
    exchange.storing = null;
    return (source) => {
      const body = new RecordedBody(source, storing.writer, this.#stored.limits.entryBytes, {
        finish: (length) => {
          if (length === null) this.endWaiting(exchange, false);
          else void drive(this.#commit(exchange, storing, length));
        },
        fail: this.#failed,
      });
      exchange.leading?.store(body);
      return body.readable;
    };
  }

  /** What takes a body that comes in one piece, if it is to be stored. */
  sink(exchange: Exchange): ((body: Uint8Array) => void) | null {
    const { storing } = exchange;
    if (!storing) return null;
    return (body) => {
      exchange.storing = null;
      void drive(this.#storeWhole(exchange, storing, body));
    };
  }

  /** The exchange is over, however it ended. */
  settle(msg: HttpMessage, exchange: Exchange): void {
    exchange.isOver = true;
    restoreFields(msg, exchange);
    const { storing } = exchange;
    if (storing) this.#stored.tell(() => storing.writer.discard());
    exchange.storing = null;
    if (!exchange.leading?.isStoring) this.endWaiting(exchange, false);
  }

  /** Those who wait for the exchange go on. */
  endWaiting(exchange: Exchange, isStored: boolean): void {
    const { leading } = exchange;
    exchange.leading = null;
    if (leading) this.#turns.end(leading, isStored);
  }

  /** Stores a body that is here as a whole, or none. */
  *#storeWhole(exchange: Exchange, storing: Storing, body: Uint8Array | null): Steps<void> {
    const stored = this.#stored;
    const isWritten = body === null || body.length <= stored.limits.entryBytes && (yield* stored.ask(() => {
          const written = storing.writer.write(body);
          return isPromise(written) ? written.then(() => true) : true;
        }, false));
    if (isWritten) yield* this.#commit(exchange, storing, body?.length ?? 0);
    yield* stored.ask(() => storing.writer.discard(), undefined);
    this.endWaiting(exchange, false);
  }

  /** Makes a response findable; who waits goes on when it is. */
  *#commit(exchange: Exchange, storing: Storing, length: number): Steps<void> {
    this.endWaiting(exchange, yield* storing.commit(length));
  }
}
