/**
 * The timers of one message, and what it ends with when one of them goes off.
 *
 * @module
 */
import { brandClass } from "../../internal/error_brand.ts";
import type { HttpMessage } from "../message/message.ts";
import type { NetworkEvent } from "../message/message_events.ts";
import type { TimeoutsOptions } from "../message/own_settings.ts";
import { HttpStatus } from "../protocol/status.ts";
import type { FeatureSession } from "./feature_session.ts";

/** Which limit a message has exceeded. */
export type TimeoutKind = "connect" | "total";

/** What a message that took too long ends with: a `TimeoutError`, as `AbortSignal.timeout` gives. */
export class RequestTimeoutError extends DOMException {
  /** Which limit was exceeded. */
  readonly kind: TimeoutKind;
  /** The limit in milliseconds. */
  readonly limit: number;

  /** Makes an error; sessions make them, users catch them. */
  constructor(kind: TimeoutKind, limit: number, uri: URL) {
    const what = kind === "connect" ? `connect to ${uri.host}` : `finish the request to ${uri.host}`;
    super(`Cannot ${what}: more than ${limit} ms have passed`, "TimeoutError");
    this.kind = kind;
    this.limit = limit;
  }
}

brandClass(RequestTimeoutError, "RequestTimeoutError");

/** The limits of one message, `connect` and `total`, in milliseconds; 0 is none. */
export class TimeWatch {
  readonly #session: FeatureSession;
  readonly #msg: HttpMessage;
  readonly #listener = new AbortController();
  #total: ReturnType<typeof setTimeout> | undefined;
  #connect: ReturnType<typeof setTimeout> | undefined;

  /** Begins to watch a message that has just been queued. */
  constructor(session: FeatureSession, msg: HttpMessage, { connect = 0, total = 0 }: TimeoutsOptions) {
    this.#session = session;
    this.#msg = msg;
    if (total > 0) this.#total = setTimeout(() => this.#expire("total", total), total);
    if (connect === 0) return;
    if (!msg.requires.includes("connectionEvents")) msg.requires = [...msg.requires, "connectionEvents"];
    const { signal } = this.#listener;
    msg.addEventListener("network-event", (event) => this.#onNetworkEvent(event, connect), { signal });
  }

  /** Ends the watch. */
  end(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#connect);
    this.#listener.abort();
  }

  #onNetworkEvent({ event }: NetworkEvent, limit: number): void {
    if (event === "complete") {
      clearTimeout(this.#connect);
      this.#connect = undefined;
    } else {
      this.#connect ??= setTimeout(() => this.#expire("connect", limit), limit);
    }
  }

  #expire(kind: TimeoutKind, limit: number): void {
    const error = new RequestTimeoutError(kind, limit, this.#msg.uri);
    this.#session.cancelMessage(this.#msg, HttpStatus.IO_ERROR, { error, reason: error.message });
  }
}
