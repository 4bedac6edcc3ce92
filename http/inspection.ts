/**
 * How the classes of this floor show themselves: never with credentials, cookies, a query, or what a body holds.
 *
 * @module
 */
import { counted, type Fact, fact, inspectable, inspectableError, quoted } from "../internal/inspection.ts";
import { brief } from "../internal/inspection.ts";
import {
  AuthenticateEvent,
  ConnectionEvent,
  NotifyEvent,
  RequestEvent,
  RequestStartedEvent,
} from "./contract/session_events.ts";
import { StoreErrorEvent } from "./contract/shared_store.ts";
import { TransportError } from "./errors.ts";
import { AuthFeature } from "./features/auth/auth_feature.ts";
import { AuthBasic, AuthBearer } from "./features/auth/plain_schemes.ts";
import { ConnectionScheme } from "./features/auth/connection_scheme.ts";
import { AuthDigest } from "./features/auth/digest.ts";
import { AuthManager } from "./features/auth/manager.ts";
import { AuthNegotiate } from "./features/auth/negotiate.ts";
import { AuthNtlm } from "./features/auth/ntlm/ntlm.ts";
import { MemoryPasswordStore, PasswordManager } from "./features/auth/password_manager.ts";
import { AuthScheme } from "./features/auth/scheme.ts";
import { CacheFileStore } from "./features/cache/file_store.ts";
import { CacheMemoryStore } from "./features/cache/store.ts";
import { HttpCache } from "./features/cache/http_cache.ts";
import { ContentDecoder } from "./features/content_decoder.ts";
import { type Cookie, CookieChangedEvent } from "./features/cookies/cookie.ts";
import { CookieJar } from "./features/cookies/cookie_jar.ts";
import { CookieSqliteStore, CookieTextStore } from "./features/cookies/cookie_stores.ts";
import { HstsChangedEvent, HstsEnforcedEvent, HstsEnforcer } from "./features/hsts/hsts_enforcer.ts";
import { HstsFileStore } from "./features/hsts/policies.ts";
import { HarRecorder } from "./features/logging/har_recorder.ts";
import { Logger } from "./features/logging/logger.ts";
import { MockTransport } from "./features/mock_transport.ts";
import { ProxyResolver, StaticProxyResolver } from "./features/proxies/proxy_resolver.ts";
import { RateLimit } from "./features/rate_limit.ts";
import { Retry } from "./features/retry.ts";
import { AwsSigV4 } from "./features/signatures/aws/aws_sig_v4.ts";
import { Dpop } from "./features/signatures/jose/dpop.ts";
import { MessageSignatures } from "./features/signatures/message_signatures.ts";
import { ContentSniffer } from "./features/sniffing/content_sniffer.ts";
import { Timeouts } from "./features/timeouts.ts";
import { HttpError } from "./message/http_error.ts";
import { HttpMessage, messageState } from "./message/message.ts";
import {
  ChunkEvent,
  ContentSniffedEvent,
  InformationalEvent,
  MessageMetrics,
  NetworkEvent,
  TransferProgressEvent,
} from "./message/message_events.ts";
import { bareAddress } from "./protocol/uri.ts";
import { coreOf, HttpSession } from "./session/session.ts";
import { CacheRedisStore } from "./stores/cache_redis_store.ts";
import { CacheSqliteStore } from "./stores/cache_sqlite_store.ts";
import { RateLimitRedisStore } from "./stores/rate_limit_redis_store.ts";
import { CookieRedisStore } from "./stores/cookie_redis_store.ts";
import { HstsRedisStore } from "./stores/hsts_redis_store.ts";
import { EventStreamParser } from "./streams/server_sent_events.ts";
import { Connection } from "./transports/connection.ts";
import { FetchTransport } from "./transports/fetch/fetch_transport.ts";
import { NodeTransport } from "./transports/node/node_transport.ts";
import { TlsDatabase } from "./transports/tls_database.ts";
import { shownSocket } from "./transports/unix_socket.ts";
import { WebSocketCloseEvent, WebSocketErrorEvent } from "./websocket/events.ts";
import { HttpWebSocket } from "./websocket/websocket.ts";

inspectable(HttpSession, "HttpSession", (session) => {
  if (session.closed) return [fact("closed", true)];
  const { connections } = session;
  const queued = coreOf(session).items.byAge().filter(({ connection }) => connection === null).length;
  return [
    fact("connections", connections, counted(connections.length, "connection")),
    fact("queued", queued, `${queued} queued`),
  ];
});

inspectable(HttpMessage, "HttpMessage", (msg) => {
  const { connectionId, item, lastEvent } = messageState(msg);
  const address = addressOf(msg.uri);
  return [
    fact("method", msg.method, `${msg.method} ${address}`),
    fact("uri", address, ""),
    fact("statusCode", msg.statusCode, msg.statusCode === 0 ? "" : String(msg.statusCode)),
    fact("lastEvent", lastEvent || undefined, lastEvent || (item === null ? "" : "queued")),
    fact("connection", connectionId || undefined, connectionId === 0 ? "" : `connection ${connectionId}`),
  ];
});

/** A URI without what may be secret; one without a host may be all secret. */
function addressOf(uri: URL): string {
  return uri.host === "" ? uri.protocol : bareAddress(uri);
}

inspectable(Connection, "Connection", ({ host, id, port, proxy, state, target, uses }) => [
  fact("id", id, String(id)),
  fact("host", host, `${target.scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`),
  fact("port", port, ""),
  fact("state", state, state),
  fact("uses", uses, counted(uses, "request")),
  fact("unixSocket", target.unixSocket ?? undefined, target.unixSocket ? `by ${shownSocket(target.unixSocket)}` : ""),
  fact("proxy", proxy === null ? undefined : addressOf(proxy.uri), proxy === null ? "" : `by ${addressOf(proxy.uri)}`),
]);

const METRICS = [
  "attempts",
  "queued",
  "started",
  "firstByte",
  "finished",
  "waiting",
  "duration",
  "requestBodyBytes",
  "responseBodyBytes",
  "responseHeaderBytes",
] as const;

inspectable(MessageMetrics, "MessageMetrics", (metrics) => METRICS.map((name) => fact(name, metrics[name])));

const readyStates = ["connecting", "open", "closing", "closed"];

inspectable(HttpWebSocket, "HttpWebSocket", ({ protocol, readyState, url }) => [
  fact("url", addressOf(new URL(url)), addressOf(new URL(url))),
  fact("readyState", readyState, readyStates[readyState]!),
  fact("protocol", protocol || undefined, protocol),
]);

inspectable(TlsDatabase, "TlsDatabase", ({ isSystem, size }) => [
  fact("isSystem", isSystem, isSystem ? "the system's" : ""),
  fact("size", size, counted(size, "certificate")),
]);

inspectable(FetchTransport, "FetchTransport");
inspectable(NodeTransport, "NodeTransport");

inspectableError(HttpError, ({ code, msg, status }) => [
  fact("status", status),
  fact("code", code),
  fact("msg", msg, brief(msg)),
]);
inspectableError(TransportError, ({ code, phase, status }) => [
  fact("status", status),
  fact("phase", phase),
  fact("code", code),
]);

// Events of messages and sessions.
inspectable(RequestEvent, "RequestEvent", requestFacts);
inspectable(RequestStartedEvent, "RequestStartedEvent", requestFacts);
inspectable(AuthenticateEvent, "AuthenticateEvent", ({ auth, msg, retrying, type }) => [
  typeFact(type),
  msgFact(msg),
  fact("scheme", auth.scheme, auth.scheme),
  fact("realm", auth.realm),
  fact("retrying", retrying),
]);
inspectable(ConnectionEvent, "ConnectionEvent", ({ connection, type }) => [
  typeFact(type),
  fact("connection", connection, `connection ${connection.id}`),
]);
inspectable(NotifyEvent, "NotifyEvent", ({ property, type }) => [typeFact(type), fact("property", property, property)]);
inspectable(ChunkEvent, "ChunkEvent", ({ chunk, type }) => [
  typeFact(type),
  fact("byteLength", chunk.byteLength, counted(chunk.byteLength, "byte")),
]);
inspectable(InformationalEvent, "InformationalEvent", ({ status, type }) => [
  typeFact(type),
  fact("status", status, String(status)),
]);
inspectable(NetworkEvent, "NetworkEvent", ({ event, type }) => [typeFact(type), fact("event", event, event)]);
inspectable(ContentSniffedEvent, "ContentSniffedEvent", ({ contentType, type }) => [
  typeFact(type),
  fact("contentType", contentType, contentType),
]);
inspectable(TransferProgressEvent, "TransferProgressEvent", ({ direction, loaded, total, type }) => [
  typeFact(type),
  fact("direction", direction, direction),
  fact("loaded", loaded, total === null ? counted(loaded, "byte") : `${loaded} of ${counted(total, "byte")}`),
  fact("total", total, ""),
]);
inspectable(HstsChangedEvent, "HstsChangedEvent", ({ newPolicy, oldPolicy, type }) => [
  typeFact(type),
  fact("host", (newPolicy ?? oldPolicy)?.host, (newPolicy ?? oldPolicy)?.host ?? ""),
  changeFact(oldPolicy, newPolicy),
]);
inspectable(WebSocketCloseEvent, "WebSocketCloseEvent", ({ code, type, wasClean }) => [
  typeFact(type),
  fact("code", code, String(code)),
  fact("wasClean", wasClean, wasClean ? "" : "not clean"),
]);
inspectable(WebSocketErrorEvent, "WebSocketErrorEvent", ({ error, type }) => [
  typeFact(type),
  fact("error", error, error.name),
]);
inspectable(StoreErrorEvent, "StoreErrorEvent", ({ error, type }) => [
  typeFact(type),
  fact("error", error, error instanceof Error ? error.name : ""),
]);
inspectable(HstsEnforcedEvent, "HstsEnforcedEvent", ({ msg, type }) => [typeFact(type), msgFact(msg)]);
inspectable(CookieChangedEvent, "CookieChangedEvent", ({ newCookie, oldCookie, type }) => [
  typeFact(type),
  ...cookieFacts((newCookie ?? oldCookie)!),
  changeFact(oldCookie, newCookie),
]);

function requestFacts({ connection, msg, type }: RequestEvent): Fact[] {
  const words = connection === null ? "" : `connection ${connection.id}`;
  return [typeFact(type), msgFact(msg), fact("connection", connection ?? undefined, words)];
}

function typeFact(type: string): Fact {
  return fact("type", type, type);
}

function msgFact(msg: HttpMessage): Fact {
  return fact("msg", msg, brief(msg));
}

function changeFact(before: object | null, after: object | null): Fact {
  const change = before === null ? "added" : after === null ? "removed" : "replaced";
  return fact("change", change, change);
}

function cookieFacts({ domain, name, path }: Cookie): Fact[] {
  return [fact("name", name, `${quoted(name)} of ${domain}`), fact("domain", domain, ""), fact("path", path, "")];
}

// Features and what belongs to them.
inspectable(AuthFeature, "AuthFeature");
inspectable(AuthManager, "AuthManager", ({ schemes }) => {
  const names = schemes.map(({ schemeName }) => schemeName);
  return [fact("schemes", names, names.join(" "))];
});
inspectable(AuthScheme, "AuthScheme", schemeFacts);
inspectable(ConnectionScheme, "ConnectionScheme", schemeFacts);
inspectable(AuthBasic, "AuthBasic", schemeFacts);
inspectable(AuthBearer, "AuthBearer", schemeFacts);
inspectable(AuthDigest, "AuthDigest", schemeFacts);
inspectable(AuthNegotiate, "AuthNegotiate", schemeFacts);
inspectable(AuthNtlm, "AuthNtlm", schemeFacts);
inspectable(MemoryPasswordStore, "MemoryPasswordStore");
inspectable(PasswordManager, "PasswordManager", ({ store }) => [fact("store", store.constructor.name)]);
inspectable(HttpCache, "HttpCache", ({ maxBytes, shared }) => [
  fact("shared", shared, shared ? "shared" : "private"),
  fact("maxBytes", maxBytes, `at most ${counted(maxBytes, "byte")}`),
]);
inspectable(CacheMemoryStore, "CacheMemoryStore", storedFacts);
inspectable(CacheFileStore, "CacheFileStore", (store) => [pathFact(store.path)]);
inspectable(CookieJar, "CookieJar", ({ acceptPolicy, size }) => [
  fact("size", size, counted(size, "cookie")),
  fact("acceptPolicy", acceptPolicy, acceptPolicy === "always" ? "" : acceptPolicy),
]);
inspectable(CacheRedisStore, "CacheRedisStore", serverFacts);
inspectable(CacheSqliteStore, "CacheSqliteStore", ({ path }) => [pathFact(path)]);
inspectable(CookieRedisStore, "CookieRedisStore", (store) => [...serverFacts(store), fact("jar", store.jar)]);
inspectable(CookieSqliteStore, "CookieSqliteStore", ({ path }) => [pathFact(path)]);
inspectable(CookieTextStore, "CookieTextStore", ({ path }) => [pathFact(path)]);
inspectable(HstsEnforcer, "HstsEnforcer", ({ isPersistent }) => [fact("isPersistent", isPersistent, "")]);
inspectable(HstsFileStore, "HstsFileStore", ({ path }) => [pathFact(path)]);
inspectable(HstsRedisStore, "HstsRedisStore", serverFacts);
inspectable(ContentDecoder, "ContentDecoder", ({ maxSize }) => [
  fact("maxSize", maxSize, `at most ${counted(maxSize, "byte")}`),
]);
inspectable(ContentSniffer, "ContentSniffer", ({ maxWait }) => [fact("maxWait", maxWait, `waits ${maxWait} ms`)]);
inspectable(Logger, "Logger", ({ level }) => [fact("level", level, level)]);
inspectable(HarRecorder, "HarRecorder", ({ entries }) => [
  fact("entries", entries, counted(entries.length, "entry", "entries")),
]);
inspectable(MockTransport, "MockTransport", ({ requests }) => [
  fact("requests", requests.length, counted(requests.length, "request")),
]);
inspectable(ProxyResolver, "ProxyResolver");
inspectable(StaticProxyResolver, "StaticProxyResolver", ({ proxy }) => [
  fact("proxy", addressOf(proxy.uri), addressOf(proxy.uri)),
]);
inspectable(RateLimit, "RateLimit", ({ size }) => [fact("size", size, counted(size, "host"))]);
inspectable(RateLimitRedisStore, "RateLimitRedisStore", serverFacts);
inspectable(Retry, "Retry", ({ budget }) => [fact("budget", budget)]);
inspectable(Timeouts, "Timeouts", ({ connect, idle, total }) => [
  fact("connect", connect, `connect ${connect} ms`),
  fact("idle", idle, `idle ${idle} ms`),
  fact("total", total, `total ${total} ms`),
]);
inspectable(AwsSigV4, "AwsSigV4");
inspectable(Dpop, "Dpop");
inspectable(MessageSignatures, "MessageSignatures");
inspectable(EventStreamParser, "EventStreamParser", ({ lastEventId }) => [fact("lastEventId", lastEventId)]);

function schemeFacts({ isAuthenticated, isForProxy, origin, realm, scheme }: AuthScheme): Fact[] {
  return [
    fact("scheme", scheme, scheme),
    fact("origin", origin, origin),
    fact("realm", realm),
    fact("isForProxy", isForProxy, isForProxy ? "for a proxy" : ""),
    fact("isAuthenticated", isAuthenticated, isAuthenticated ? "authenticated" : ""),
  ];
}

function storedFacts({ bytes, size }: CacheMemoryStore): Fact[] {
  return [
    fact("size", size, counted(size, "response")),
    fact("bytes", bytes, counted(bytes, "byte")),
  ];
}

function serverFacts({ address, prefix }: { readonly address: string; readonly prefix: string }): Fact[] {
  return [fact("address", address || undefined, address), fact("prefix", prefix)];
}

function pathFact(path: string): Fact {
  return fact("path", path, quoted(path));
}
