/**
 * What a message is made of.
 *
 * @module
 */
import type { MessageFlags, MessagePriority } from "./message_flags.ts";
import type { TransportCapability } from "../transports/transport.ts";

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
  | BufferSource
  | string
  | Blob
  | FormData
  | URLSearchParams
  | AsyncIterable<Uint8Array | string>
  | Iterator<Uint8Array | string>;

/** Options of {@linkcode HttpMessage}. */
export interface HttpMessageInit {
  /** Request header fields, as `fetch` names them. */
  headers?: HeadersInit;
  /** Request header fields, as the message names them. */
  requestHeaders?: HeadersInit;
  /** Request body, as `fetch` names it; a string is sent as UTF-8. */
  body?: MessageBodyInit | null;
  /** Request body, as the message names it. */
  requestBody?: MessageBodyInit | null;
  /** Length of a stream body in bytes, when it is known. */
  bodyLength?: number;
  /** Flags. */
  flags?: Iterable<MessageFlags>;
  /** Place in the queue. @default {MessagePriority.NORMAL} */
  priority?: MessagePriority;
  /** The page the request is made for, for third-party rules of cookies. */
  firstParty?: string | URL;
  /** The request replaces the page in a window, as following a link does, for SameSite rules of cookies. @default {false} */
  isTopLevelNavigation?: boolean;
  /** Seconds without progress after which this message fails; the session's `timeout` otherwise. */
  timeout?: number;
  /** What the transport of this message must be able to do, for example `["peerCertificate"]`. */
  requires?: readonly TransportCapability[];
}
