/**
 * Options of what is done with one message.
 *
 * @module
 */
import type { HeadersInput } from "../../internal/platform_types.ts";
import type { HttpMessage, MessageBodyInit, MessagePriority } from "../message/message.ts";
import type { MessageTimeouts, MessageTls } from "../message/own_settings.ts";

/**
 * Options of `session.fetch`: those of `fetch` (Fetch §5.4), written out so that they mean the same on every runtime and
 * for every compiler, and those of the session.
 */
export interface HttpFetchInit {
  /** Method. @default {"GET"} */
  method?: string | undefined;
  /** Request header fields. */
  headers?: HeadersInput | RequestInit["headers"] | undefined;
  /**
   * Request body; what the runtime's own fetch takes, and what messages take but for functions: as with fetch their text
   * would be sent.
   *
   * @default {null}
   */
  body?: Exclude<MessageBodyInit, () => unknown> | RequestInit["body"] | null | undefined;
  /** Said of a body that is a stream: it is sent before the response is read. */
  duplex?: "half" | undefined;
  /**
   * How an `HttpCache` of the session is asked, and what servers read of it. "only-if-cached" never asks the network: 504
   * where no cache has an answer. A condition of your own, such as If-None-Match, makes "no-store" of "default".
   *
   * @default {"default"}
   */
  cache?: "default" | "force-cache" | "no-cache" | "no-store" | "only-if-cached" | "reload" | undefined;
  /** "omit" keeps from the request what identifies the user to the origin. @default {"same-origin"} */
  credentials?: "include" | "omit" | "same-origin" | undefined;
  /** Hashes one of which the body must have. @default {""} */
  integrity?: string | undefined;
  /** Taken for fetch's sake; requests of a session end with it. */
  keepalive?: boolean | undefined;
  /** Checked and without effect: a session has no origin of its own. "navigate" is refused. */
  mode?: "cors" | "navigate" | "no-cors" | "same-origin" | undefined;
  /** What is done with redirects. @default {"follow"} */
  redirect?: "error" | "follow" | "manual" | undefined;
  /** The URL that refers to the request. */
  referrer?: string | undefined;
  /** How much of the referrer is sent, and to which origins. */
  referrerPolicy?:
    | ""
    | "no-referrer"
    | "no-referrer-when-downgrade"
    | "origin"
    | "origin-when-cross-origin"
    | "same-origin"
    | "strict-origin"
    | "strict-origin-when-cross-origin"
    | "unsafe-url"
    | undefined;
  /** Cancels the request, which then rejects with `signal.reason`. @default {null} */
  signal?: AbortSignal | null | undefined;
  /** Null says that nobody can be asked for a proxy's credentials. */
  window?: null | undefined;
  /** Place in the queue: a number of `MessagePriority`, or fetch's own words; TypeError for others. @default {"auto"} */
  priority?: MessagePriority | "high" | "low" | "auto" | undefined;
  /**
   * Seconds without progress after which this request fails; 0, Infinity and false are no limit, true is the session's. The
   * fetch of Bun and a `Timeouts` feature count in milliseconds.
   */
  timeout?: number | boolean | undefined;
  /**
   * The proxy of this request, through all redirects; null and false go directly. The session's otherwise. `headers` for
   * the proxy are refused.
   */
  proxy?:
    | string
    | URL
    | {
      url: string | URL;
      headers?: HeadersInput | RequestInit["headers"] | undefined;
      respectNoProxy?: boolean | undefined;
    }
    | false
    | null
    | undefined;
  /** The unix socket this request goes to, whatever its host; null for none. The session's otherwise. */
  unix?: string | null | undefined;
  /** TLS of this request; what is left out is as the session has it. Bun's `rejectUnauthorized` is `sslStrict`. */
  tls?: (MessageTls & { readonly rejectUnauthorized?: boolean | undefined }) | null | undefined;
  /** Redirects that are followed. @default {20} */
  maxRedirects?: number | null | undefined;
  /** Limits of time in seconds; those that are left out are the session's. */
  timeouts?: MessageTimeouts | null | undefined;
  /** Called with the message before it is queued: a place to set flags and listeners. */
  prepare?: ((msg: HttpMessage) => void) | undefined;
}

/** Options of `requeueMessage`. */
export interface RequeueOptions {
  /** "body": finish reading this response first, with all its events. Otherwise it is dropped at once. */
  readonly after?: "body" | undefined;
  /** Send the next attempt on the same connection if it stays open (authentication bound to a connection). */
  readonly sameConnection?: boolean | undefined;
}

/** Options of `cancelMessage`. */
export interface CancelOptions {
  /** What to put into `msg.error`. */
  readonly error?: unknown | undefined;
  /** What to put into `msg.reasonPhrase`; the standard phrase otherwise. */
  readonly reason?: string | undefined;
}

/** Options of `sendMessage` and `sendMessageSync`. */
export interface SendOptions {
  /** Cancels the message; the send then fails with `signal.reason`. */
  readonly signal?: AbortSignal | null | undefined;
}
