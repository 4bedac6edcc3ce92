/**
 * What stands on the queue for one fetch: redirects as the Fetch standard has them, and the answer for who waits.
 *
 * @module
 */
import { leaveSignal } from "../../internal/signals.ts";
import type { Attempt } from "../attempt/attempt.ts";
import { TransportError } from "../errors.ts";
import { fetchFailure } from "./fetch_error.ts";
import { dropBody, type FetchSettings } from "./fetch_init.ts";
import type { BodyReader } from "./body_reader.ts";
import type { HandedOutResponses } from "./handed_out_responses.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import type { QueueItem, ResponseSink } from "../queue/queue_item.ts";
import {
  fetchBecomesGet,
  fetchRedirectTarget,
  isRedirectStatus,
  maxRedirectsOf,
  moveTo,
  rewriteAsGet,
  tooMany,
} from "../attempt/redirects.ts";
import type { HttpSessionCore } from "../queue/engine.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { TransportResponse } from "../transports/transport.ts";
import { bareAddress } from "../protocol/uri.ts";

/** In place of what settled a promise. */
function forgotten(): void {}

/** A body that the answer did not need, such as one from a cache: its source is told, as nobody will read it. */
function dropUnsent(msg: HttpMessage): void {
  if (msg.requestBody instanceof ReadableStream && !msg.requestBody.locked) {
    dropBody(msg, new Error("Cannot send the body: the request was answered without it"));
  }
}

/** What hands the responses of a session out; it is there once a message has started. */
export function responsesOf(core: HttpSessionCore): HandedOutResponses {
  return core.responses as HandedOutResponses;
}

/** What waits for the response of one fetch. */
export class FetchSink implements ResponseSink {
  readonly #core: HttpSessionCore;
  readonly #settings: FetchSettings;
  #resolve: (response: Response) => void;
  #reject: (reason: unknown) => void;
  #aborted: (() => void) | null = null;
  #reader: BodyReader | null = null;
  #isSettled = false;

  constructor(
    core: HttpSessionCore,
    settings: FetchSettings,
    resolve: (response: Response) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#core = core;
    this.#settings = settings;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The entry is on the queue: listens to the caller's signal from now on. */
  queued(item: QueueItem): void {
    const { signal } = this.#settings;
    if (signal !== null) this.#listen(signal, item);
  }

  #listen(signal: AbortSignal, item: QueueItem): void {
    this.#aborted = () => this.#core.cancel(item, HttpStatus.CANCELLED, { error: signal.reason });
    signal.addEventListener("abort", this.#aborted);
  }

  decide(item: QueueItem, _response: TransportResponse): "take" | "retry" | Error {
    const { msg } = item;
    const { isWindowless, redirect, referrer } = this.#settings;
    if (msg.statusCode < 200) {
      const cause = `Cannot fetch ${bareAddress(msg.uri)}: the server switches protocols, which nobody has asked for`;
      return new TransportError(HttpStatus.MALFORMED, "response", cause, { code: "ERR_HTTP_UNREQUESTED_UPGRADE" });
    }
    if (isWindowless && msg.statusCode === HttpStatus.PROXY_UNAUTHORIZED) {
      return new TypeError(
        `Cannot fetch ${bareAddress(msg.uri)}: it is answered 407, and no window is there to ask in`,
      );
    }
    if (!isRedirectStatus(msg.statusCode) || redirect === "manual") return "take";
    if (redirect === "error") {
      return new TypeError(`Cannot follow the redirect from ${msg.uri.origin}: the option redirect is "error"`);
    }
    const target = fetchRedirectTarget(msg);
    if (target === null) return "take";
    if (target === "invalid" || (target.protocol !== "http:" && target.protocol !== "https:")) {
      const cause = `Cannot follow the redirect from ${msg.uri.origin}: its Location is no http or https URL`;
      return new TransportError(HttpStatus.MALFORMED, "response", cause, { code: "ERR_REDIRECT" });
    }
    if (item.redirects >= maxRedirectsOf(msg)) return tooMany(msg);
    const becomesGet = fetchBecomesGet(msg.statusCode, msg.method);
    if (!becomesGet && msg.requestBody instanceof ReadableStream) {
      return new TypeError("Cannot follow the redirect: the request body is a stream that was already read");
    }
    item.redirects++;
    if (becomesGet) {
      dropUnsent(msg);
      rewriteAsGet(msg);
    }
    moveTo(msg, target);
    if (referrer !== null) {
      referrer.redirected(msg.responseHeaders);
      referrer.apply(msg);
    }
    this.#core.requeue(msg, { after: "body" });
    return "retry";
  }

  take(attempt: Attempt, response: TransportResponse): void {
    // The message may end within; whoever waits has an answer then, unless none could be made.
    this.#isSettled = true;
    try {
      const responses = responsesOf(this.#core);
      this.#resolve(
        responses.ready(attempt, response, this.#settings.signal) ??
          responses.handOut(this.#reader = responses.reader(attempt, response)),
      );
      // With them the sink would hold the promise, and the Response in it: one that is dropped gives its slot back.
      this.#resolve = this.#reject = forgotten;
    } catch (error) {
      this.#isSettled = false;
      throw error;
    }
  }

  done(item: QueueItem): void {
    this.#end(item);
    if (this.#aborted !== null) leaveSignal(this.#settings.signal!, this.#aborted);
  }

  #end({ msg }: QueueItem): void {
    if (this.#isSettled) {
      dropUnsent(msg);
      const isFailure = msg.error !== null && msg.statusCode !== HttpStatus.CANCELLED;
      this.#reader?.ended(isFailure ? fetchFailure(msg, this.#settings.signal) : messageState(msg).thrown);
      return;
    }
    const failure = fetchFailure(msg, this.#settings.signal);
    dropBody(msg, failure);
    this.#reject(failure);
  }
}
