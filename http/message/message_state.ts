/** The part of a message that belongs to its session; its flags and priorities. */
import { GatheredBytes } from "../transports/gathered_bytes.ts";
import type { Connection } from "../transports/connection.ts";
import type { FeatureType } from "./feature_type.ts";
import type { OwnSettings, TimeoutsOptions } from "./own_settings.ts";
import type {
  PeerCertificate,
  RequestTrailers,
  Transport,
  TransportResponse,
  UpgradedStream,
} from "../transports/transport.ts";
import { checkIterable } from "../../internal/expected.ts";

const empty: Uint8Array<ArrayBuffer> = new Uint8Array(0);
const none: readonly string[] = Object.freeze([]);

/** The part of a message's queue entry that is known without importing the queue. */
export interface MessageItem {
  /** Grows with every attempt: work of an older one is void. */
  readonly attempt: number;
  /** The connection of the present attempt. */
  readonly connection: Connection | null;
  /** The transport of the present attempt. */
  readonly transport: Transport | null;
  /** The identity that a connection for this attempt is authenticated as; "" for none. Known before one is chosen. */
  identity: string;
  /** The attempts need HTTP/1.1, which has connections of one's own. */
  needsHttp1: boolean;
  /** The unix socket the present attempt goes to; null for the network, undefined before it is known. */
  readonly unixSocket: string | null | undefined;
  /** Limits the time of the message in milliseconds, as far as it sets no limit of its own; the shortest one counts. */
  limitTime(limits: TimeoutsOptions): void;
  /** True while the message is paused. */
  readonly isPaused: boolean;
  /** Resolves when the message is not paused. */
  resumed(): Promise<void>;
}

/** What a message asks the server to speak in place of HTTP (RFC 9110 §7.8, RFC 8441), and for whom. */
export interface ProtocolUpgrade {
  /** The name of the protocol, as `Upgrade` has it. */
  readonly protocol: string;
  /**
   * Looks at the response by which the server has agreed.
   *
   * @throws {TransportError} If it has agreed to something else.
   */
  check(response: TransportResponse): void;
  /** What the server has agreed on; null before. */
  stream: UpgradedStream | null;
}

/** What a session writes on a message: the response, which its user reads there, and what nobody else sees. */
export class MessageState {
  /** Status code; 0 until a response or an end is there. */
  statusCode = 0;
  /** The server's reason phrase, or the standard one. */
  reasonPhrase = "";
  /** HTTP version of the response. */
  httpVersion = "1.1";
  /** The peer's certificate when the transport shows it. */
  tlsCertificate: PeerCertificate | null = null;
  /** Why the certificate is not trusted. */
  tlsErrors: readonly string[] = none;
  /** The certificate was checked and found good; read as long as the message has no Set of flags. */
  isTrusted = false;
  /** Trailer fields of the response. */
  trailers: Headers | null = null;
  /** The queue entry while the message is on a queue. */
  item: MessageItem | null = null;
  /** Names of events that ever got a listener. */
  listened: Set<string> | null = null;
  /** What the message says of its own way; null where it leaves all to its session. */
  own: OwnSettings | null = null;
  /** The spelling of header fields as the caller has written it, by lower-case names; null where nobody knows. */
  spelling: ReadonlyMap<string, string> | null = null;
  /** Features that leave the message alone. */
  disabled: FeatureType[] | null = null;
  /** Fetch's cache mode, which counts whatever the fields say. */
  cacheMode = "default";
  /** Who has answered the present attempt: "nobody" where only a cache may answer and none has anything. */
  answeredBy: "server" | "cache" | "nobody" = "server";
  /** The URI a request is on its way to: only its own origin may be written into the message now. */
  sentTo: URL | null = null;
  /** The header section has been handed over, and with it path and query of `sentTo`. */
  isWritten = false;
  /** The event that came last, whether anybody heard it or not; empty before the first. */
  lastEvent = "";
  /** The number of the connection it was sent on last; 0 before. */
  connectionId = 0;
  /** Stable code of what went wrong; empty when there is none. */
  errorCode = "";
  /** What a transport says about it; empty when it was no transport. */
  errorText = "";
  /** Fields the message gets when its own are first looked at or sent. */
  defaults: ReadonlyArray<readonly [string, string]> | null = null;
  /** What makes fields behind the body of the present attempt; null where nothing does. */
  requestTrailers: RequestTrailers[] | null = null;
  /** The worker's connection of the current attempt while the message is sent synchronously. */
  remoteConnection: Connection | null = null;
  /** Called with the queue entry when `priority` changes; one function per session. */
  onPriority: ((item: MessageItem) => void) | null = null;
  /** What is to be spoken in place of HTTP; null for messages that are requests and nothing else. */
  upgrade: ProtocolUpgrade | null = null;
  /** Content-Length of a response whose body is decoded; null for others, and when it had none. */
  encodedLength: number | null = null;
  #thrown: unknown = null;
  #error: Error | null = null;
  #body: GatheredBytes | null = null;

  /** What went wrong, as it was thrown or given: anything at all; null when nothing did. */
  get thrown(): unknown {
    return this.#thrown;
  }

  /** The same as an Error: what is none becomes the cause of one. */
  get error(): Error | null {
    return this.#error;
  }
  set error(thrown: unknown) {
    this.#thrown = thrown;
    this.#error = thrown === null || thrown instanceof Error
      ? thrown
      : new Error("Cannot finish the message: it was ended with what is no Error", { cause: thrown });
  }

  /** Writes down what an attempt has ended with. */
  end(status: number, reason: string, error: unknown): void {
    this.statusCode = status;
    this.reasonPhrase = reason;
    this.error = error;
  }

  /** Whether the message may get a URI: a connection cannot change its host, and what is written stays written. */
  mayMoveTo(uri: URL): boolean {
    const { isWritten, sentTo } = this;
    if (sentTo === null) return true;
    if (sentTo.protocol !== uri.protocol || sentTo.host !== uri.host) return false;
    return !isWritten || (sentTo.pathname === uri.pathname && sentTo.search === uri.search);
  }

  /** Closes what a server has agreed on and nobody has taken yet. */
  dropUpgraded(): void {
    if (this.upgrade === null) return;
    this.upgrade.stream?.destroy();
    this.upgrade.stream = null;
  }

  /** Bytes kept so far. */
  get bodyLength(): number {
    return this.#body?.length ?? 0;
  }

  /** So many bytes of a response body are about to come; null where nobody knows. */
  expectBody(length: number | null): void {
    if (this.#body === null && length !== null) this.#body = new GatheredBytes(length);
  }

  /** Keeps one more piece of the response body. */
  append(chunk: Uint8Array<ArrayBuffer>): void {
    (this.#body ??= new GatheredBytes()).add(chunk);
  }

  /** Drops the response body. */
  clearBody(): void {
    this.#body = null;
    this.encodedLength = null;
  }

  /** What has arrived, joined. */
  body(): Uint8Array<ArrayBuffer> {
    return this.bodyLength === 0 ? empty : this.#body!.bytes();
  }
}

/** Flags of a message (`SoupMessageFlags`). */
export const MessageFlags = {
  /** Redirects are left to the caller. */
  NO_REDIRECT: "no-redirect",
  /** The request body is emptied on restart; a `restarted` listener builds it again. */
  CAN_REBUILD: "can-rebuild",
  /** The response body is not kept: only `got-chunk` sees it. */
  OVERWRITE_CHUNKS: "overwrite-chunks",
  /** Set by the session: content codings were removed. */
  CONTENT_DECODED: "content-decoded",
  /** Set by the session: the peer's certificate was checked and found good. */
  CERTIFICATE_TRUSTED: "certificate-trusted",
  /** Use a connection that has carried nothing yet. */
  NEW_CONNECTION: "new-connection",
  /** The method may be sent again, whatever it is called. */
  IDEMPOTENT: "idempotent",
  /** Neither wait for nor count against maxConns and maxConnsPerHost. */
  IGNORE_CONNECTION_LIMITS: "ignore-connection-limits",
} as const;

/** One of the flags. */
export type MessageFlags = typeof MessageFlags[keyof typeof MessageFlags];

/** Priorities of messages on a queue (`SoupMessagePriority`). */
export const MessagePriority = {
  VERY_LOW: 0,
  LOW: 1,
  NORMAL: 2,
  HIGH: 3,
  VERY_HIGH: 4,
} as const;

/** One of the priorities. */
export type MessagePriority = typeof MessagePriority[keyof typeof MessagePriority];

/** Flags that a caller gives; text alone is no list of them. */
export function flagsOf(flags: Iterable<MessageFlags>): Set<MessageFlags> {
  checkIterable("set the flags", flags, "a list of flags");
  const known: readonly unknown[] = Object.values(MessageFlags);
  for (const flag of flags) {
    if (!known.includes(flag)) {
      throw new TypeError(`Cannot set the flag ${JSON.stringify(flag)}: there is none of the name`);
    }
  }
  return new Set(flags);
}
