// Every option that is a number: what it takes, and that the rest is refused in one form of words (internal/expected.ts).
import { assert, assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKU } from "../../ffi/constants/mod.ts";
import {
  CacheRedisStore,
  CacheSqliteStore,
  ContentDecoder,
  ContentSniffer,
  CookieJar,
  decodeContent,
  EventStreamParser,
  HarRecorder,
  HstsEnforcer,
  HttpCache,
  HttpMessage,
  HttpSession,
  Logger,
  type MessagePriority,
  MessageSignatures,
  parseHttpDate,
  parseRateLimit,
  parseRetryAfter,
  privateKeyJwt,
  RateLimit,
  readNdjson,
  Retry,
  serverSentEvents,
  signJwt,
  signMessage,
  Timeouts,
  verifyJwt,
  verifyMessage,
} from "../../http/mod.ts";
import { FetchTransport } from "../../http/transports/fetch/fetch_transport.ts";
import {
  aesCcm,
  aesCcmMessage,
  aesCmac,
  aesGcm,
  aesGcmMessage,
  ecdh1,
  hmac,
  rsaPss,
  type Session,
  sessionPool,
  signerGroup,
  x942Dh,
} from "../../session/mod.ts";
import { tokenCrypto } from "../../webcrypto/mod.ts";
import { filesBelow, readText } from "../_support/source_text.ts";
import { strictModuleSkip } from "../_support/strict_module.ts";
import { openStrictToken, type StrictToken } from "../_support/strict_token.ts";

/** Sets an option, and what it takes beside 1: of -1, 0, 0.5, 1.5, Infinity and null; the first four are refused otherwise. */
type Option = readonly [set: (value: number) => unknown, also?: readonly (number | null)[]];

/** Parts of a millisecond or a second; 0, Infinity and null are no limit. */
const TIME = [0, 0.5, 1.5, Infinity];
const TIME_OR_NULL = [...TIME, null];
/** A time that must end. */
const FINITE_TIME = [0, 0.5, 1.5];
/** A count, with no limit at Infinity. */
const LIMIT = [0, Infinity];

const url = "http://x.test/";
/** Answers every request itself, and closes nothing that a test would wait for. */
const session = new HttpSession({ transport: new FetchTransport({ fetch: () => Promise.resolve(new Response()) }) });
const made = (options: object) => void new HttpSession(options).close();
const signer = { algorithm: "ES256", keyId: "1", sign: () => Promise.resolve(new Uint8Array(64)) };
const signing = { signer, components: ["@method"] };
const request = new Request(url);
/** Reads a token or a signature that is none, which is told once the options were looked at. */
const judged = async (verdict: Promise<unknown>) => {
  await verdict.catch((error) => {
    if (!["JwsError", "MessageSignatureError"].includes(error.name)) throw error;
  });
};
const firstEvent = async (options: object) => {
  const signal = AbortSignal.abort();
  await serverSentEvents(session, url, { ...options, signal }).next().catch((error) => {
    if (error !== signal.reason) throw error;
  });
};
const nonce = new Uint8Array(12);

/** What is named after its interface stands in the sources so, and nothing that stands there may be missing. */
const options: Record<string, Option> = {
  "session.timeout": [(value) => session.timeout = value, TIME_OR_NULL],
  "session.idleTimeout": [(value) => session.idleTimeout = value, TIME_OR_NULL],
  "session.maxConns": [(value) => session.maxConns = value],
  "session.maxConnsPerHost": [(value) => session.maxConnsPerHost = value],
  "session.set timeout": [(value) => session.set("timeout", value), TIME_OR_NULL],
  "session.set max-conns": [(value) => session.set("max-conns", value)],
  "session.cancelMessage": [(value) => session.cancelMessage(new HttpMessage("GET", url), value)],
  "session.fetch timeout": [(timeout) => session.fetch(url, { timeout }), TIME_OR_NULL],
  "HttpSessionOptions.timeout": [(timeout) => made({ timeout }), TIME_OR_NULL],
  "HttpSessionOptions.idleTimeout": [(idleTimeout) => made({ idleTimeout }), TIME_OR_NULL],
  "HttpSessionOptions.maxConns": [(maxConns) => made({ maxConns })],
  "HttpSessionOptions.maxConnsPerHost": [(maxConnsPerHost) => made({ maxConnsPerHost })],
  "HttpSessionOptions.maxHeaderBytes": [(maxHeaderBytes) => made({ maxHeaderBytes })],
  "HttpSessionOptions.maxBodyBytes": [(maxBodyBytes) => made({ maxBodyBytes })],
  "HttpMessageInit.timeout": [(timeout) => new HttpMessage("GET", url, { timeout }), TIME_OR_NULL],
  "HttpMessageInit.bodyLength": [(bodyLength) => new HttpMessage("PUT", url, { bodyLength }), [0, null]],
  "HttpMessageInit.maxRedirects": [(maxRedirects) => new HttpMessage("GET", url, { maxRedirects }), [0, null]],
  "HttpMessage priority": [(value) => new HttpMessage("GET", url, { priority: value as MessagePriority }), [0]],
  "msg.timeout": [(value) => new HttpMessage("GET", url).timeout = value, TIME_OR_NULL],
  "msg.maxRedirects": [(value) => new HttpMessage("GET", url).maxRedirects = value, [0, null]],
  "msg.requestBodyLength": [(value) => new HttpMessage("GET", url).requestBodyLength = value, [0, null]],
  "msg.priority": [(value) => new HttpMessage("GET", url).priority = value as MessagePriority, [0]],
  ...Object.fromEntries((["connect", "idle", "total"] as const).flatMap((name): [string, Option][] => [
    [`TimeoutsOptions.${name}`, [(value) => new Timeouts({ [name]: value }), TIME_OR_NULL]],
    [`MessageTimeouts.${name}`, [
      (value) => new HttpMessage("GET", url, { timeouts: { [name]: value } }),
      TIME_OR_NULL,
    ]],
  ])),
  "RateLimitOptions.requests": [(requests) => new RateLimit({ requests }), [0.5, 1.5, Infinity]],
  "RateLimitOptions.interval": [(interval) => new RateLimit({ requests: 1, interval }), [0.5, 1.5, Infinity]],
  "RateLimitOptions.burst": [(burst) => new RateLimit({ burst }), [Infinity]],
  "RateLimitOptions.maxHold": [(maxHold) => new RateLimit({ maxHold }), TIME],
  "RetryOptions.limit": [(limit) => new Retry({ limit }), LIMIT],
  "RetryOptions.baseDelay": [(baseDelay) => new Retry({ baseDelay }), TIME],
  "RetryOptions.maxDelay": [(maxDelay) => new Retry({ maxDelay }), TIME],
  "RetryOptions.jitter": [(jitter) => new Retry({ jitter }), [0, 0.5]],
  "RetryOptions.statuses": [(status) => new Retry({ statuses: [status] })],
  "RetryBudgetOptions.capacity": [(capacity) => new Retry({ budget: { capacity } }), LIMIT],
  "RetryBudgetOptions.ratio": [(ratio) => new Retry({ budget: { ratio } }), TIME],
  "ContentSnifferOptions.maxWait": [(maxWait) => new ContentSniffer({ maxWait }), TIME],
  "ContentDecoderOptions.maxSize": [(maxSize) => new ContentDecoder({ maxSize }), LIMIT],
  "DecodeOptions.maxSize": [
    (maxSize) => decodeContent(request.clone().body ?? new Blob().stream(), [], { maxSize }).next(),
    LIMIT,
  ],
  "LoggerOptions.maxBodySize": [(maxBodySize) => new Logger({ maxBodySize }), [-1, ...LIMIT]],
  "logger.maxBodySize": [(value) => new Logger().maxBodySize = value, [-1, ...LIMIT]],
  "HarRecorderOptions.maxBodySize": [(maxBodySize) => new HarRecorder({ maxBodySize }), [-1, ...LIMIT]],
  "HarRecorderOptions.maxEntries": [(maxEntries) => new HarRecorder({ maxEntries })],
  "CookieJarOptions.maxCookies": [(maxCookies) => new CookieJar({ maxCookies })],
  "CookieJarOptions.maxCookiesPerSite": [(maxCookiesPerSite) => new CookieJar({ maxCookiesPerSite })],
  "HstsEnforcerOptions.maxPolicies": [(maxPolicies) => new HstsEnforcer({ maxPolicies })],
  "HttpCacheOptions.maxBytes": [(maxBytes) => new HttpCache({ maxBytes }), LIMIT],
  "HttpCacheOptions.maxEntryBytes": [(maxEntryBytes) => new HttpCache({ maxEntryBytes }), LIMIT],
  "cache.maxBytes": [(value) => new HttpCache().maxBytes = value, LIMIT],
  "CacheSqliteStoreOptions.maxBytes": [(maxBytes) => new CacheSqliteStore("/nowhere/cache", { maxBytes }), LIMIT],
  "CacheRedisStoreOptions.maxBodyBytes": [
    (maxBodyBytes) => new CacheRedisStore({ url: "redis://x.test", maxBodyBytes }),
    LIMIT,
  ],
  "EventStreamParserOptions.maxEventSize": [(maxEventSize) => new EventStreamParser({ maxEventSize }), LIMIT],
  "ReadNdjsonOptions.maxRecordSize": [(maxRecordSize) => readNdjson(new Response(), { maxRecordSize }).next(), LIMIT],
  "ServerSentEventsOptions.reconnectDelay": [(reconnectDelay) => firstEvent({ reconnectDelay }), TIME],
  "ServerSentEventsOptions.maxReconnectDelay": [(maxReconnectDelay) => firstEvent({ maxReconnectDelay }), TIME],
  "ServerSentEventsOptions.maxFailures": [(maxFailures) => firstEvent({ maxFailures }), LIMIT],
  "HttpWebSocketOptions.maxMessageBytes": [(maxMessageBytes) => opened({ maxMessageBytes })],
  "HttpWebSocketOptions.keepaliveInterval": [(keepaliveInterval) => opened({ keepaliveInterval }), TIME_OR_NULL],
  "HttpDateOptions.now": [(now) => parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT", { now }), FINITE_TIME],
  "parseRetryAfter now": [(now) => parseRetryAfter("1", { now }), FINITE_TIME],
  "parseRateLimit now": [(now) => parseRateLimit(new Headers(), { now }), FINITE_TIME],
  "MessageSignaturesOptions.expires": [(expires) => new MessageSignatures({ signer, expires }), [0]],
  "SignMessageOptions.created": [(created) => signMessage(request, { ...signing, created }), [0]],
  "SignMessageOptions.expires": [(expires) => signMessage(request, { ...signing, expires }), [0]],
  ...Object.fromEntries((["maxAge", "now", "tolerance"] as const).flatMap((name): [string, Option][] => {
    const takes = name === "maxAge" ? TIME : FINITE_TIME;
    return [
      [`VerifyMessageOptions.${name}`, [
        (value) => judged(verifyMessage(signed, { key: () => null, [name]: value })),
        takes,
      ]],
      [`VerifyJwtOptions.${name}`, [(value) => judged(verifyJwt("a.b.c", key, { [name]: value })), takes]],
    ];
  })),
  "SignJwtOptions.expiresIn": [(expiresIn) => signJwt(signer, {}, { expiresIn }), [0.5, 1.5]],
  "PrivateKeyJwtOptions.lifetime": [
    (lifetime) => privateKeyJwt({ signer, clientId: "1", audience: "x", lifetime }),
    [0.5, 1.5],
  ],
  "AesGcmOptions.ivLength": [(ivLength) => aesGcm({ ivLength })],
  "AesCcmOptions.dataLength": [(dataLength) => aesCcm({ nonce, dataLength }), [0]],
  "HmacOptions.length": [(length) => hmac({ hash: "SHA-256", length })],
  "AesCmacOptions.length": [(length) => aesCmac({ length })],
  "Ecdh1Options.kdf": [(kdf) => ecdh1({ public: nonce, kdf }), [0]],
  "X942DhOptions.kdf": [(kdf) => x942Dh({ public: nonce, kdf }), [0]],
  "MessageNonceOptions.fixedBits": [(fixedBits) => aesGcmMessage({ iv: nonce, fixedBits }), [0]],
  "AesCcmMessageOptions.dataLength": [(dataLength) => aesCcmMessage({ nonce, dataLength }), [0]],
  "RsaPssOptions.saltLength": [(saltLength) => rsaPss({ hash: "SHA-256", saltLength }), [0]],
  "SignerGroupOptions.slowAfter": [(slowAfter) => signerGroup(alike, { slowAfter }), TIME],
  "SignerGroupOptions.retryAfter": [(retryAfter) => signerGroup(alike, { retryAfter }), TIME],
};

/** Those for which there must be a token. */
const tokenOptions: Record<string, Option> = {
  "LoginOptions.maxTries": [async (maxTries) => {
    await token.session.login(CKU.USER, "1234", { maxTries });
    await token.session.logout();
  }],
  "LoginSpec.maxTries": [async (maxTries) => {
    const login = { pin: "1234", maxTries };
    const opened: Session = await token.session.slot.openSession({ login });
    await opened.close();
  }],
  "SharedSessionsOptions.max": [(max) => token.session.slot.sessionPool({ max }).close()],
  "SharedSessionsOptions.maxIdleMs": [(maxIdleMs) => token.session.slot.sessionPool({ maxIdleMs }).close(), TIME],
  "SessionGroupOptions.retryAfter": [(retryAfter) => sessionPool([token.session.slot], { retryAfter }).close(), TIME],
  "SessionPoolOptions.maxPerSlot": [(maxPerSlot) => token.module.poolSessions = { maxPerSlot }, LIMIT],
  "SessionPoolOptions.maxIdleMs": [(maxIdleMs) => token.module.poolSessions = { maxIdleMs }, TIME_OR_NULL],
  "TokenCryptoOptions.sessions": [
    async (sessions) => await (await tokenCrypto(token.session.slot, { sessions })).close(),
  ],
};

/** Numbers that the library gives, or asks of what a program puts in its place; those of claims are tested with JWT. */
const given =
  /^(?:TransportResponse|TransportConnection|CacheStore|JwtClaims|Pkcs11ErrorOptions|TracedCall|MechanismUse|BuiltParameter)\./;

const key = { kty: "oct", k: "AAAA", alg: "HS256" };
const signed = new Request(url, { headers: { signature: "sig=:AAAA:", "signature-input": 'sig=("@method")' } });
const alike = [{ ...signer, algorithm: "HS256" }];
const opened = async (options: object) => {
  const signal = AbortSignal.abort();
  await session.websocket("ws://x.test/", { ...options, signal }).catch((error) => {
    if (error !== signal.reason) throw error;
  });
};
let token: StrictToken;

async function outcome(set: (value: number) => unknown, value: unknown): Promise<unknown> {
  try {
    await set(value as number);
    return null;
  } catch (error) {
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assert(/^Cannot (?:set .*: it must be |use )/.test(error.message), error.message);
    return error instanceof RangeError ? RangeError : TypeError;
  }
}

async function checkOption([set, also = []]: Option): Promise<void> {
  for (const value of [1, ...also]) assertEquals([value, await outcome(set, value)], [value, null]);
  for (const value of [-1, 0, 0.5, 1.5, Infinity, -2, NaN, -Infinity]) {
    if (!also.includes(value)) assertEquals([value, await outcome(set, value)], [value, RangeError]);
  }
  for (const value of ["1", "", {}]) assertEquals([value, await outcome(set, value)], [value, TypeError]);
}

describe("options that are numbers", () => {
  before(async () => {
    if (!strictModuleSkip) token = await openStrictToken();
  });
  after(async () => {
    await token?.[Symbol.asyncDispose]();
    await session.close();
  });

  for (const [name, option] of Object.entries(options)) {
    it(`${name} takes numbers in its range alone`, () => checkOption(option));
  }
  for (const [name, option] of Object.entries(tokenOptions)) {
    it(`${name} takes numbers in its range alone`, { skip: strictModuleSkip }, () => checkOption(option));
  }

  it("are all in this list", () => {
    const names = new Set(Object.values(JSON.parse(readText("tests/project/public_surface.json"))).flat());
    const all = ["http", "session", "webcrypto", "opentelemetry", "ffi"].flatMap((floor) => filesBelow(floor))
      .flatMap((path) => [...readText(path).matchAll(/^export interface (\w+)[^{]*\{\n([^]*?)\n\}/gm)])
      .filter(([, name]) => names.has(name))
      .flatMap(([, name, body]) =>
        [...body!.matchAll(/^ {2}readonly (\w+)\?: [^;(]*\bnumber\b[^;]*;/gm)].map((member) => `${name}.${member[1]}`)
      );
    assert(all.length > 60);
    const known = { ...options, ...tokenOptions };
    assertEquals(all.filter((name) => !(name in known) && !given.test(name)), []);
  });
});
