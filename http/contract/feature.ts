/**
 * What a feature of a session is (`SoupSessionFeature`).
 *
 * @module
 */
import type { Connection } from "../transports/connection.ts";
import type { FeatureType } from "../message/feature_type.ts";
import type { HttpMessage } from "../message/message.ts";
import type { FeatureSession } from "./feature_session.ts";
import type { ProxyTarget, TransportResponse } from "../transports/transport.ts";

/** Where in the life of a response body a transform sits. Transforms of a lower stage see the body first. */
export const BodyStage = {
  /** The body as it came over the wire, still content-encoded (what a shared cache stores). */
  WIRE: 0,
  /** Removing of content codings. */
  CONTENT_DECODING: 1,
  /** The decoded body (sniffing, logging, digest checks). */
  DECODED: 2,
} as const;

/** One of the stages. */
export type BodyStage = typeof BodyStage[keyof typeof BodyStage];

/** Replaces the body stream of one response. Cancel and back-pressure must pass through, as with `pipeThrough`. */
export type BodyTransform = (
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
) => ReadableStream<Uint8Array<ArrayBuffer>>;

/** Watches one attempt to send a message, as {@linkcode SessionFeature.watchAttempt} begins it. */
export interface AttemptWatch {
  /**
   * Runs a part of the attempt, a round of hooks or the sending, and gives back what it gives: the place to set an
   * asynchronous context that what happens in it belongs to.
   */
  run<T>(part: () => T): T;
  /**
   * The attempt is over; its response, or the status it has failed with, is on the message still.
   *
   * @param error What it broke with; null for an attempt that has got its response.
   */
  ended(error: unknown): void;
}

/**
 * Something that extends an HTTP session (`SoupSessionFeature`). Hooks get the session first and the message second, but
 * `respond(msg, session)` and `resolveProxy(uri, msg)`.
 *
 * Every member is optional and a session calls only what is there, so a feature costs
 * nothing on messages it has no hook for. A feature disabled for a message (`msg.disableFeature`) gets no hook for it,
 * evaluated at each call. Hooks run oldest feature first (as signal handlers do), so what is added later sees what
 * earlier features have put into the message; of those who answer (`lookup`, `respond`, `resolveProxy`) the newest is
 * asked first.
 *
 * A hook may return a promise where the type says so: the message waits in its place (its connection, if it has one,
 * stays with it); cancel and abort still work. A hook that throws or rejects ends the message: status `IO_ERROR` (or
 * the `status` of the error, when it is a number below 100) and the error in `msg.error`; the session goes on.
 *
 * Order of one attempt: `requestStarting` → `lookup` → (connection) → `connecting` → (`tunnelRefused`) → `requestStarted` →
 * "request-started" event →
 * `respond` or the transport → `replaceResponse` → "got-headers" event → `gotHeaders` → `transformBody` → chunks → "got-body" event →
 * `gotBody` → `attemptEnded` → "finished" event. Hooks may call `session.cancelMessage`, `requeueMessage`,
 * `pauseMessage`; after each hook the session looks at what became of the message.
 */
export interface SessionFeature {
  /** Fields sent with every message that lacks them, for example Accept-Encoding. Read once, at attach. */
  readonly requestDefaults?: ReadonlyArray<readonly [name: string, value: string]> | undefined;
  /** The same for messages that go over TLS. @default {SessionFeature.requestDefaults} */
  readonly requestDefaultsOverTls?: ReadonlyArray<readonly [name: string, value: string]> | undefined;
  /** Where {@linkcode SessionFeature.transformBody} sits. @default {BodyStage.DECODED} */
  readonly bodyStage?: BodyStage | undefined;
  /**
   * What of the feature answers later than a blocked thread can wait for, in words: a synchronous send is refused that
   * would need it.
   */
  readonly answersLater?: string | undefined;
  /** Called by `addFeature`. */
  attach?(session: FeatureSession): void;
  /** Called by `removeFeature` and when the session closes. */
  detach?(session: FeatureSession): void;
  /** The message was put on the queue: once per message. */
  requestQueued?(session: FeatureSession, msg: HttpMessage): void;
  /**
   * An attempt begins, before all of its hooks; null leaves it alone. For tracers: what is given hears of the end of every
   * attempt, also of one that is cancelled, redirected or silently repeated.
   */
  watchAttempt?(session: FeatureSession, msg: HttpMessage): AttemptWatch | null;
  /**
   * An attempt begins; no connection is chosen yet, so `msg.uri` may still be changed (HSTS), a Proxy-Authorization
   * set, or a promise delay the attempt without holding a connection (rate limits). Credentials belong here, so that
   * caches see whose response they look for.
   */
  requestStarting?(session: FeatureSession, msg: HttpMessage): void | Promise<void>;
  /** Answers without a connection (caches). The attempt then has no "request-started"; everything else happens. */
  lookup?(session: FeatureSession, msg: HttpMessage): Response | null | Promise<Response | null>;
  /** The proxy for a URI: a target, null for a direct connection, undefined to let the next resolver decide. */
  resolveProxy?(
    uri: URL,
    msg: HttpMessage | null,
  ): ProxyTarget | null | undefined | Promise<ProxyTarget | null | undefined>;
  /** A connection is about to be made: the last moment to put credentials on the request for a proxy's tunnel. */
  connecting?(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void>;
  /**
   * A proxy wants credentials before it makes a tunnel: the message has the status 407 and the proxy's challenge.
   * `session.requeueMessage(msg, { after: "body" })` asks the proxy again; otherwise the message ends with that status.
   * No other hook sees what a proxy answers to CONNECT, nor is anything else of it kept: the origin did not say it.
   */
  tunnelRefused?(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void>;
  /** A connection is there and the request is about to be sent: the last moment to change its header fields. */
  requestStarted?(session: FeatureSession, msg: HttpMessage, connection: Connection): void | Promise<void>;
  /** Answers in place of the transport, on the connection slot the message has got (mocks). Null passes. */
  respond?(msg: HttpMessage, session: FeatureSession): Response | null | Promise<Response | null>;
  /**
   * Sees a response from the network before anything else does and may answer with another one in its place (a cache
   * whose entry a 304 has confirmed). Null leaves it. A response whose body is not read yet costs its connection.
   */
  replaceResponse?(
    session: FeatureSession,
    msg: HttpMessage,
    response: TransportResponse,
  ): Response | null | Promise<Response | null>;
  /**
   * Status and header fields are there, the body is not read. To try again after the body has been read call
   * `session.requeueMessage(msg, { after: "body" })`; without `after` the body is dropped and the connection closed.
   * `session.fetch` hands its Response out after this hook, so decide about a requeue here, not later. To change header
   * fields assign a new `Headers` to `msg.responseHeaders`.
   */
  gotHeaders?(session: FeatureSession, msg: HttpMessage): void | Promise<void>;
  /** Asked once per response with a body, after `gotHeaders`: a transform, or null to leave the body alone. */
  transformBody?(session: FeatureSession, msg: HttpMessage): BodyTransform | null;
  /**
   * The counterpart of {@linkcode SessionFeature.transformBody} at {@linkcode BodyStage.WIRE} for synchronous sends, where
   * the body comes in one piece: takes it once it is complete. Asked after `replaceResponse`.
   */
  wireBodySink?(session: FeatureSession, msg: HttpMessage): ((body: Uint8Array) => void) | null;
  /** The body is complete. Not called when it broke off. */
  gotBody?(session: FeatureSession, msg: HttpMessage): void | Promise<void>;
  /**
   * The attempt has ended, with a response or with a transport status, and is not already requeued; its connection has
   * been given back. `requeueMessage` here leads to "restarted" instead of "finished"; a promise delays it (back-off).
   * Not called for cancelled messages nor, under `session.fetch`, once the Response has been handed out.
   */
  attemptEnded?(session: FeatureSession, msg: HttpMessage): void | Promise<void>;
  /** The session is done with the message: once per message. */
  requestUnqueued?(session: FeatureSession, msg: HttpMessage): void;
  /** Takes a sub-feature (a class that is no feature itself, such as an authentication scheme); true if it did. */
  addFeature?(type: FeatureType): boolean;
  /** Drops a sub-feature; true if it had it. */
  removeFeature?(type: FeatureType): boolean;
  /** True if it has the sub-feature. */
  hasFeature?(type: FeatureType): boolean;
}
