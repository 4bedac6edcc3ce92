/**
 * What a message is made of.
 *
 * @module
 */
import type { BytesInput, HeadersInput } from "../../internal/platform_types.ts";
import type { MessageFlags, MessagePriority } from "./message_state.ts";
import type { MessageTimeouts, MessageTls } from "./own_settings.ts";
import type { TransportCapability } from "../transports/capabilities.ts";

/** A request body: bytes, a stream (sent once) or a function that makes a fresh stream for every attempt. */
export type MessageBody =
  | Uint8Array<ArrayBuffer>
  | ReadableStream<Uint8Array<ArrayBuffer>>
  | (() => ReadableStream<Uint8Array<ArrayBuffer>>);

/**
 * What a request body can be given as. Blobs and forms are read as they are sent, as often as need be; streams, iterators
 * and Node's readable streams once.
 */
export type MessageBodyInit =
  | MessageBody
  | BytesInput
  | ReadableStream<Uint8Array>
  | (() => ReadableStream<Uint8Array>)
  | string
  | Blob
  | FormData
  | URLSearchParams
  | AsyncIterable<Uint8Array | string>
  | Iterator<Uint8Array | string>;

/** Options of {@linkcode HttpMessage}. */
export interface HttpMessageInit {
  /** Request header fields; fetch's name for `requestHeaders`. */
  readonly headers?: HeadersInput | undefined;
  /** Request header fields. */
  readonly requestHeaders?: HeadersInput | undefined;
  /** Request body; fetch's name for `requestBody`. */
  readonly body?: MessageBodyInit | null | undefined;
  /** Request body; a string is sent as UTF-8. */
  readonly requestBody?: MessageBodyInit | null | undefined;
  /** Length of a stream body in bytes, when it is known. */
  readonly bodyLength?: number | undefined;
  /** Flags. */
  readonly flags?: Iterable<MessageFlags> | undefined;
  /** Place in the queue. @default {MessagePriority.NORMAL} */
  readonly priority?: MessagePriority | undefined;
  /** The page the request is made for, for third-party rules of cookies. */
  readonly firstParty?: string | URL | undefined;
  /** The request replaces the page in a window, as following a link does, for SameSite rules of cookies. @default {false} */
  readonly isTopLevelNavigation?: boolean | undefined;
  /** Keep from the message what identifies its user to the origin: cookies and credentials. @default {false} */
  readonly omitsCredentials?: boolean | undefined;
  /** Seconds without progress after which this message fails; 0 and Infinity are no limit. The session's `timeout` otherwise. */
  readonly timeout?: number | undefined;
  /** What the transport of this message must be able to do, for example `["peerCertificate"]`. */
  readonly requires?: readonly TransportCapability[] | undefined;
  /** The proxy of this message; null goes directly. What the session says otherwise. */
  readonly proxy?: string | URL | null | undefined;
  /** The unix socket this message goes to, whatever its host; null for none. The session's otherwise. */
  readonly unixSocket?: string | null | undefined;
  /** TLS of this message; what is left out is as the session has it. */
  readonly tls?: MessageTls | null | undefined;
  /** Redirects that are followed before the message fails with TOO_MANY_REDIRECTS. @default {20} */
  readonly maxRedirects?: number | null | undefined;
  /** Limits of time in seconds; those that are left out are the session's. */
  readonly timeouts?: MessageTimeouts | null | undefined;
}
