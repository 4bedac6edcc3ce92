/**
 * The messages between a session and the worker of its synchronous sends. Everything here can be cloned between
 * threads.
 *
 * @module
 */
import { type HttpMessage, type MessageFlags, type MessagePriority, messageState } from "../message/message.ts";
import type { SessionValues } from "../queue/session_properties.ts";
import type { TransportChoice } from "../transports/choice/select.ts";
import { TransportError } from "../errors.ts";
import type { MessageTimeouts } from "../message/own_settings.ts";
import type { TransportCapability } from "../transports/capabilities.ts";
import type { HostAddress } from "../transports/host_lookup.ts";
import type {
  ClientCertificate,
  ConnectionProtocol,
  PeerCertificate,
  ProxyTarget,
  TlsInfo,
  TlsPieces,
} from "../transports/transport.ts";

/** Places in the shared memory: what wakes the caller, the heartbeat of the worker, what wakes the worker, and that it is to end. */
export const SyncWord = { WAKE: 0, HEARTBEAT: 1, REPLY: 2, END: 3 } as const;

/** Header fields as pairs. */
export type Fields = [name: string, value: string][];

/** The hooks of features that are asked on the caller's thread. */
export const remoteHooks = [
  "requestStarting",
  "lookup",
  "resolveProxy",
  "connecting",
  "tunnelRefused",
  "requestStarted",
  "replaceResponse",
  "gotHeaders",
  "gotBody",
  "attemptEnded",
] as const;

/** One of these hooks. */
export type RemoteHook = typeof remoteHooks[number];

/** The header section of a response. */
export interface PlainResponse {
  status: number;
  statusText: string;
  headers: Fields;
  /** True when a body follows. */
  hasBody: boolean;
}

/** A proxy, with its URI as text. */
export type PlainProxy = Omit<ProxyTarget, "uri"> & { uri: string };

/** What both threads keep equal about a message. */
export interface MessageSnapshot {
  method: string;
  uri: string;
  requestHeaders: Fields;
  flags: MessageFlags[];
  statusCode: number;
  reasonPhrase: string;
  httpVersion: string;
  responseHeaders: Fields;
  tlsCertificate: PeerCertificate | null;
  tlsErrors: readonly string[];
}

/** A client certificate, for one origin or, where that is null, for all. */
export interface PlainClient {
  origin: string | null;
  /** The certificate; null for none; a number where the caller's thread makes the encrypted stream, by its `ClientTls`. */
  certificate: ClientCertificate | number | null;
}

/** Roots as PEM texts, "system", or null for the runtime's own. */
export type PlainRoots = readonly string[] | "system" | null;

/** What a message says of its own way. */
export interface PlainOwn {
  proxy: string | null | undefined;
  unixSocket: string | null | undefined;
  tls: { sslStrict?: boolean | undefined; roots?: PlainRoots | undefined; client?: PlainClient | undefined } | null;
  maxRedirects: number | null;
  timeouts: MessageTimeouts | null;
}

/** The settings of the worker's session; it is made anew when `version` changes. */
export interface PlainSettings {
  version: number;
  /** Properties that go as they are. */
  values: Readonly<Partial<SessionValues>>;
  roots: PlainRoots;
  clientCertificate: PlainClient | null;
  /** The path of the unix socket, "asked" where the caller's thread knows by URL, or null. */
  unixSocket: { path: string } | "asked" | null;
  /** The caller's thread finds the addresses of hosts. */
  hasLookup: boolean;
  transport: Exclude<TransportChoice, object>;
  /** Largest decoded body, or null when nothing is decoded. */
  maxDecodedSize: number | null;
  /** Longest wait of the sniffer in milliseconds, or null when nothing is sniffed. */
  sniffWait: number | null;
  /** Limits in milliseconds, or null without any. */
  timeouts: { connect: number; idle: number; total: number } | null;
  requestDefaults: ReadonlyArray<readonly [string, string]>;
  requestDefaultsOverTls: ReadonlyArray<readonly [string, string]>;
  hooks: RemoteHook[];
}

/** A message to send. */
export interface SendRequest {
  kind: "send";
  settings: PlainSettings;
  snapshot: MessageSnapshot;
  body: Uint8Array<ArrayBuffer> | null;
  priority: MessagePriority;
  timeout: number | null;
  omitsCredentials: boolean;
  /** What the message says of its own way; null where it leaves all to its session. */
  own: PlainOwn | null;
  /** The names of fields as the caller has written them. */
  spelling: ReadonlyMap<string, string> | null;
  requires: readonly TransportCapability[];
  /** Names of the events somebody listens for. */
  listened: string[];
}

/** What the features made of a message in one round of hooks. */
export interface HookReply {
  kind: "reply";
  snapshot: MessageSnapshot;
  /** The body, when a feature has changed it. */
  body?: Uint8Array<ArrayBuffer> | null | undefined;
  requeue: { after?: "body"; sameConnection: boolean } | null;
  /** Connections the message may not go over: they are authenticated as somebody else. */
  excluded: readonly number[];
  /** The attempts to come need HTTP/1.1. */
  needsHttp1: boolean;
  /** What ended the message. */
  cancelled: boolean;
  error: PlainError | null;
  proxy?: PlainProxy | null | undefined;
  /** A feature's own answer (`lookup`, `replaceResponse`). */
  answer?: (PlainResponse & { body: Uint8Array<ArrayBuffer> }) | undefined;
  /** True when a feature wants the body as it comes over the wire. */
  wantsWireBody?: boolean | undefined;
}

/** From the session to its worker. */
export type ToWorker = SendRequest | HookReply | TlsReply | WayReply | { kind: "close-idle" };

/** A connection of the worker. */
export interface PlainConnection {
  id: number;
  scheme: "http" | "https";
  host: string;
  port: number;
  proxy: PlainProxy | null;
  exact: boolean;
  protocol: ConnectionProtocol;
  uses: number;
}

/** From the worker to its session. */
export type FromWorker =
  | {
    kind: "hook";
    hook: RemoteHook;
    snapshot: MessageSnapshot;
    connection: PlainConnection | null;
    body?: Uint8Array | undefined;
    /** What came over the wire (`replaceResponse`). */
    received?: PlainResponse | undefined;
    /** The body as it came over the wire (`gotBody`). */
    wireBody?: Uint8Array | undefined;
  }
  | { kind: "event"; type: string; snapshot: MessageSnapshot; detail: EventDetail }
  | {
    kind: "session-event";
    type: "request-started" | "connection-created" | "tunneling";
    connection: PlainConnection | null;
  }
  | {
    kind: "done";
    snapshot: MessageSnapshot;
    body: Uint8Array<ArrayBuffer>;
    error: PlainError | null;
    metrics: PlainMetrics;
  }
  | TlsCall
  | WayCall
  | { kind: "broken"; error: PlainError };

/** What the worker asks the functions of the session for: the addresses of a host, the unix socket of a URL. */
export interface WayCall {
  kind: "way";
  of: { host: string } | { url: string };
}

/** What they have answered. */
export interface WayReply {
  kind: "way";
  addresses: readonly HostAddress[];
  path: string | null;
  error: PlainError | null;
}

/** What the worker has for the TLS of a connection. */
export interface TlsCall {
  kind: "tls";
  /** The connection. */
  id: number;
  /** Where it leads, when TLS begins. */
  open: { host: string; port: number; strict: boolean; alpnProtocols: readonly string[] } | null;
  /** What the peer has sent, "end" when it sends no more. */
  received: Uint8Array | "end" | null;
  /** What is to be sent to it. */
  written: Uint8Array | null;
  /** Connections that are closed. */
  closed: readonly number[];
}

/** What came of it. */
export interface TlsReply extends TlsPieces {
  kind: "tls";
  /** What the handshake has shown, once it is over. */
  tls: TlsInfo | null;
  error: PlainError | null;
}

/** What an event carries besides the message. */
export interface EventDetail {
  chunk?: Uint8Array<ArrayBuffer> | undefined;
  status?: number | undefined;
  reasonPhrase?: string | undefined;
  headers?: Fields | undefined;
  event?: string | undefined;
  direction?: string | undefined;
  loaded?: number | undefined;
  total?: number | null | undefined;
  contentType?: string | undefined;
  parameters?: Readonly<Record<string, string>> | undefined;
}

/** Times are milliseconds since the epoch, since each thread has a clock of its own. */
export interface PlainMetrics {
  started: number;
  firstByte: number;
  finished: number;
  attempts: number;
  requestBodyBytes: number;
  responseBodyBytes: number;
  responseHeaderBytes: number;
}

/** What can be said of an error in another thread. */
export interface PlainError {
  name: string;
  message: string;
  stack: string;
  code: string;
  status: number;
  /** Reason phrase that the error wants; empty for none. */
  reason: string;
  cause: PlainError | null;
}

/** Takes down a message as it is. */
export function snapshotOf(msg: HttpMessage): MessageSnapshot {
  return {
    method: msg.method,
    uri: msg.uri.href,
    requestHeaders: [...msg.requestHeaders],
    flags: [...msg.flags],
    statusCode: msg.statusCode,
    reasonPhrase: msg.reasonPhrase,
    httpVersion: msg.httpVersion,
    responseHeaders: [...msg.responseHeaders],
    tlsCertificate: msg.tlsCertificate,
    tlsErrors: msg.tlsErrors,
  };
}

/** Makes a message what a snapshot says. Header objects that are equal stay the same objects. */
export function applySnapshot(msg: HttpMessage, snapshot: MessageSnapshot): void {
  if (msg.method !== snapshot.method) msg.method = snapshot.method;
  if (msg.uri.href !== snapshot.uri) msg.uri = snapshot.uri;
  if (!isEqual(msg.requestHeaders, snapshot.requestHeaders)) msg.requestHeaders = new Headers(snapshot.requestHeaders);
  if (!isEqual(msg.responseHeaders, snapshot.responseHeaders)) {
    msg.responseHeaders = new Headers(snapshot.responseHeaders);
  }
  const { flags } = msg;
  for (const flag of [...flags]) if (!snapshot.flags.includes(flag)) flags.delete(flag);
  for (const flag of snapshot.flags) flags.add(flag);
  const { httpVersion, reasonPhrase, statusCode, tlsCertificate, tlsErrors } = snapshot;
  Object.assign(messageState(msg), { httpVersion, reasonPhrase, statusCode, tlsCertificate, tlsErrors });
}

function isEqual(headers: Headers, fields: Fields): boolean {
  const own = [...headers];
  return own.length === fields.length &&
    own.every(([name, value], index) => name === fields[index]?.[0] && value === fields[index]?.[1]);
}

/** Takes down an error. */
export function plainError(error: unknown): PlainError {
  const given = error instanceof Error || error instanceof DOMException ? error : new Error(String(error));
  const { code, status } = given as { code?: unknown; status?: unknown };
  return {
    name: given.name,
    message: given.message,
    stack: given.stack ?? "",
    code: typeof code === "string" ? code : "",
    status: typeof status === "number" ? status : 0,
    reason: given instanceof TransportError ? given.reason : "",
    cause: given.cause === undefined ? null : plainError(given.cause),
  };
}

/** An error like the one taken down. */
export function revivedError(plain: PlainError): Error {
  const cause = plain.cause === null ? undefined : revivedError(plain.cause);
  if (plain.name === "TimeoutError" || plain.name === "AbortError") return new DOMException(plain.message, plain.name);
  const options = { ...(cause === undefined ? {} : { cause }), code: plain.code, reason: plain.reason };
  const error = plain.name === "TransportError"
    ? new TransportError(plain.status, "response", plain.message, options)
    : new Error(plain.message, cause === undefined ? undefined : { cause });
  if (!(error instanceof TransportError)) {
    error.name = plain.name;
    if (plain.code !== "") Object.assign(error, { code: plain.code });
    if (plain.status !== 0) Object.assign(error, { status: plain.status });
  }
  if (plain.stack !== "") error.stack = plain.stack;
  return error;
}

/** A proxy whose URI can be cloned. */
export function plainProxy(proxy: ProxyTarget): PlainProxy {
  return { ...proxy, uri: proxy.uri.href };
}
