/**
 * A session as its features see it.
 *
 * @module
 */
import type { ClientCertificateOption } from "../transports/client_tls.ts";
import type { FetchInput } from "../../internal/platform_types.ts";
import type { FeatureType } from "../message/feature_type.ts";
import type { HttpMessage } from "../message/message.ts";
import type { CancelOptions, HttpFetchInit, RequeueOptions } from "./message_options.ts";
import type { TransportCapabilities } from "../transports/capabilities.ts";

/** Runs the session's work: the counterpart of a main context. */
export interface AsyncContext {
  /** Runs `fn` soon, never inside this call. */
  run(fn: () => void): void;
}

/** The type of `session.fetch`. */
export interface SessionFetch {
  /** Fetches through the queue of the session, as `fetch` does. */
  (input: FetchInput, init?: HttpFetchInit): Promise<Response>;
  /**
   * Same as `session.prepareForUri`, which nobody waits for; Bun's name for it.
   *
   * @throws {TypeError} For what is no URL.
   */
  preconnect(url: string | URL): void;
}

/**
 * What the hooks of a feature get for a session; `HttpSession` is one. A feature that needs more of the session declares
 * its parameter as `HttpSession`. The members mean what they mean there.
 */
export interface FeatureSession extends EventTarget {
  /** Fetches through the queue. */
  readonly fetch: SessionFetch;
  /** What the session's transports can do together. */
  readonly capabilities: TransportCapabilities;
  /** Whether certificates that are not trusted are refused. */
  readonly sslStrict: boolean;
  /** The client certificate, what makes the encrypted stream, or a function that knows by origin. */
  readonly clientCertificate: ClientCertificateOption;
  /** Puts a message on the queue; `callback` is called when it is done. */
  queueMessage(msg: HttpMessage, callback?: (session: FeatureSession, msg: HttpMessage) => void): void;
  /** Sends a message of the queue again. */
  requeueMessage(msg: HttpMessage, options?: RequeueOptions): void;
  /** Ends a message with a status. */
  cancelMessage(msg: HttpMessage, status?: number, options?: CancelOptions): void;
  /** Stops I/O of a message at its next step. */
  pauseMessage(msg: HttpMessage): void;
  /** Lets I/O of a message go on. */
  unpauseMessage(msg: HttpMessage): void;
  /** True while the message is paused. */
  isPaused(msg: HttpMessage): boolean;
  /** "http" or "https" for a URI the session can send, aliases included; null otherwise. */
  schemeOf(uri: URL): "http" | "https" | null;
  /** The newest feature of a class, or null. */
  getFeature<T extends object>(type: FeatureType<T>): T | null;
  /** The newest feature of a class, or null if the message disables it. */
  getFeatureForMessage<T extends object>(type: FeatureType<T>, msg: HttpMessage): T | null;
  /** What runs the session's work; null is the runtime's event loop. */
  getAsyncContext(): AsyncContext | null;
}
