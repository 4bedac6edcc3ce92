import { assertEquals } from "@std/assert";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { normalizedValue, parseCacheControl, varyNames } from "../../../http/features/cache/directives.ts";
import { parseCookieLine } from "../../../http/features/cookies/cookie_stores.ts";
import { checkClientCertificate } from "../../../http/transports/client_tls.ts";
import { parseNtlmChallenge } from "../../../http/features/auth/ntlm/ntlm.ts";
import { fromBase64 } from "../../../http/features/auth/text.ts";
import { parseStrictTransportSecurity } from "../../../http/features/hsts/policies.ts";
import { acceptLanguageOf, languageNames } from "../../../http/queue/language.ts";
import { redactAddress, redactBody, redactHeader } from "../../../http/features/logging/redaction.ts";
import {
  AuthBasic,
  AuthDigest,
  ContentDecoder,
  ContentSniffer,
  CookieJar,
  EventStreamParser,
  HarRecorder,
  HstsEnforcer,
  HstsFileStore,
  HttpCache,
  HttpMessage,
  HttpSession,
  Logger,
  MessageFlags,
  MockTransport,
  parseContentCodings,
  RateLimit,
  readNdjson,
  Retry,
  TlsDatabase,
} from "../../../http/mod.ts";
import * as challenges from "../../../http/protocol/challenges.ts";
import * as contentDisposition from "../../../http/protocol/media_type.ts";
import * as httpDate from "../../../http/protocol/retry_times.ts";
import * as link from "../../../http/protocol/media_type.ts";
import * as mediaType from "../../../http/protocol/media_type.ts";
import * as qualityList from "../../../http/protocol/media_type.ts";
import * as rateLimitFields from "../../../http/protocol/retry_times.ts";
import * as retryAfter from "../../../http/protocol/retry_times.ts";
import * as structuredFields from "../../../http/protocol/syntax.ts";
import * as syntax from "../../../http/protocol/syntax.ts";
import { compileHostPatterns, proxyOfEnvironment } from "../../../http/features/proxies/environment.ts";
import { parsePacResult } from "../../../http/features/proxies/proxy_resolver.ts";
import { parseProxyUri } from "../../../http/transports/proxy_uri.ts";
import { isNoSniff, sniffMediaType } from "../../../http/features/sniffing/sniff.ts";
import { altNamesOf, isNamed } from "../../../internal/x509/certificate_names.ts";
import { ResponseParser } from "../../../http/transports/node/node_response_parser.ts";
import { assertReadsInLinearTime, type TimedReader } from "../../_support/reading_time.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const encoder = new TextEncoder();
const rules = { headers: new Set<string>(), parameters: new Set<string>() };
const hostUrl = (text: string) => new URL(`http://${text}/`);

function* pieces(text: string, size = 64): Generator<Uint8Array<ArrayBuffer>> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

function readResponse(text: string): void {
  const handler = { onInformational() {}, onHead() {}, onData() {}, onEnd() {} };
  const parser = new ResponseParser(handler, { method: "GET", maxHeaderBytes: 1 << 20 });
  for (const piece of pieces(text)) parser.push(piece);
  parser.end();
}

function readDigest(text: string): void {
  const auth = new AuthDigest();
  auth.bind("http://a.example", "r", false);
  const [challenge] = challenges.parseChallenges(text);
  if (challenge === undefined) return;
  auth.challenged(challenge, null);
  auth.protectionSpace(new URL("http://a.example/"));
}

const hstsFile = `${temporaryFolder("reading-time")}/hsts`;
const ordinary = ["…", "…x", "a…", "a=b…x", 'a="…"', "a,…,b", "a;b=…;c=d"];

/** Every reader of text that comes from a server, a proxy, a file or the environment. */
const readers: Record<string, TimedReader> = {
  parseChallenges: {
    read: challenges.parseChallenges,
    frames: [...ordinary, "Basic …", 'Digest a="…', "Digest a=…, b=c", "Negotiate …x"],
  },
  parseAuthenticationInfo: { read: challenges.parseAuthenticationInfo, frames: ordinary },
  AuthDigest: {
    read: readDigest,
    frames: [
      'Digest realm="…", nonce="n"',
      'Digest realm="r", nonce="n", domain="…x"',
      'Digest realm="r", nonce="n", domain="/…x"',
      'Digest realm="r", nonce="n", qop="…", algorithm=…',
    ],
  },
  AuthBasic: {
    read: (text) => {
      const auth = new AuthBasic();
      auth.bind("http://a.example", text, false);
      auth.authenticate(text, text);
      return auth.realm;
    },
    frames: ["…", "é…", "…é\u0100"],
  },
  parseContentDisposition: {
    read: contentDisposition.parseContentDisposition,
    frames: [
      ...ordinary,
      'attachment; filename="…"',
      "attachment; filename*=iso-8859-1''…",
      "attachment; filename*=…''x",
    ],
  },
  parseHttpDate: {
    read: httpDate.parseHttpDate,
    frames: ["…", "Sun, 06 Nov 1994 …", "Sunday, 06-Nov-94 08:49:37 …", "Sun Nov …"],
  },
  parseLink: {
    read: (text) => link.parseLink(text, "http://a.example/"),
    frames: [...ordinary, "<…>; rel=next", '</>; rel="…"', "</>; …"],
  },
  parseMediaType: {
    read: mediaType.parseMediaType,
    frames: [
      ...ordinary,
      "text/html…",
      "text/html…x",
      "text/html;a=b…c",
      'text/html;a="…"',
      "text/…;a=b",
      "…text/html",
    ],
  },
  parseQualityList: { read: qualityList.parseQualityList, frames: [...ordinary, "a;q=0.…"] },
  parseRateLimit: {
    read: (text) => {
      for (const name of ["ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"]) {
        rateLimitFields.parseRateLimit(new Headers({ [name]: text }));
      }
    },
    frames: [...ordinary, '"a";r=…;t=1', "remaining=…, reset=1", " …1"],
  },
  parseRetryAfter: { read: (text) => retryAfter.parseRetryAfter(text), frames: ["…", "1…", "…1"] },
  parseStructuredItem: { read: structuredFields.parseStructuredItem, frames: [...ordinary, ":…:", "@…", "1.…"] },
  parseStructuredList: { read: structuredFields.parseStructuredList, frames: [...ordinary, "(…)"] },
  parseStructuredDictionary: { read: structuredFields.parseStructuredDictionary, frames: ordinary },
  parseParameters: { read: syntax.parseParameters, frames: ordinary },
  decodeExtendedValue: { read: syntax.decodeExtendedValue, frames: ["…", "utf-8''…", "iso-8859-1''…", "…''", "a'…'b"] },
  splitOutsideQuotes: { read: (text) => syntax.splitOutsideQuotes(text, ","), frames: ordinary },
  unquote: { read: (text) => syntax.quoteIfNeeded(syntax.unquote(text)), frames: ['"…', '"…"'] },
  trimWhitespace: { read: syntax.trimWhitespace, frames: ["…", "a…b"] },
  cacheControl: {
    read: (text) => [parseCacheControl(text), varyNames(text), normalizedValue(text)],
    frames: [...ordinary, 'max-age="…"'],
  },
  parseStrictTransportSecurity: {
    read: parseStrictTransportSecurity,
    frames: [...ordinary, 'max-age="…"', "max-age=1;…"],
  },
  HstsEnforcer: {
    read: (text) => {
      const enforcer = new HstsEnforcer();
      enforcer.setSessionPolicy("example.com", { includeSubDomains: true });
      return enforcer.isEnforced(hostUrl(text).hostname);
    },
    frames: ["…", "a…b", "…example.com"],
  },
  HstsFileStore: {
    read: (text) => {
      writeFileSync(hstsFile, text);
      return new HstsFileStore(hstsFile).load();
    },
    frames: ["…", "a…\n", 'a "…"\n'],
  },
  parseCookieLine: { read: parseCookieLine, frames: ["…", "a\tFALSE\t/\tFALSE\t9…\tb\tc", "#HttpOnly_…"] },
  "CookieJar, fields": {
    read: (text) => new CookieJar().setCookie(text, "https://www.example.com/a/b"),
    frames: [
      ...["…", "…=b", "a=…x", "a=b; …", "a=b; path=/…", "a=b; domain=…x", "a=b; domain=…example.com", "a=b; expires=…"],
      ...["a=b; expires=Sun, 06 Nov …", "a=b; max-age=…", "a=b; samesite=…"],
    ],
  },
  "CookieJar, paths and hosts": {
    read: (text) => {
      const jar = new CookieJar();
      jar.setCookie("a=b; path=/", "https://www.example.com/");
      jar.setCookie("a=b", new URL(text));
      return jar.getCookieHeader(new URL(text));
    },
    frames: ["https://www.example.com/…", "https://…/", "https://…example.com/", "https://www.example.com/?…"],
  },
  redactHeader: {
    read: (text) => {
      for (const name of ["authorization", "cookie", "set-cookie", "www-authenticate", "location", "x-token"]) {
        redactHeader(name, text, rules);
      }
    },
    frames: [...ordinary, "NTLM …", "Basic …", "http://…"],
  },
  redactAddress: {
    read: (text) => redactAddress(text, rules),
    frames: [...ordinary, "http://…@a/", "/?a=…&token=b", "//…"],
  },
  "redactBody, form": {
    read: (text) => redactBody(text, "application/x-www-form-urlencoded", rules),
    frames: [...ordinary, "token=…&a=b", "&…=b"],
  },
  "redactBody, JSON": {
    read: (text) => redactBody(text, "application/json", rules),
    frames: [...ordinary, '{"a": "…"}', '{"token": "…', '{"…": 1}', '{"token": ["…"]}', '{"token": {…}}', "[…]"],
  },
  "redactBody, any text": {
    read: (text) => redactBody(text, "text/plain", rules),
    frames: [
      ...ordinary,
      "<…",
      "<a …>b</a>",
      '<a b="…">',
      "<token>…",
      "<a>&#…;</a>",
      "token: …",
      "/?a=%7B%22…",
      "https://…@a",
      "eyJ….a.b",
      '{"a": "{\\"…"}',
      '{"name": "token", "value": "…"}',
    ],
  },
  "redactBody, multipart": {
    read: (text) => redactBody(text, "multipart/form-data; boundary=b", rules),
    frames: [
      "…",
      "--b\r\n…\r\n\r\nx\r\n--b--",
      '--b\r\nContent-Disposition: form-data; name="…"\r\n\r\nx\r\n--b--',
      "--b\r\n\r\n…\r\n--b--",
      "--b…",
    ],
  },
  "redactBody, multipart boundary": {
    read: (text) => redactBody("--b\r\n\r\nx\r\n--b--", `multipart/form-data; boundary=${text}`, rules),
    frames: ["…", '"…"'],
  },
  languages: { read: (text) => acceptLanguageOf(languageNames(() => text)), frames: ["…", "a:…", "a_B.…", "a@…"] },
  proxyOfEnvironment: {
    read: (text) => proxyOfEnvironment(new URL("http://a.example/"), false, { http_proxy: text, no_proxy: text }),
    frames: ["…", "a…b", "a,…", "[::1%…\n]"],
  },
  compileHostPatterns: {
    read: (text) => [compileHostPatterns([text])("a.example", 80), compileHostPatterns(["*.example"])(text, 80)],
    frames: ["…", "*.…", "[…]", "1.2.3.4/…", "[::1%…\n]", "a:…"],
  },
  parseProxyUri: { read: parseProxyUri, frames: ["…", "http://…", "http://…@a/"] },
  parsePacResult: { read: parsePacResult, frames: ["…", "PROXY …", "PROXY a;…"] },
  parseContentCodings: { read: parseContentCodings, frames: [...ordinary, "gzip, …"] },
  sniffMediaType: {
    read: (text) => [sniffMediaType(encoder.encode(text)), isNoSniff(text)],
    frames: ["…", "<!--…", "<?xml …", "nosniff…"],
  },
  fromBase64: { read: fromBase64, frames: ["…", "A…=", "…x"] },
  parseNtlmChallenge: { read: (text) => parseNtlmChallenge(encoder.encode(text)), frames: ["…", "NTLMSSP\0…"] },
  TlsDatabase: {
    read: (text) => TlsDatabase.fromPem(text),
    frames: [
      "…",
      "-----BEGIN CERTIFICATE-----…-----END CERTIFICATE-----",
      "-----BEGIN CERTIFICATE-----\n…",
      "-----BEGIN TRUSTED CERTIFICATE-----…-----END TRUSTED CERTIFICATE-----",
    ],
  },
  clientCertificate: {
    read: (text) => checkClientCertificate({ cert: text, key: text }),
    frames: ["…", "-----BEGIN …", "-----BEGIN A…"],
  },
  certificateNames: {
    read: (text) => [altNamesOf(encoder.encode(text)), isNamed(encoder.encode(text), "a.example")],
    frames: ["…", "0…", "0\x82\x01\x00…"],
  },
  ResponseParser: {
    read: readResponse,
    frames: [
      ...[
        "…",
        "HTTP/1.1 200 …",
        "HTTP/1.1 200 OK\r\nA: …\r\n\r\n",
        "HTTP/1.1 200 OK\r\n…: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n…",
      ],
      ...[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: …\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;…\r\na\r\n0\r\n\r\n",
      ],
      ...[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: …\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: …\r\n\r\n",
      ],
      "HTTP/1.1 200 OK\r\n\r\n…",
    ],
  },
  EventStreamParser: {
    read: (text) => {
      const parser = new EventStreamParser();
      for (const piece of pieces(text)) for (const event of parser.push(piece)) void event;
    },
    frames: ["…", "data: …\n\n", "…\n\n", "id: …\n", "retry: …\n\n", "data: a\n…"],
  },
  readNdjson: {
    read: async (text) => {
      const body = ReadableStream.from(pieces(text)) as ReadableStream<Uint8Array<ArrayBuffer>>;
      for await (const record of readNdjson(new Response(body), { onInvalid() {} })) void record;
    },
    frames: ["…", '"…"\n', "…\n…", "[…]"],
    cost: 2,
  },
};

describe("No reader takes time by the square of what it reads", () => {
  for (const [name, reader] of Object.entries(readers)) it(name, () => assertReadsInLinearTime(name, reader));

  const modules = [
    ...[challenges, contentDisposition, httpDate, link, mediaType, qualityList],
    ...[rateLimitFields, retryAfter, structuredFields],
  ];
  it("has every parser of header fields among them", () => {
    const names = modules.flatMap((module) => Object.keys(module)).filter((name) => name.startsWith("parse"));
    assertEquals(names.filter((name) => !(name in readers)), []);
  });

  for (
    const [status, fields] of Object.entries({
      200: [
        "connection",
        "vary",
        "cache-control",
        "content-type",
        "content-encoding",
        "set-cookie",
        "link",
        "ratelimit",
        "expires",
      ],
      302: ["location"],
      401: ["www-authenticate"],
      503: ["retry-after"],
    })
  ) {
    for (const field of fields) {
      it(`a whole message whose ${field} is long`, async () => {
        let value = "";
        const mock = new MockTransport(() =>
          new Response("body", { status: Number(status), headers: { [field]: value } })
        );
        const features = [
          mock,
          new HttpCache(),
          new CookieJar(),
          new HstsEnforcer(),
          new ContentDecoder(),
          new ContentSniffer(),
        ];
        await using session = new HttpSession({
          features: [
            ...features,
            new RateLimit({ obeyServer: false }),
            new Retry({ limit: 0 }),
            new Logger({ level: "body", printer: () => {} }),
            new HarRecorder({ maxEntries: 1 }),
          ],
        });
        const read = async (text: string) => {
          value = text;
          const msg = new HttpMessage("GET", "http://a.example/");
          msg.flags.add(MessageFlags.NO_REDIRECT); // One hop is read as every other one.
          msg.addEventListener("got-body", () => session.wouldRedirect(msg));
          msg.addEventListener("content-sniffed", () => {});
          await session.sendMessage(msg);
        };
        await assertReadsInLinearTime(field, { read, frames: ["a=b…x"], cost: 2 });
      });
    }
  }
});
