/**
 * Keys that live in hardware, and HTTP done properly, for Deno, Bun and Node.
 *
 * What a program uses of both sides is here. Those who write a transport, a store or an authentication scheme, or read
 * header fields by themselves, find more in the entry `./http`; the pieces that templates and mechanisms are typed with
 * are in `./session`.
 *
 * @example Fetch through a session
 * ```ts
 * import { HttpSession, MockTransport } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession({ features: [new MockTransport(() => new Response("hello"))] });
 * assertEquals(await (await session.fetch("https://example.com/")).text(), "hello");
 * ```
 *
 * @example Sign with a key of a token
 * ```ts
 * import { CKM, CKO, CKU, Module } from "@gp11/gp11";
 *
 * async function sign(path: string, pin: string, data: Uint8Array): Promise<Uint8Array> {
 *   await using module = await Module.load(path);
 *   const [slot] = await module.slots({ tokenPresent: true });
 *   await using session = await slot!.openSession({ login: { userType: CKU.USER, pin } });
 *   const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY });
 *   return await session.sign(key!, CKM.ECDSA_SHA256, data);
 * }
 * ```
 *
 * @module
 */
export { Attributes, CK, CKA, CKC, CKD, CKF, CKG, CKH, CKK, CKM, CKN, CKO, CKP, CKR, CKS } from "./session/mod.ts";
export { CK_EFFECTIVELY_INFINITE, CK_FALSE, CK_INVALID_HANDLE, CK_TRUE, CKT, CKU, CKV, CKZ } from "./session/mod.ts";
export { ConfigurationError, Decryptor, Digester, DiscardHandleEvent, Encryptor, Module } from "./session/mod.ts";
export { ModuleFlags, ModuleLoadError, NotSupportedError, ObjectAmbiguousError } from "./session/mod.ts";
export { ObjectNotFoundError, PartsSigner, PartsVerifier, Pkcs11Error, Pkcs11Object } from "./session/mod.ts";
export { Pkcs11Uri, Session, SessionBusyError, SessionClosedError, SessionPool, Slot } from "./session/mod.ts";
export { SlotAmbiguousError, SlotNotFoundError, SyncDecryptor, SyncDigester, SyncEncryptor } from "./session/mod.ts";
export { SyncPartsSigner, SyncPartsVerifier, TlsError, TokenCertificate, TokenSigner } from "./session/mod.ts";
export { aesCbc, aesCbcEncryptData, aesCcm, TokenTlsSocket, UriError, VENDOR_DEFINED, X509 } from "./session/mod.ts";
export { aesCcmMessage, aesCmac, aesCtr, aesGcm, aesGcmMessage, aesGmac, aesKeyWrap } from "./session/mod.ts";
export { chacha20, chacha20Poly1305, chacha20Poly1305Message, ckaName, ckcName, ckfNames } from "./session/mod.ts";
export { ckkName, ckmName, ckoName, ckrHint, ckrMessage, ckrName, cksName, ckuName } from "./session/mod.ts";
export { createCertificateRequest, createSelfSignedCertificate, dataDerivation, dh, ecdh1 } from "./session/mod.ts";
export { ecdhAesKeyWrap, ecdsa, ecdsaSignatureFromDer, ecdsaSignatureToDer, eddsa } from "./session/mod.ts";
export { findByUri, hkdf, hmac, issueCertificate, kbkdf, loadModules, mechanismByName } from "./session/mod.ts";
export { mlDsa, pbkdf2, publicJwk } from "./session/mod.ts";
export { rawMechanism, registerPinSource, requestPin, rsaAesKeyWrap, rsaOaep, rsaPkcs1 } from "./session/mod.ts";
export { rsaPss, salsa20Poly1305, slhDsa, tls12KeyBlock, tls12MasterSecret, tlsKdf, tlsMac } from "./session/mod.ts";
export { tokenCertificate, tokenSigner, tokenTlsSocket, trustAnchors } from "./session/mod.ts";
export { unavailableInformation, x942Dh, xeddsa } from "./session/mod.ts";
export { MemberEvent, sessionPool, SignerGroup, signerGroup } from "./session/mod.ts";
export type { AesCbcOptions, AesCcmMessageOptions, AesCcmOptions, AesCcmTagLength } from "./session/mod.ts";
export type { AesCmacOptions, AesCtrOptions, AesGcmMessageOptions, AesGcmOptions } from "./session/mod.ts";
export type { AesGcmTagLength, AesKeyWrapOptions, Attribute, AttributeName, AttributeType } from "./session/mod.ts";
export type { AttributesInit, AttributeValue, AttributeValues, AutoAuthenticate } from "./session/mod.ts";
export type { BuiltMechanism, ByteDuplex, BytesInput, CallOptions, CbcEncryptDataOptions } from "./session/mod.ts";
export type { CertificateHash, CertificateKey, CertificateOptions, Chacha20Options, CkrName } from "./session/mod.ts";
export type { ConfigurationPaths, CryptoKeyInput, DataDerivation, DataInput, DhOptions } from "./session/mod.ts";
export type { Ecdh1Options, EcdhAesKeyWrapOptions, EddsaOptions, EncapsulateOptions } from "./session/mod.ts";
export type {
  EncapsulatedKey,
  ExportedKeyFormats,
  ExtensionOptions,
  FindByUriOptions,
  FlagsKind,
} from "./session/mod.ts";
export type { FindOptions, FindProblem, FromHandleOptions, FunctionName, HashIdentifier } from "./session/mod.ts";
export type { HashedSignatureOptions, HashName, Hedge, HkdfOptions, HmacOptions } from "./session/mod.ts";
export type { ImportKeyOptions, Interaction, IntoOptions, IssueOptions, JsonWebKeyFields } from "./session/mod.ts";
export type { KbkdfOptions, KbkdfPart, KeyInput, KeyType, LogCallsOptions, LoggedCall } from "./session/mod.ts";
export type { LoginOptions, LoginSpec } from "./session/mod.ts";
export type { Mechanism, MechanismInfo, MechanismType, MessageNonceOptions } from "./session/mod.ts";
export type { MessageOptions, ModuleInfo, ModuleOptions, ModuleShare, NamedCurve } from "./session/mod.ts";
export type { NonceGenerator, ObjectClass, OpenSessionOptions, OperationStateOptions } from "./session/mod.ts";
export type { ParameterSetName, Passphrase, Pbkdf2Options, PeerCertificate, Pin, PinAnswer } from "./session/mod.ts";
export type { PinCallback, PinRequest, PinSourceAnswer, PinSourceCallback } from "./session/mod.ts";
export type { PinSourceCallbackRequest, PinSourceRequest, Pkcs11ErrorOptions, Pkcs11KeyPair } from "./session/mod.ts";
export type { Pkcs11UriInit, Poly1305MessageOptions, Poly1305Options } from "./session/mod.ts";
export type { PostQuantumSignatureOptions, PublicJwkOptions, PublicKeyFormats } from "./session/mod.ts";
export type { RegisteredModuleProblem } from "./session/mod.ts";
export type { RegisteredModulesOptions, ResultOptions, RootCertificates, RsaAesKeyWrapOptions } from "./session/mod.ts";
export type { RsaOaepOptions, RsaPssOptions, RuntimeCryptoKey, SessionEvents, SessionInfo } from "./session/mod.ts";
export type { SessionPoolOptions, SharedSessionsOptions, SlotInfo, SlotMatch, SlotsOptions } from "./session/mod.ts";
export type { Tls12KeyBlockOptions, Tls12MasterSecretOptions, TlsInfo, TlsKdfOptions } from "./session/mod.ts";
export type { TlsKeyBlock, TlsMacOptions, TlsRandoms, TokenCertificateOptions, TokenChange } from "./session/mod.ts";
export type {
  TokenInfo,
  TokenSignerOptions,
  TokenTlsMaker,
  TokenTlsPlace,
  TokenTlsSocketOptions,
} from "./session/mod.ts";
export type { TokenTlsStream, TokenTlsTarget, TracedCall, TrustAnchor, TrustAnchorsOptions } from "./session/mod.ts";
export type { UriErrorReason, UseOptions, UserType, ValidityOptions, Version } from "./session/mod.ts";
export type {
  WatchTokensOptions,
  WrapOptions,
  WrittenJsonWebKey,
  X942DhOptions,
  XeddsaOptions,
} from "./session/mod.ts";
export type { GroupedSigner, SessionGroupOptions, SessionPoolEvents, SessionPoolMember } from "./session/mod.ts";
export type { SignerGroupEvents, SignerGroupMember, SignerGroupOptions } from "./session/mod.ts";
export { AuthBasic, AuthBearer, AuthDigest, AuthManager, AuthNegotiate, AuthNtlm } from "./http/mod.ts";
export { AuthenticateEvent, AuthenticationError, AwsSigV4, BodyStage, CLIENT_ASSERTION_TYPE } from "./http/mod.ts";
export { CacheFileStore, CacheMemoryStore, ChunkEvent, Connection, ConnectionEvent } from "./http/mod.ts";
export { CacheRedisStore, CookieRedisStore, HstsRedisStore, RateLimitRedisStore } from "./http/mod.ts";
export type { CacheRedisStoreOptions, RedisArgument, RedisClient, RedisCommandOptions } from "./http/mod.ts";
export type { RateLimitRedisStoreOptions, RateLimitStore, RedisStoreOptions } from "./http/mod.ts";
export type { CookieRedisStoreOptions, SharedCookies, SharedCookieStore } from "./http/mod.ts";
export type { HstsRedisStoreOptions, SharedHstsStore, TokenRate, WhenUnreachable } from "./http/mod.ts";
export { ContentDecoder, ContentDecodingError, ContentSniffedEvent, ContentSniffer } from "./http/mod.ts";
export { CookieChangedEvent, CookieJar, CookieSqliteStore, CookieTextStore, Dpop } from "./http/mod.ts";
export { EventStreamError, FetchTransport, HarRecorder, HstsChangedEvent, HstsEnforcedEvent } from "./http/mod.ts";
export { HstsEnforcer, HstsFileStore, HttpCache, HttpError, HttpMessage, HttpSession } from "./http/mod.ts";
export { HttpStatus, InformationalEvent, JwsError, Logger, MemoryPasswordStore, MessageFlags } from "./http/mod.ts";
export { MessageMetrics, MessagePriority, MessageSignatureError, MessageSignatures } from "./http/mod.ts";
export { MockTransport, NdjsonError, NetworkEvent, NodeTransport, NotifyEvent, PasswordManager } from "./http/mod.ts";
export { ProxyResolutionError, ProxyResolver, RateLimit, RecordTooLongError, RequestEvent } from "./http/mod.ts";
export { RequestStartedEvent, RequestTimeoutError, Retry, SessionProperty, StaticProxyResolver } from "./http/mod.ts";
export { decodeContent, Timeouts, TlsDatabase, TransferProgressEvent, TransportError } from "./http/mod.ts";
export { dpopProof, formatHttpDate, formatMediaType, isTransportStatus } from "./http/mod.ts";
export { parseContentDisposition, parseHttpDate, parseLink, parseMediaType, parseRateLimit } from "./http/mod.ts";
export { parseRetryAfter, privateKeyJwt, readNdjson, readServerSentEvents, reasonPhrase } from "./http/mod.ts";
export { serverSentEvents, sessionProperties, signJws, signJwt, signMessage, streamMessage } from "./http/mod.ts";
export { verifyJws, verifyJwt, verifyMessage } from "./http/mod.ts";
export { CacheSqliteStore, StoreErrorEvent } from "./http/mod.ts";
export { HttpWebSocket, WebSocketCloseEvent, WebSocketErrorEvent } from "./http/mod.ts";
export type { HttpWebSocketEvents, HttpWebSocketHandler, HttpWebSocketOptions } from "./http/mod.ts";
export type { WebSocketMessageEvent } from "./http/mod.ts";
export type { AsyncContext, Auth, AuthBearerOptions, AuthManagerOptions, AuthNegotiateOptions } from "./http/mod.ts";
export type { AuthenticateOptions, AwsCredentials, AwsSigV4Options, BearerRefresh } from "./http/mod.ts";
export type { BearerRefreshRequest, BodySource, BodyTransform, CacheStore, CancelOptions } from "./http/mod.ts";
export type { CertificateInput, ChunkEventName, ClientCertificate, ClientCertificateOption } from "./http/mod.ts";
export type { ClientTls, ConnectionState, ConstructibleFeatureType, ContentDecoderOptions } from "./http/mod.ts";
export type { ContentDigestAlgorithm, ContentDisposition, ContentSnifferOptions, Cookie } from "./http/mod.ts";
export type { CookieAcceptPolicy, CookieChange, CookieContext, CookieInit, CookieJarEvents } from "./http/mod.ts";
export type { CookieFileOptions, CookieJarOptions, CookieStore, DecodeOptions, DpopOptions } from "./http/mod.ts";
export type { DpopProofOptions, Environment, EnvironmentProxyOptions, FetchInput } from "./http/mod.ts";
export type { FetchTransportOptions } from "./http/mod.ts";
export type { HarEntry, HarLog, HarPair, HarRecorderOptions, HarRequest, HarResponse } from "./http/mod.ts";
export type { HarTimings, HeaderLink, HeadersInput, HstsEnforcerEvents, HstsEnforcerOptions } from "./http/mod.ts";
export type { HstsPolicy, HstsStore, HttpCacheOptions, HttpDateOptions, HttpErrorCode } from "./http/mod.ts";
export type { HttpFetchInit, HttpMessageEvents, HttpMessageInit, HttpSessionEvents } from "./http/mod.ts";
export type { HttpSessionOptions, JwsErrorReason, JwsHeader, JwsKeyFinder, JwsPayload } from "./http/mod.ts";
export type { JwtClaims, LoggerDirection, LoggerLevel, LoggerOptions, MediaType, MessageBody } from "./http/mod.ts";
export type { MessageBodyInit, MessageEventName, MessageSignatureReason } from "./http/mod.ts";
export type { MessageSignaturesOptions, MockedRequest, MockHandler, MockTransportOptions } from "./http/mod.ts";
export type { NegotiateRequest, NegotiateTokenSource, PasswordManagerOptions, PasswordRequest } from "./http/mod.ts";
export type { PasswordStore, PrivateKeyJwtOptions, ProxyAnswer, ProxyFunction, PublicJwk } from "./http/mod.ts";
export type { RateLimitOptions, ReadNdjsonOptions, ReadServerSentEventsOptions, ReconnectInfo } from "./http/mod.ts";
export type { RequestedSignature, RequeueOptions, RetryBudgetOptions, RetryInfo, RetryOptions } from "./http/mod.ts";
export type { SameSite, SavedPassword, SendOptions, ServerRateLimit, ServerSentEvent } from "./http/mod.ts";
export type { ServerSentEventsOptions, SessionCallback, SessionFeature, SessionFetch } from "./http/mod.ts";
export type { SignatureFields, SignJwsOptions, SignJwtOptions, SignMessageOptions, SignOptions } from "./http/mod.ts";
export type {
  SignatureInfo,
  SignatureVerifier,
  Signer,
  StaticProxyOptions,
  StreamMessageOptions,
  TimeoutKind,
} from "./http/mod.ts";
export type {
  MessageTimeouts,
  TimeoutsOptions,
  TransportCapabilities,
  TransportCapability,
  TransportChoice,
} from "./http/mod.ts";
export type { AttemptWatch, TracedMessage } from "./http/mod.ts";
export type { HostAddress, HostLookup, MessageTls, UnixSocketOption } from "./http/mod.ts";
export type { TrustRoots, VerificationKey, VerifiedJws, VerifiedJwt, VerifyJwsOptions } from "./http/mod.ts";
export type { VerifyJwtOptions, VerifyMessageOptions } from "./http/mod.ts";
export type { CacheSqliteStoreOptions, StoreEvents } from "./http/mod.ts";
