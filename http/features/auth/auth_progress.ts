/**
 * How far the authentication of one message has come with one challenger, its origin or its proxy; and whom a connection is
 * authenticated as.
 *
 * @module
 */
import { type Connection, isTunneled } from "../../transports/connection.ts";
import { type HttpMessage, messageState } from "../../message/message.ts";
import type { MessageItem } from "../../message/message_state.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { ProxyTarget } from "../../transports/transport.ts";
import { connectionOf } from "../../contract/trust.ts";
import { bareHost, defaultPort, wireUrl } from "../../protocol/uri.ts";
import type { Authorization, AuthRequest, AuthScheme, AuthStep } from "./scheme.ts";
import { runtimeCrypto } from "../../../internal/runtime.ts";

/** Names of the header fields of an origin or a proxy. */
export interface AuthFields {
  /** What carries challenges. */
  readonly challenge: string;
  /** What carries credentials. */
  readonly credentials: string;
  /** What carries nextnonce and rspauth. */
  readonly info: string;
}

export const originFields: AuthFields = {
  challenge: "www-authenticate",
  credentials: "authorization",
  info: "authentication-info",
};

export const proxyFields: AuthFields = {
  challenge: "proxy-authenticate",
  credentials: "proxy-authorization",
  info: "proxy-authentication-info",
};

/** Who sends challenges, and for which request. */
export interface Challenger {
  /** Scheme, host and port. */
  readonly origin: string;
  /** What to write the field for. */
  readonly request: AuthRequest;
  /** True for a proxy. */
  readonly isForProxy: boolean;
  /** Header field names. */
  readonly fields: AuthFields;
  /** Credentials in the URI of the message or the proxy; null without. */
  readonly uriCredentials: { readonly user: string; readonly password: string } | null;
  /** The user that URI names, with a password or without; null when it names nobody. */
  readonly uriUser: string | null;
}

/** One message and one challenger. */
export class AuthProgress {
  /** The field value the manager has put on the message; another value there is the user's own. */
  value: string | null = null;
  /** Origin of the challenger that the rest is about. */
  origin = "";
  /** What the present attempt was sent with; null when it was sent without. */
  sent: { readonly auth: AuthScheme; readonly authorization: Authorization } | null = null;
  /** What the next attempt is to be sent with. */
  next: { readonly auth: AuthScheme; readonly step: AuthStep } | null = null;
  /** Attempts that were repeated without asking for credentials. */
  automatic = 0;
  /** How often credentials were asked for. */
  questions = 0;
  /** The credentials of the URI have been used. */
  isUriTried = false;
  /** A source of the scheme's own has been asked. */
  isObtained = false;

  /** Begins anew for another challenger. */
  reset(origin: string): void {
    this.origin = origin;
    this.sent = null;
    this.next = null;
    this.automatic = 0;
    this.questions = 0;
    this.isUriTried = false;
    this.isObtained = false;
  }
}

/** Whether a connection is one message's at a time, so that it can be authenticated: with HTTP/2 it is not. */
export function carriesOneMessage(connection: Connection): boolean {
  return connection.protocol !== "h2";
}

/** The entry of a message on its queue. */
export function itemOf(msg: HttpMessage): MessageItem | null {
  return messageState(msg).item;
}

/** The origin of a message; null when its URI cannot be sent, and when it is to know nothing of the user. */
export function originChallenger(
  session: FeatureSession,
  msg: HttpMessage,
  connection: Connection | null,
): Challenger | null {
  const scheme = msg.omitsCredentials ? null : session.schemeOf(msg.uri);
  if (scheme === null) return null;
  const url = new URL(wireUrl(msg.uri, scheme));
  const { username, password } = msg.uri;
  return {
    origin: url.origin,
    request: {
      session,
      msg,
      method: msg.method,
      target: url.pathname + url.search,
      url,
      host: bareHost(url.hostname),
      body: msg.requestBody,
      connection,
    },
    isForProxy: false,
    fields: originFields,
    uriCredentials: password === "" ? null : { user: decode(username), password: decode(password) },
    uriUser: username === "" && password === "" ? null : decode(username),
  };
}

/** The proxy of a connection; null without one, and for proxies that do not speak HTTP. */
export function proxyChallenger(
  session: FeatureSession,
  msg: HttpMessage,
  connection: Connection | null,
): Challenger | null {
  const proxy = connection?.proxy ?? null;
  const scheme = session.schemeOf(msg.uri);
  if (connection === null || proxy === null || scheme === null || !proxy.scheme.startsWith("http")) return null;
  const url = new URL(wireUrl(msg.uri, scheme));
  const isTunnel = isTunneled(connection.target);
  return {
    origin: proxyOrigin(proxy),
    request: {
      session,
      msg,
      method: isTunnel ? "CONNECT" : msg.method,
      target: isTunnel ? `${url.hostname}:${url.port || defaultPort(scheme)}` : url.pathname + url.search,
      url,
      host: bareHost(proxy.uri.hostname),
      body: isTunnel ? null : msg.requestBody,
      connection,
    },
    isForProxy: true,
    fields: proxyFields,
    uriCredentials: proxy.password === undefined ? null : { user: proxy.username ?? "", password: proxy.password },
    uriUser: proxy.username ?? (proxy.password === undefined ? null : ""),
  };
}

/** Who has sent the 401 or 407; null when it is not entitled to, as an origin that sends a 407. */
export function challengerOf(session: FeatureSession, msg: HttpMessage): Challenger | null {
  const connection = connectionOf(msg);
  if (msg.statusCode === 401) return originChallenger(session, msg, connection);
  // Through a tunnel the origin answers; the challenge of a proxy to a CONNECT goes to `tunnelRefused`.
  const isFromProxy = msg.statusCode === 407 && connection !== null && !isTunneled(connection.target);
  return isFromProxy ? proxyChallenger(session, msg, connection) : null;
}

function proxyOrigin({ scheme, uri }: ProxyTarget): string {
  return `${scheme}://${uri.host}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone "%" stands for itself, as the URL standard lets it.
  }
}

/** A field that this library has not written is the caller's: it is sent as it is, and challenges are not answered. */
export function isOwnField(msg: HttpMessage, { fields }: Challenger, progress: AuthProgress): boolean {
  if (!msg.hasRequestHeaders) return false;
  const value = msg.requestHeaders.get(fields.credentials);
  return value !== null && value !== progress.value;
}

/** Writes a field, or removes the one that was written for an earlier attempt. */
export function writeField(
  msg: HttpMessage,
  { fields }: Challenger,
  progress: AuthProgress,
  value: string | null,
): void {
  if (value !== null) msg.requestHeaders.set(fields.credentials, value);
  else if (progress.value !== null) msg.requestHeaders.delete(fields.credentials);
  progress.value = value;
}

/** Removes a field that this library has written, where it does not belong. */
export function dropField(msg: HttpMessage, { credentials }: AuthFields, progress: AuthProgress): void {
  if (progress.value === null || !msg.hasRequestHeaders) return;
  if (msg.requestHeaders.get(credentials) === progress.value) msg.requestHeaders.delete(credentials);
}

/** The identity of credentials that no server has accepted yet: no response was ever given to it. */
export const unverifiedIdentity = "?";

const nameless = new WeakMap<AuthScheme, { generation: number; name: string }>();

/** Scheme and user; a token names no user, so that it gets a name of its own. */
export function identityName(auth: AuthScheme): string {
  if (auth.user !== null) return `${auth.scheme} ${auth.user}`;
  let known = nameless.get(auth);
  if (known?.generation !== auth.generation) {
    nameless.set(auth, known = { generation: auth.generation, name: `${auth.scheme} ${runtimeCrypto().randomUUID()}` });
  }
  return known.name;
}

/**
 * Notes on the connection which identity it is about to be authenticated as. That counts from the moment the
 * credentials are written: whatever the peer answers, it may have accepted them.
 */
export function identify(
  challenger: Challenger,
  auth: AuthScheme,
  authorization: Authorization,
  authOf: (msg: Challenger["request"]["msg"]) => AuthScheme | null,
): void {
  const { connection } = challenger.request;
  if (!auth.isConnectionBound || authorization.value === null || connection === null) return;
  const { generation } = authorization;
  connection.identify({
    name: identityName(auth),
    isForProxy: challenger.isForProxy,
    isOf(msg: Challenger["request"]["msg"]) {
      return auth.generation === generation && auth.isAuthenticated && authOf(msg) === auth;
    },
  });
}
