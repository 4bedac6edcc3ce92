/** What a cache remembers of one message while it is under way, who asks, and how it compares requests. */
import { HttpMessage, MessageFlags, MessagePriority, messageState } from "../../message/message.ts";
import type { Steps } from "../../contract/blocking.ts";
import { bareUrl, defaultPort } from "../../protocol/uri.ts";
import {
  asModeHasIt,
  type CacheDirectives,
  type FieldRecord,
  hasCondition,
  normalizedValue,
  parseCacheControl,
  takesWhatIsStored,
  toRecord,
  varyNames,
} from "./directives.ts";
import type { LeadingRequest } from "./turns.ts";
import { fieldOf } from "./record.ts";
import type { CacheEntry, CacheWriter } from "./store.ts";
import { builtin } from "../../../internal/builtin_modules.ts";
import { clientCertificateFor, isClientTls } from "../../transports/client_tls.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { TlsSettings } from "../../transports/transport.ts";
import { connectionOf, isStrict, isVerified } from "../../contract/trust.ts";

/** The longest a request waits for another one's response, in milliseconds, before it is sent itself. */
export const LONGEST_WAIT: number = 10_000;
/** Statuses in whose place a stale response may be used (RFC 5861 §4). */
export const SERVER_FAILURES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** A response on its way into a store. */
export interface Storing {
  /** Takes the body. */
  readonly writer: CacheWriter;
  /** Makes the response findable once so many bytes of the body are written, unless more were announced; whether it is now. */
  commit(length: number): Steps<boolean>;
}

/** One message under way. */
export interface Exchange {
  /** URI without its fragment. */
  readonly key: string;
  /** The request's own directives. */
  readonly directives: CacheDirectives;
  /** The stored response that is being validated, or replaced. */
  entry: CacheEntry | null;
  /** The fields added to validate it, with what they replaced. */
  added: readonly string[];
  /** Whether the message may be answered with what is stored although it is stale: the server has failed. */
  useStale: boolean;
  /** Whether no stored response may be used: the one there was turned out to be another. */
  bypass: boolean;
  /** Whether the message is done, or has begun another attempt. */
  isOver: boolean;
  /** Set between the header section and the body of a response that is to be stored. */
  storing: Storing | null;
  /** The request others wait for, when it is this message's. */
  leading: LeadingRequest | null;
}

/** The request's directives, with HTTP/1.0's Pragma where there is no Cache-Control (RFC 9111 §5.4), as its mode has it. */
export function requestDirectives(msg: HttpMessage): CacheDirectives {
  const headers = msg.requestHeaders;
  const field = headers.get("cache-control");
  const isOld = field === null && /no-cache/i.test(headers.get("pragma") ?? "");
  return asModeHasIt(msg, isOld ? new Map([["no-cache", true]]) : parseCacheControl(field));
}

/** The URI that entries are found by: an http: or https: URI without user information and fragment. */
export function cacheKey(uri: URL): string {
  return bareUrl(uri);
}

/** The request fields a response was chosen by; `null` when no other request can be compared with this one. */
export function varyOf(response: Headers, request: FieldRecord): [string, string | null][] | null {
  const names = varyNames(response.get("vary"));
  return names && names.map((name) => [name, normalizedValue(request[name])]);
}

/** Whether a stored response was chosen by what this request says as well. */
export function matches(entry: CacheEntry, requesters: readonly string[], request: Headers): boolean {
  const { record } = entry;
  return requesters.includes(record.authorization) &&
    record.vary.every(([name, value]) => normalizedValue(request.get(name) ?? undefined) === value);
}

/** The request fields as they went out, without those a cache added itself. */
export function sentFields(msg: HttpMessage, added: readonly string[]): FieldRecord {
  const fields = toRecord(msg.requestHeaders);
  for (const name of added) delete fields[name];
  return fields;
}

/**
 * The message that validates a stale response in the background; it is sent with the identity of the one that has got
 * it.
 */
export function refreshOf(msg: HttpMessage): HttpMessage {
  const headers = new Headers(msg.requestHeaders);
  const refresh = new HttpMessage("GET", msg.uri, { headers, priority: MessagePriority.LOW });
  refresh.flags.add(MessageFlags.OVERWRITE_CHUNKS).add(MessageFlags.NO_REDIRECT);
  refresh.firstParty = msg.firstParty;
  refresh.omitsCredentials = msg.omitsCredentials;
  messageState(refresh).disabled = messageState(msg).disabled?.slice() ?? null;
  return refresh;
}

/**
 * Requests for a range and conditional requests of the caller's own are not answered from the cache, the latter but where
 * they take whatever is stored.
 */
export function isForServer(msg: HttpMessage): boolean {
  const headers = msg.requestHeaders;
  return headers.has("range") || (!takesWhatIsStored(msg) && hasCondition(headers));
}

/** Makes a request validate a stored response. */
export function makeConditional(msg: HttpMessage, exchange: Exchange, entry: CacheEntry): void {
  exchange.entry = entry;
  const added: string[] = [];
  for (const [validator, name] of [["etag", "if-none-match"], ["last-modified", "if-modified-since"]] as const) {
    const value = fieldOf(entry.record, validator);
    if (value === null) continue;
    msg.requestHeaders.set(name, value);
    added.push(name);
  }
  exchange.added = added;
}

/** Takes the fields away that validated a stored response: they are not the caller's. */
export function restoreFields(msg: HttpMessage, exchange: Exchange): void {
  for (const name of exchange.added) msg.requestHeaders.delete(name);
  exchange.added = [];
}

/** Prefix of the digest for a response that came without a trusted certificate. */
const UNVERIFIED = "unverified ";

/** To whom a response was given. */
export interface Recipient {
  /** As records keep it: a digest; empty where the request identified nobody. */
  readonly authorization: string;
  /** Somebody was identified by the connection, not by a field of the request. */
  readonly isIdentified: boolean;
}

/**
 * The recipients whose stored responses this message may have, the likeliest first. They depend on the identity it is
 * sent with, and on whether a trusted certificate is required.
 */
export function requestersOf(session: FeatureSession, msg: HttpMessage): readonly string[] {
  const item = messageState(msg).item;
  const isTls = session.schemeOf(msg.uri) === "https";
  const option = msg.tls?.clientCertificate;
  const client = isTls && !msg.omitsCredentials
    ? clientCertificateFor(option === undefined ? session.clientCertificate : option, `https://${msg.uri.host}`)
    : null;
  const requester = digestOf(msg, item?.identity ?? "", client);
  return isTls && !isStrict(session, msg) ? [requester, UNVERIFIED + requester] : [requester];
}

/** To whom a response was given, according to its connection. */
export function recipientOf(session: FeatureSession, msg: HttpMessage): Recipient {
  const connection = connectionOf(msg);
  const identity = connection?.identities?.find(({ isForProxy }) => !isForProxy)?.name ?? "";
  const client = connection?.target.scheme === "https" ? connection.target.tls.client : null;
  const digest = digestOf(msg, identity, client);
  return {
    authorization: isVerified(session, msg) ? digest : UNVERIFIED + digest,
    isIdentified: identity !== "" || client !== null,
  };
}

/** Whether the Host field of a message names another host than its URI: then the response is not one of that URI. */
export function namesOtherHost(session: FeatureSession, msg: HttpMessage): boolean {
  const field = msg.hasRequestHeaders ? msg.requestHeaders.get("host") : null;
  if (field === null) return false;
  const port = `:${defaultPort(session.schemeOf(msg.uri) ?? "http")}`;
  const bare = (host: string) => host.endsWith(port) ? host.slice(0, -port.length) : host;
  return bare(field.trim().toLowerCase()) !== bare(msg.uri.host);
}

/**
 * A digest, so that no credentials are kept. The fields of a connection that is being authenticated say less than its
 * user.
 */
function digestOf(msg: HttpMessage, identity: string, client: TlsSettings["client"]): string {
  const field = identity === "" && msg.hasRequestHeaders ? msg.requestHeaders.get("authorization") : null;
  const server = serverOf(msg);
  const isPlain = identity === "" && client === null && server.length === 0;
  if (isPlain) return field === null ? "" : sha256(field);
  return sha256(JSON.stringify([field, identity, client === null ? "" : clientName(client), ...server]));
}

/**
 * What decides, besides the URI, which server answers a message: what comes from a unix socket is nothing that the host
 * of the network has said, and what is vouched for by roots of the message's own is so for messages that have the same.
 */
function serverOf(msg: HttpMessage): string[] {
  const socket = messageState(msg).item?.unixSocket;
  const roots = msg.tls?.tlsDatabase;
  return [
    ...(typeof socket === "string" ? ["unix", socket] : []),
    ...(roots === undefined
      ? []
      : ["roots", roots === null ? "" : sha256(roots.isSystem ? "system" : roots.pem().join(""))]),
  ];
}

const clientNames = new WeakMap<object, string>();

/** A digest of the client certificate; a ClientTls, which does not show its certificate, gets a random name. */
function clientName(client: NonNullable<TlsSettings["client"]>): string {
  let name = clientNames.get(client);
  if (name === undefined) {
    clientNames.set(client, name = isClientTls(client) ? builtin.crypto.randomUUID() : sha256(client.cert));
  }
  return name;
}

function sha256(text: string): string {
  return builtin.crypto.createHash("sha256").update(text).digest("base64url");
}
