/**
 * HTTP sessions on the fetch of the runtime.
 *
 * @module
 */
export { CacheFileStore, CacheMemoryStore, HttpCache, type HttpCacheOptions } from "./cache/mod.ts";
export type { CacheEntry, CacheRecord, CacheStore, CacheWriter } from "./cache/mod.ts";
export { CookieChangedEvent, CookieJar, type CookieJarEvents, type CookieJarOptions } from "./cookies/mod.ts";
export { type Cookie, type CookieAcceptPolicy, type CookieChange, type CookieContext } from "./cookies/mod.ts";
export { type CookieInit, CookieSqliteStore, type CookieStore, CookieTextStore, type SameSite } from "./cookies/mod.ts";
export { Connection, type ConnectionIdentity, type ConnectionState } from "./connection.ts";
export { NotSupportedError } from "./errors.ts";
export { HttpError, type HttpErrorOptions } from "./http_error.ts";
export { TransportError, type TransportErrorOptions, type TransportPhase } from "./errors.ts";
export { BodyStage, type BodyTransform } from "./feature.ts";
export type { ConstructibleFeatureType } from "./feature_type.ts";
export type { SessionFeature } from "./feature.ts";
export type { FeatureType } from "./feature_type.ts";
export { HstsChangedEvent, HstsEnforcedEvent, HstsEnforcer, type HstsEnforcerEvents } from "./hsts/mod.ts";
export { type HstsEnforcerOptions, HstsFileStore, type HstsPolicy, type HstsStore } from "./hsts/mod.ts";
export {
  HttpMessage,
  type HttpMessageInit,
  type MessageBody,
  type MessageBodyInit,
  type MessageEventName,
} from "./message.ts";
export { MessageFlags, MessagePriority } from "./message.ts";
export { ChunkEvent, ContentSniffedEvent, type HttpMessageEvents, InformationalEvent } from "./message_events.ts";
export { NetworkEvent, TransferProgressEvent } from "./message_events.ts";
export { MessageMetrics } from "./metrics.ts";
export { HttpSession, type SessionCallback } from "./session.ts";
export { type Auth, AuthenticateEvent, type AuthenticateOptions, ConnectionEvent } from "./session_events.ts";
export { type HttpSessionEvents, NotifyEvent, RequestEvent } from "./session_events.ts";
export type { ClientCertificateOption } from "./client_tls.ts";
export type { CancelOptions } from "./message_options.ts";
export type { AsyncContext, FeatureSession, SessionFetch } from "./feature_session.ts";
export type { HttpSessionOptions } from "./session_options.ts";
export type { HttpFetchInit, RequeueOptions, SendOptions } from "./message_options.ts";
export { SessionProperty } from "./session_options.ts";
export type { TransportChoice } from "./transports/select.ts";
export { SessionProperties, sessionProperties } from "./session_properties.ts";
export { HttpStatus, isTransportStatus, reasonPhrase } from "./status.ts";
export { type CertificateInput, TlsDatabase } from "./tls_database.ts";
export type { ByteDuplex, ClientCertificate, ClientTls, ConnectionTarget, ExchangeObserver } from "./transport.ts";
export type { NetworkEventName, OpenRequest, PeerCertificate, ProxyTarget, TlsInfo, TlsSettings } from "./transport.ts";
export type { Transport, TransportCapabilities, TransportCapability, TransportConnection } from "./transport.ts";
export type { RequestTrailers, TransportRequest, TransportResponse, TrustRoots } from "./transport.ts";
export { FetchTransport, type FetchTransportOptions } from "./transports/fetch_generic.ts";
export { NodeTransport } from "./transports/node_transport.ts";
export { AuthBasic } from "./auth/basic.ts";
export { AuthBearer, type AuthBearerOptions, type BearerRefresh, type BearerRefreshRequest } from "./auth/bearer.ts";
export { AuthDigest } from "./auth/digest.ts";
export { AuthenticationError } from "./auth/errors.ts";
export { AuthManager, type AuthManagerOptions } from "./auth/manager.ts";
export { AuthNegotiate, type AuthNegotiateOptions, type NegotiateRequest } from "./auth/negotiate.ts";
export type { NegotiateTokenSource } from "./auth/negotiate.ts";
export { AuthNtlm } from "./auth/ntlm.ts";
export { MemoryPasswordStore, PasswordManager, type PasswordManagerOptions } from "./auth/password_manager.ts";
export type { PasswordRequest, PasswordStore, SavedPassword } from "./auth/password_manager.ts";
export { AuthScheme, type AuthSchemeType } from "./auth/scheme.ts";
export { ContentDecodingError } from "./decoding/codings.ts";
export { ContentDecoder, type ContentDecoderOptions } from "./decoding/content_decoder.ts";
export { Logger, type LoggerDirection, type LoggerLevel, type LoggerOptions } from "./logging/logger.ts";
export { HarRecorder, type HarRecorderOptions } from "./har_recorder.ts";
export { type MockedRequest, type MockHandler, MockTransport, type MockTransportOptions } from "./mock_transport.ts";
export { type EnvironmentProxyOptions, type ProxyAnswer, type ProxyFunction } from "./proxies/proxy_resolver.ts";
export { ProxyResolutionError, ProxyResolver, type StaticProxyOptions } from "./proxies/proxy_resolver.ts";
export { RateLimit, type RateLimitOptions } from "./rate_limit.ts";
export { Retry, type RetryBudgetOptions, type RetryInfo, type RetryOptions } from "./retry.ts";
export { ContentSniffer, type ContentSnifferOptions } from "./sniffing/content_sniffer.ts";
export { RequestTimeoutError, type TimeoutKind, Timeouts, type TimeoutsOptions } from "./timeouts.ts";
export { readNdjson, type ReadNdjsonOptions } from "./streams/ndjson.ts";
export { readServerSentEvents, serverSentEvents } from "./streams/server_sent_events.ts";
export { TypedEventTarget, type TypedListener } from "../internal/events.ts";
export { ConnectionScheme } from "./auth/connection_scheme.ts";
export { AuthFeature } from "./auth/auth_feature.ts";
export type { Authorization, AuthRequest, AuthStep, BodyCheck, Credentials } from "./auth/scheme.ts";
export type { PasswordCredentials, TokenCredentials } from "./auth/scheme.ts";
export type { Dance } from "./auth/connection_scheme.ts";
export type { Challenge } from "./parsers/challenges.ts";
export type { HarEntry, HarLog, HarPair, HarRequest, HarResponse, HarTimings } from "./har_recorder.ts";
export type { Environment } from "./proxies/environment.ts";
export type { ProxyList } from "./proxies/proxy_list.ts";
export { NdjsonError } from "./streams/ndjson.ts";
export type { BodySource } from "./streams/source.ts";
export type { EventStreamParserOptions, ServerSentEvent } from "./streams/event_stream_parser.ts";
export { EventStreamError, type ReadServerSentEventsOptions } from "./streams/server_sent_events.ts";
export type { ReconnectInfo, ServerSentEventsOptions } from "./streams/server_sent_events.ts";
export { type ContentCoding, parseContentCodings } from "./decoding/codings.ts";
export { decodeContent, type DecodeOptions } from "./decoding/decode.ts";
export { type ContentDisposition, parseContentDisposition } from "./parsers/content_disposition.ts";
export { formatHttpDate, type HttpDateOptions, parseHttpDate } from "./parsers/http_date.ts";
export { type HeaderLink, parseLink } from "./parsers/link.ts";
export { formatMediaType, type MediaType, parseMediaType } from "./parsers/media_type.ts";
export { parseQualityList, qualityOf, type QualityValue } from "./parsers/quality_list.ts";
export { parseRateLimit, type ServerRateLimit } from "./parsers/rate_limit_fields.ts";
export { parseRetryAfter } from "./parsers/retry_after.ts";
export { parseStructuredDictionary, parseStructuredItem, parseStructuredList } from "./parsers/structured_fields.ts";
export type {
  StructuredDictionary,
  StructuredItem,
  StructuredList,
  StructuredValue,
} from "./parsers/structured_fields.ts";
export type { HeaderParameter } from "./parsers/syntax.ts";
export { StaticProxyResolver } from "./proxies/proxy_resolver.ts";
export { type SniffContext, sniffMediaType, type SniffOptions } from "./sniffing/sniff.ts";
export { EventStreamParser } from "./streams/event_stream_parser.ts";
export { RecordTooLongError } from "./streams/lines.ts";
export { streamMessage, type StreamMessageOptions } from "./streams/message_body.ts";
export {
  type ContentDigestAlgorithm,
  type FieldLines,
  type FoundKey,
  MessageSignatureError,
  type MessageSignatureReason,
  MessageSignatures,
  type MessageSignaturesOptions,
  parseAcceptSignature,
  type PublicJwk,
  type RequestedSignature,
  type SignableMessage,
  type SignableRequest,
  type SignableResponse,
  type SignatureFields,
  type SignatureInfo,
  type Signer,
  signMessage,
  type SignMessageOptions,
  type SignOptions,
  type StructuredFieldType,
  type VerificationKey,
  verifyMessage,
  type VerifyMessageOptions,
} from "./features/signatures/mod.ts";
