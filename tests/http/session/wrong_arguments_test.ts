// What is no argument at all, for the whole public surface: one clear TypeError, never what a runtime says of a missing property (internal/expected.ts).
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import * as http from "../../../http/mod.ts";
import {
  AuthBasic,
  AuthBearer,
  AuthManager,
  AuthNegotiate,
  ContentDecoder,
  ContentSniffer,
} from "../../../http/mod.ts";
import {
  CookieJar,
  EventStreamParser,
  FetchTransport,
  HarRecorder,
  HstsEnforcer,
  HttpCache,
} from "../../../http/mod.ts";
import {
  HttpMessage,
  HttpSession,
  Logger,
  MemoryPasswordStore,
  MockTransport,
  PasswordManager,
} from "../../../http/mod.ts";
import { ProxyResolver, RateLimit, Retry, StaticProxyResolver, Timeouts, TlsDatabase } from "../../../http/mod.ts";

/** Whatever a program without types may hand in; each call leaves out what it takes. */
const nothing: readonly unknown[] = [null, undefined, 7, "x", {}, true, [], () => {}];
const url = "http://a.test/";
const session = new HttpSession({ transport: new FetchTransport({ fetch: () => Promise.resolve(new Response()) }) });
const message = () => new HttpMessage("GET", url);

// deno-lint-ignore no-explicit-any -- Wrong types are what this is about.
type Call = (value: any) => unknown;
/** Kinds of values that a call takes are named with a bar between them; none is "". */
type Row = readonly [name: string, call: Call, taken: string];

/** Signatures name the member that is missing. */
const said =
  /^Cannot [^:]+: (?:expected .+, got (?:an? \w+|null|undefined)|options\.signal is an? \w+, not an AbortSignal|\w+ (?:has not|is no) .+)$/;
const options = "object|undefined";
const calls: readonly Row[] = [
  ["HttpSession", (value) => new HttpSession(value), options],
  ["queueMessage", (value) => session.queueMessage(value), ""],
  ["sendMessage", (value) => session.sendMessage(value), ""],
  ["sendMessage options", (value) => session.sendMessage(message(), value), options],
  ["sendMessage signal", (signal) => session.sendMessage(message(), { signal: signal ?? 0 }), ""],
  ["sendMessageSync", (value) => session.sendMessageSync(value), ""],
  ["requeueMessage", (value) => session.requeueMessage(value), ""],
  ["cancelMessage", (value) => session.cancelMessage(value), ""],
  ["cancelMessage options", (value) => session.cancelMessage(message(), 1, value), options],
  ["pauseMessage", (value) => session.pauseMessage(value), ""],
  ["unpauseMessage", (value) => session.unpauseMessage(value), ""],
  ["isPaused", (value) => session.isPaused(value), ""],
  ["wouldRedirect", (value) => session.wouldRedirect(value), ""],
  ["redirectMessage", (value) => session.redirectMessage(value), ""],
  ["prepareForUri", (value) => session.prepareForUri(value), "text"],
  ["schemeOf", (value) => session.schemeOf(value), ""],
  ["addFeature", (value) => session.addFeature(value), "object"],
  ["removeFeature", (value) => session.removeFeature(value), "object"],
  ["addFeatureByType", (value) => session.addFeatureByType(value), ""],
  ["removeFeatureByType", (value) => session.removeFeatureByType(value), ""],
  ["getFeature", (value) => session.getFeature(value), ""],
  ["getFeatures", (value) => session.getFeatures(value ?? null), ""],
  ["getFeatureForMessage", (value) => session.getFeatureForMessage(value, message()), ""],
  ["getFeatureForMessage message", (value) => session.getFeatureForMessage(Logger, value), ""],
  ["httpAliases", (value) => session.httpAliases = value ?? 0, "text|list"],
  ["fetch signal", (signal) => session.fetch(url, { signal: signal ?? 0 }), ""],
  ["fetch prepare", (prepare) => session.fetch(url, { prepare: prepare ?? 0 }), "function"],
  ["HttpMessage", (value) => new HttpMessage(value, url), "text"],
  ["HttpMessage", (value) => new HttpMessage("GET", value), "text"],
  ["HttpMessage", (value) => new HttpMessage("GET", url, value), options],
  ["HttpMessage headers", (headers) => new HttpMessage("GET", url, { headers: headers ?? 7 }), "object|function"],
  ["HttpMessage flags", (flags) => new HttpMessage("GET", url, { flags: flags ?? null }), "list"],
  ["HttpMessage.fromRequest", (value) => HttpMessage.fromRequest(value), ""],
  ["method", (value) => message().method = value, "text"],
  ["uri", (value) => message().uri = value, "text"],
  ["firstParty", (value) => message().firstParty = value ?? 0, "text"],
  ["requires", (value) => message().requires = value, "list"],
  ["requestHeaders", (value) => message().requestHeaders = value, "object"],
  ["responseHeaders", (value) => message().responseHeaders = value, "object"],
  ["setRequest", (value) => message().setRequest(value ?? 0, null), "text"],
  ["disableFeature", (value) => message().disableFeature(value), ""],
  ["addHeaderHandler", (value) => message().addHeaderHandler("got-body", "etag", value), "function"],
  ["addStatusCodeHandler", (value) => message().addStatusCodeHandler("got-body", 200, value), "function"],
  ["AuthManager", (value) => new AuthManager(value), options],
  ["AuthManager.addFeature", (value) => new AuthManager().addFeature(value), ""],
  ["AuthManager.removeFeature", (value) => new AuthManager().removeFeature(value), ""],
  ["AuthManager.hasFeature", (value) => new AuthManager().hasFeature(value), ""],
  ["AuthManager.useAuth", (value) => new AuthManager().useAuth(value, new AuthBasic()), "text"],
  ["AuthManager.useAuth", (value) => new AuthManager().useAuth(url, value), ""],
  ["AuthScheme.authenticate user", (value) => new AuthBasic().authenticate(value, "p"), "text"],
  ["AuthScheme.authenticate password", (value) => new AuthBasic().authenticate("u", value), "text"],
  ["AuthScheme.authenticateToken", (value) => new AuthBearer().authenticateToken(value), "text"],
  ["AuthBearer.using", (value) => AuthBearer.using(value), ""],
  ["AuthNegotiate.using", (value) => AuthNegotiate.using(value), ""],
  ["PasswordManager", (value) => new PasswordManager(value), options],
  ["MemoryPasswordStore.find", (value) => new MemoryPasswordStore().find(value), "object"],
  ["MemoryPasswordStore.save", (value) => new MemoryPasswordStore().save({} as http.PasswordRequest, value), "object"],
  ["CookieJar", (value) => new CookieJar(value), options],
  ["setCookie", (value) => new CookieJar().setCookie(value, url), "text"],
  ["setCookie uri", (value) => new CookieJar().setCookie("a=b", value), "text"],
  ["setCookie context", (value) => new CookieJar().setCookie("a=b", url, value), options],
  ["addCookie", (value) => new CookieJar().addCookie(value), "object"],
  ["deleteCookie", (value) => new CookieJar().deleteCookie(value), ""],
  ["getCookies", (value) => new CookieJar().getCookies(value), "text"],
  ["getCookieHeader", (value) => new CookieJar().getCookieHeader(value), "text"],
  ["HstsEnforcer", (value) => new HstsEnforcer(value), options],
  ["setPolicy", (value) => new HstsEnforcer().setPolicy(value), ""],
  ["setSessionPolicy", (value) => new HstsEnforcer().setSessionPolicy(value), "text"],
  ["removePolicy", (value) => new HstsEnforcer().removePolicy(value), "text"],
  ["hasValidPolicy", (value) => new HstsEnforcer().hasValidPolicy(value), "text"],
  ["isEnforced", (value) => new HstsEnforcer().isEnforced(value), "text"],
  ["getPolicies", (value) => new HstsEnforcer().getPolicies(value), options],
  ["HttpCache", (value) => new HttpCache(value), options],
  ["HttpCache.delete", (value) => new HttpCache().delete(value), "text"],
  ["ContentDecoder", (value) => new ContentDecoder(value), options],
  ["ContentSniffer", (value) => new ContentSniffer(value), options],
  ["Logger", (value) => new Logger(value), options],
  ["HarRecorder", (value) => new HarRecorder(value), options],
  ["RateLimit", (value) => new RateLimit(value), options],
  ["Retry", (value) => new Retry(value), options],
  ["Timeouts", (value) => new Timeouts(value), options],
  ["FetchTransport", (value) => new FetchTransport(value), options],
  ["MockTransport", (value) => new MockTransport(value), "function"],
  ["ProxyResolver", (value) => new ProxyResolver(value), "function"],
  ["ProxyResolver.fromFunction", (value) => ProxyResolver.fromFunction(value), "function"],
  ["ProxyResolver.fromEnvironment", (value) => ProxyResolver.fromEnvironment(value), options],
  ["ProxyResolver.resolve", (value) => ProxyResolver.fromUri(url).resolve(value), ""],
  ["StaticProxyResolver", (value) => new StaticProxyResolver(value), "text"],
  ["StaticProxyResolver options", (value) => new StaticProxyResolver(url, value), options],
  ["TlsDatabase.fromPem", (value) => TlsDatabase.fromPem(value), "text|list"],
  ["TlsDatabase.fromFile", (value) => TlsDatabase.fromFile(value), "text"],
  ["TlsDatabase.fromCertificates", (value) => TlsDatabase.fromCertificates(value), "list"],
  ["EventStreamParser", (value) => new EventStreamParser(value), options],
  ["EventStreamParser.push", (value) => new EventStreamParser().push(value).next(), ""],
  ["readServerSentEvents", (value) => http.readServerSentEvents(value).next(), ""],
  ["serverSentEvents", (value) => http.serverSentEvents(value, url).next(), ""],
  ["readNdjson", (value) => http.readNdjson(value).next(), ""],
  ["streamMessage", (value) => http.streamMessage(session, value), ""],
  ["decodeContent", (value) => http.decodeContent(value, []).next(), ""],
  ["sniffMediaType", (value) => http.sniffMediaType(value), ""],
  ["parseContentCodings", (value) => http.parseContentCodings(value), "text"],
  ["parseContentDisposition", (value) => http.parseContentDisposition(value), "text"],
  ["parseHttpDate", (value) => http.parseHttpDate(value), "text"],
  ["formatHttpDate", (value) => http.formatHttpDate(value), ""],
  ["parseLink", (value) => http.parseLink(value), "text"],
  ["parseMediaType", (value) => http.parseMediaType(value), "text"],
  ["formatMediaType", (value) => http.formatMediaType(value), ""],
  ["parseQualityList", (value) => http.parseQualityList(value), "text"],
  ["qualityOf", (value) => http.qualityOf(value, "gzip"), "list"],
  ["parseRateLimit", (value) => http.parseRateLimit(value), ""],
  ["parseRetryAfter", (value) => http.parseRetryAfter(value), "text"],
  ["parseAcceptSignature", (value) => http.parseAcceptSignature(value), "text"],
  ["MessageSignatures", (value) => new http.MessageSignatures(value), ""],
  ["signMessage", (value) => http.signMessage(value, {} as http.SignMessageOptions), ""],
  ["verifyMessage", (value) => http.verifyMessage(value, {} as http.VerifyMessageOptions), ""],
  ["parseStructuredItem", (value) => http.parseStructuredItem(value), "text"],
  ["parseStructuredList", (value) => http.parseStructuredList(value), "text"],
  ["parseStructuredDictionary", (value) => http.parseStructuredDictionary(value), "text"],
];

/** Made or called by sessions, or errors, events and bases of the caller's own classes. */
const ofSessions =
  /^(?:is|reason)|Error$|Event$|Store$|^Auth(?:Basic|Digest|Ntlm|Feature|Scheme|Bearer|Negotiate)$|Scheme$/;
const withoutArguments = ["Connection", "MessageMetrics", "NodeTransport", "TypedEventTarget"];
/** What this library says, told from what runtimes do. */
const ofLibrary = /^Cannot (?!read propert|destructure|convert|use 'in')[^:]+: ./;

function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

function kindOf(value: unknown): string {
  if (typeof value === "string") return "text";
  return Array.isArray(value) ? "list" : value === null ? "null" : typeof value;
}

function takes(taken: string, value: unknown): boolean {
  const kinds = taken.split("|");
  return kinds.includes(kindOf(value)) || (kinds.includes("object") && Array.isArray(value));
}

async function errorOf(call: Call, value: unknown): Promise<unknown> {
  try {
    await call(value);
    return null;
  } catch (error) {
    return error;
  }
}

describe("wrong arguments", () => {
  for (const [name, call, taken] of calls) {
    it(`${name} says what it expected`, async () => {
      for (const value of nothing.filter((each) => !takes(taken, each))) {
        const error = await errorOf(call, value);
        assert(error instanceof TypeError, `${name}(${String(value)}): ${String(error)}`);
        assert(said.test(error.message), error.message);
      }
    });
  }

  it("are answered clearly by whatever else is public", async () => {
    const others = Object.entries(http).filter(([name, value]) =>
      typeof value === "function" && !ofSessions.test(name) && !withoutArguments.includes(name) &&
      !calls.some(([row]) => row.split(/[ .]/)[0] === name)
    );
    for (const [name, value] of others) {
      const call = isClass(value)
        ? Reflect.construct.bind(null, value as never)
        : Reflect.apply.bind(null, value as never, null);
      for (const given of [null, 7]) {
        const error = await errorOf(call, [given]);
        const isClear = error === null || (error instanceof Error && ofLibrary.test(error.message));
        assert(isClear, `${name}(${given}): ${String(error)}`);
      }
    }
  });

  it("of a URI show nothing of it that is secret", async () => {
    for (const text of ["//user:secret@host/?secret", "x?secret"]) {
      const error = await errorOf(() => new HttpMessage("GET", text), null);
      assert(error instanceof TypeError && !error.message.includes("secret"), String(error));
    }
  });
});
