/**
 * HTTP sessions with the rules of libsoup and an interface like fetch: a queue with priorities, connections with
 * limits, cookies, cache, authentication, HSTS, proxies, signatures. Messages travel over the runtime's fetch or over
 * sockets, whichever can do what they need.
 *
 * @example A session in the place of fetch
 * ```ts
 * import { CookieJar, HttpSession, MockTransport, Retry } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession({ timeout: 30, features: [new CookieJar(), new Retry()] });
 * // What follows answers in place of a server, so that the example runs anywhere.
 * session.addFeature(new MockTransport(() => Response.json({ hello: "world" })));
 * const response = await session.fetch("https://example.com/");
 * assertEquals(await response.json(), { hello: "world" });
 * ```
 *
 * @module
 */
import "./load_order.ts";
import "./inspection.ts";

export { CacheFileStore } from "./features/cache/file_store.ts";
export {
  type CacheBody,
  type CacheEntry,
  CacheMemoryStore,
  type CacheStore,
  type CacheWriter,
  type HttpCacheOptions,
} from "./features/cache/store.ts";
export { HttpCache } from "./features/cache/http_cache.ts";
export type { CacheRecord } from "./features/cache/record.ts";
export { CacheSqliteStore, type CacheSqliteStoreOptions } from "./stores/cache_sqlite_store.ts";
export { CacheRedisStore, type CacheRedisStoreOptions } from "./stores/cache_redis_store.ts";
export type { RedisArgument, RedisClient, RedisCommandOptions, RedisStoreOptions } from "./stores/redis_link.ts";
export { StoreErrorEvent, type StoreEvents, type WhenUnreachable } from "./contract/shared_store.ts";
export {
  type Cookie,
  type CookieChange,
  CookieChangedEvent,
  type CookieContext,
  type CookieFileOptions,
  type CookieInit,
  type CookieJarEvents,
  type CookieJarOptions,
  type CookieStore,
  type SameSite,
  type SharedCookies,
  type SharedCookieStore,
} from "./features/cookies/cookie.ts";
export { CookieJar } from "./features/cookies/cookie_jar.ts";
export type { CookieAcceptPolicy } from "./features/cookies/rules.ts";
export { CookieSqliteStore, CookieTextStore } from "./features/cookies/cookie_stores.ts";
export { CookieRedisStore, type CookieRedisStoreOptions } from "./stores/cookie_redis_store.ts";
export { Connection, type ConnectionIdentity, type ConnectionState } from "./transports/connection.ts";
export { type HttpErrorCode, NotSupportedError } from "./errors.ts";
export { HttpError, type HttpErrorOptions } from "./message/http_error.ts";
export { TransportError, type TransportErrorOptions, type TransportPhase } from "./errors.ts";
export { BodyStage, type BodyTransform } from "./contract/feature.ts";
export type { AttemptWatch, SessionFeature } from "./contract/feature.ts";
export type { TracedMessage } from "./contract/traced_message.ts";
export type { FeatureType } from "./message/feature_type.ts";
export {
  HstsChangedEvent,
  HstsEnforcedEvent,
  HstsEnforcer,
  type HstsEnforcerEvents,
  type HstsEnforcerOptions,
} from "./features/hsts/hsts_enforcer.ts";
export { HstsFileStore, type HstsPolicy, type HstsStore, type SharedHstsStore } from "./features/hsts/policies.ts";
export { HstsRedisStore, type HstsRedisStoreOptions } from "./stores/hsts_redis_store.ts";
export {
  HttpMessage,
  type HttpMessageInit,
  type MessageBody,
  type MessageBodyInit,
  type MessageEventName,
} from "./message/message.ts";
export { MessageFlags, MessagePriority } from "./message/message.ts";
export {
  ChunkEvent,
  type ChunkEventName,
  ContentSniffedEvent,
  type HttpMessageEvents,
  InformationalEvent,
  MessageMetrics,
  NetworkEvent,
  TransferProgressEvent,
} from "./message/message_events.ts";
export { HttpSession, type SessionCallback } from "./session/session.ts";
export {
  type HttpWebSocketEvents,
  WebSocketCloseEvent,
  WebSocketErrorEvent,
  type WebSocketMessageEvent,
} from "./websocket/events.ts";
export type { HttpWebSocketOptions } from "./websocket/open_websocket.ts";
export { HttpWebSocket, type HttpWebSocketHandler } from "./websocket/websocket.ts";
export {
  type ActingProperty,
  type Auth,
  AuthenticateEvent,
  type AuthenticateOptions,
  ConnectionEvent,
  type HttpSessionEvents,
  NotifyEvent,
  RequestEvent,
  RequestStartedEvent,
  type SessionAccessor,
  sessionProperties,
  SessionProperty,
} from "./contract/session_events.ts";
export type { ClientCertificateOption } from "./transports/client_tls.ts";
export type { CancelOptions } from "./contract/message_options.ts";
export type { AsyncContext, FeatureSession, SessionFetch } from "./contract/feature_session.ts";
export type { ConstructibleFeatureType, HttpSessionOptions } from "./session/session_options.ts";
export type { HttpFetchInit, RequeueOptions, SendOptions } from "./contract/message_options.ts";
export type { SessionPropertyInputs, SessionPropertyValues } from "./session/session_property_types.ts";
export type { TransportChoice } from "./transports/choice/select.ts";
export { HttpStatus, isTransportStatus, reasonPhrase } from "./protocol/status.ts";
export { type CertificateInput, TlsDatabase } from "./transports/tls_database.ts";
export type {
  BlockingTls,
  ByteDuplex,
  ClientCertificate,
  ClientTls,
  ConnectionProtocol,
  ConnectionTarget,
  ExchangeObserver,
  Http2Choice,
} from "./transports/transport.ts";
export type {
  NetworkEventName,
  OpenRequest,
  PeerCertificate,
  ProxyTarget,
  TlsInfo,
  TlsPieces,
  TlsSettings,
} from "./transports/transport.ts";
export type { RuntimeLabel, RuntimeName } from "../internal/runtime.ts";
export type { TransportCapabilities, TransportCapability } from "./transports/capabilities.ts";
export type { Transport, TransportConnection } from "./transports/transport.ts";
export type { HostAddress, HostLookup } from "./transports/host_lookup.ts";
export type { UnixSocketOption } from "./transports/unix_socket.ts";
export { RequestTimeoutError, type TimeoutKind } from "./contract/time_watch.ts";
export type { MessageTimeouts, MessageTls, TimeoutsOptions } from "./message/own_settings.ts";
export type {
  RequestTrailers,
  TransportRequest,
  TransportResponse,
  TrustRoots,
  UpgradedStream,
} from "./transports/transport.ts";
export { FetchTransport, type FetchTransportOptions } from "./transports/fetch/fetch_transport.ts";
export { NodeTransport } from "./transports/node/node_transport.ts";
export {
  AuthBasic,
  AuthBearer,
  type AuthBearerOptions,
  type BearerRefresh,
  type BearerRefreshRequest,
} from "./features/auth/plain_schemes.ts";
export { AuthDigest } from "./features/auth/digest.ts";
export { AuthenticationError, AuthFeature } from "./features/auth/auth_feature.ts";
export { AuthManager, type AuthManagerOptions } from "./features/auth/manager.ts";
export { AuthNegotiate, type AuthNegotiateOptions, type NegotiateRequest } from "./features/auth/negotiate.ts";
export type { NegotiateTokenSource } from "./features/auth/negotiate.ts";
export { AuthNtlm } from "./features/auth/ntlm/ntlm.ts";
export { MemoryPasswordStore, PasswordManager, type PasswordManagerOptions } from "./features/auth/password_manager.ts";
export type { PasswordRequest, PasswordStore, SavedPassword } from "./features/auth/password_manager.ts";
export { AuthScheme, type AuthSchemeType } from "./features/auth/scheme.ts";
export { type ContentCoding, ContentDecodingError, parseContentCodings } from "./codings/codings.ts";
export { decodeContent, type DecodeOptions } from "./codings/decode.ts";
export { ContentDecoder, type ContentDecoderOptions } from "./features/content_decoder.ts";
export { Logger, type LoggerDirection, type LoggerLevel, type LoggerOptions } from "./features/logging/logger.ts";
export { HarRecorder, type HarRecorderOptions } from "./features/logging/har_recorder.ts";
export {
  type MockedRequest,
  type MockHandler,
  MockTransport,
  type MockTransportOptions,
} from "./features/mock_transport.ts";
export {
  type EnvironmentProxyOptions,
  type ProxyAnswer,
  type ProxyFunction,
  type ProxyList,
  ProxyResolutionError,
  ProxyResolver,
  type StaticProxyOptions,
  StaticProxyResolver,
} from "./features/proxies/proxy_resolver.ts";
export { RateLimit, type RateLimitOptions, type RateLimitStore, type TokenRate } from "./features/rate_limit.ts";
export { RateLimitRedisStore, type RateLimitRedisStoreOptions } from "./stores/rate_limit_redis_store.ts";
export { Retry, type RetryBudgetOptions, type RetryInfo, type RetryOptions } from "./features/retry.ts";
export { ContentSniffer, type ContentSnifferOptions } from "./features/sniffing/content_sniffer.ts";
export { Timeouts } from "./features/timeouts.ts";
export { readNdjson, type ReadNdjsonOptions } from "./streams/ndjson.ts";
export {
  EventStreamError,
  EventStreamParser,
  type EventStreamParserOptions,
  readServerSentEvents,
  type ReadServerSentEventsOptions,
  type ReconnectInfo,
  type ServerSentEvent,
  serverSentEvents,
  type ServerSentEventsOptions,
} from "./streams/server_sent_events.ts";
export { TypedEventTarget, type TypedListener } from "../internal/events.ts";
export type { BytesInput, FetchInput, HeadersInput, ListenerOptions } from "../internal/platform_types.ts";
export { ConnectionScheme } from "./features/auth/connection_scheme.ts";
export type { Authorization, AuthRequest, AuthStep, BodyCheck, Credentials } from "./features/auth/scheme.ts";
export type { PasswordCredentials, TokenCredentials } from "./features/auth/scheme.ts";
export type { Handshake } from "./features/auth/connection_scheme.ts";
export type { Challenge } from "./protocol/challenges.ts";
export type {
  HarEntry,
  HarLog,
  HarPair,
  HarRequest,
  HarResponse,
  HarTimings,
} from "./features/logging/har_recorder.ts";
export type { Environment } from "./features/proxies/environment.ts";
export { NdjsonError } from "./streams/ndjson.ts";
export { type BodySource, RecordTooLongError } from "./streams/source.ts";
export {
  type ContentDisposition,
  formatMediaType,
  type HeaderLink,
  type MediaType,
  parseContentDisposition,
  parseLink,
  parseMediaType,
  parseQualityList,
  qualityOf,
  type QualityValue,
} from "./protocol/media_type.ts";
export {
  formatHttpDate,
  type HttpDateOptions,
  parseHttpDate,
  parseRateLimit,
  parseRetryAfter,
  type ServerRateLimit,
} from "./protocol/retry_times.ts";
export {
  type HeaderParameter,
  parseStructuredDictionary,
  parseStructuredItem,
  parseStructuredList,
  type StructuredDictionary,
  type StructuredInnerList,
  type StructuredItem,
  type StructuredList,
  type StructuredText,
  type StructuredValue,
} from "./protocol/syntax.ts";
export { type SniffContext, sniffMediaType, type SniffOptions } from "./features/sniffing/sniff.ts";
export { type StreamingSession, streamMessage, type StreamMessageOptions } from "./streams/message_body.ts";
export { parseAcceptSignature, type RequestedSignature } from "./features/signatures/requested_signatures.ts";
export type {
  PublicJwk,
  SignatureVerifier,
  Signer,
  SignOptions,
  VerificationKey,
} from "./features/signatures/signer.ts";
export {
  MessageSignatureError,
  type MessageSignatureReason,
  type StructuredFieldType,
} from "./features/signatures/components.ts";
export type { ContentDigestAlgorithm } from "./features/signatures/content_digest.ts";
export type {
  FieldLines,
  SignableMessage,
  SignableRequest,
  SignableResponse,
  SignatureInfo,
} from "./features/signatures/message_parts.ts";
export { MessageSignatures, type MessageSignaturesOptions } from "./features/signatures/message_signatures.ts";
export { type SignatureFields, signMessage, type SignMessageOptions } from "./features/signatures/sign_message.ts";
export { type FoundKey, verifyMessage, type VerifyMessageOptions } from "./features/signatures/verify_message.ts";
export { Dpop, type DpopOptions, dpopProof, type DpopProofOptions } from "./features/signatures/jose/dpop.ts";
export {
  JwsError,
  type JwsErrorReason,
  type JwsHeader,
  type JwsKeyFinder,
  type JwsPayload,
  signJws,
  type SignJwsOptions,
  type VerifiedJws,
  verifyJws,
  type VerifyJwsOptions,
} from "./features/signatures/jose/json_web_signature.ts";
export {
  CLIENT_ASSERTION_TYPE,
  type JwtClaims,
  privateKeyJwt,
  type PrivateKeyJwtOptions,
  signJwt,
  type SignJwtOptions,
  type VerifiedJwt,
  verifyJwt,
  type VerifyJwtOptions,
} from "./features/signatures/jose/json_web_token.ts";
export { AwsSigV4, type AwsSigV4Options } from "./features/signatures/aws/aws_sig_v4.ts";
export type { AwsCredentials } from "./features/signatures/aws/request_signing.ts";
