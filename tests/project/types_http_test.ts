// http/ and internal/ as the compiler of a program sees them, and what holds for the types of the whole surface.
import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { readText } from "../_support/source_text.ts";
import { type TypeProgram, TypePrograms, typeSettings } from "../_support/type_programs.ts";

const setting = `
import * as http from "@gp11/gp11/http";
declare const session: http.HttpSession, msg: http.HttpMessage, signal: AbortSignal | undefined;
declare const bytes: Uint8Array, url: string, stream: ReadableStream<Uint8Array>, iterable: AsyncIterable<Uint8Array>;
export { bytes, http, iterable, msg, session, signal, stream, url };
`;

const programs: Readonly<Record<string, TypeProgram>> = {
  "options": {
    setting: `${setting}
declare const o: { timeout?: number; signal?: AbortSignal; body?: string; headers?: Record<string, string> };
export { o };`,
    right: [
      "new http.HttpSession({ timeout: o.timeout, maxConns: undefined, features: undefined });",
      "void session.sendMessage(msg, { signal: o.signal });",
      "void session.fetch(url, { signal: o.signal, body: o.body, headers: o.headers, timeout: o.timeout, prepare: undefined });",
      "new http.Retry({ limit: undefined, onRetry: undefined }); new http.Logger({ printer: undefined });",
      'new http.HttpMessage("GET", url, { timeout: o.timeout, firstParty: undefined });',
      'msg.addEventListener("finished", () => {}, { signal, once: undefined });',
    ],
    wrong: [
      "new http.HttpSession({ timeuot: 1 });",
      "void session.fetch(url, { timeuot: 1 });",
      'msg.addEventListener("finished", () => {}, { onse: true });',
      'new http.Retry({ methods: "GET" });',
      'new http.Logger({ hiddenHeaders: "cookie" });',
      'http.ProxyResolver.fromUri(url, { ignoreHosts: "<local>" });',
    ],
  },
  "fetch": {
    setting: `${setting}
// The options that @types/bun gives its fetch.
interface BunInit extends RequestInit {
  tls?: { rejectUnauthorized?: boolean; ca?: string };
  proxy?: string | URL | false | { url: string | URL; headers?: RequestInit["headers"]; respectNoProxy?: boolean } | undefined;
  timeout?: number | boolean;
  unix?: string;
  verbose?: boolean;
}
declare const bunFetch: (input: string | URL | Request, init?: BunInit) => Promise<Response>;
export { bunFetch };`,
    right: [
      "const bun: typeof bunFetch = session.fetch; return bun;",
      "const drop: typeof fetch = session.fetch; return drop;",
      "const alike: typeof fetch & { preconnect(url: string | URL): void } = session.fetch; return alike;",
      "globalThis.fetch = session.fetch;",
      "async function f(init: RequestInit, input: string | URL | Request) { await session.fetch(input, init); } return f;",
    ],
    wrong: [
      "void session.fetch(42);",
      'void session.fetch(url, { timeout: "1" });',
      "void session.fetch(url, { proxy: {} });",
      'void session.fetch(url, { tls: { ca: "" } });',
      'void session.fetch(url, { duplex: "full" });',
      'void session.fetch(url, { method: "PUT", body: () => new Blob(["x"]).stream() });',
      'void session.fetch(url, { priority: "urgent" });',
    ],
  },
  "bodies and header fields": {
    setting,
    right: [
      'void session.fetch(url, { method: "POST", body: stream, duplex: "half" });',
      'void session.fetch(url, { method: "POST", body: iterable, duplex: "half" });',
      "msg.requestBody = stream; msg.requestBody = () => stream; msg.requestBody = iterable; msg.requestBody = bytes;",
      'msg.requestBody = new Blob(["x"]); msg.requestBody = new ArrayBuffer(1); msg.requestBody = new DataView(new ArrayBuffer(1));',
      'new http.HttpMessage("POST", url, { body: bytes });',
      'msg.requestHeaders = { accept: "text/plain" }; msg.requestHeaders = [["a", "b"]]; msg.requestHeaders = new Headers();',
      'msg.requestHeaders = new Map([["a", "b"]]); msg.requestHeaders.set("a", "b");',
    ],
    wrong: ["msg.requestBody = 7;", "msg.requestHeaders = 7;"],
  },
  "events": {
    setting,
    right: [
      'msg.addEventListener("got-chunk", (e) => { new Blob([e.chunk]); void crypto.subtle.digest("SHA-256", e.chunk); });',
      'session.addEventListener("request-started", (e) => void e.connection.host);',
      'session.addEventListener("notify", function (e) { const same: http.HttpSession = this; void e.currentTarget.maxConns; void same; });',
      'msg.addEventListener("finished", (e) => void e.currentTarget.statusCode);',
      'msg.addEventListener("finished", { handleEvent(e: Event) { void e; } });',
      'msg.addHeaderHandler("got-headers", "location", (m) => void m.uri, { signal });',
      'msg.addStatusCodeHandler("got-headers", 404, (m) => void m.uri, { once: true });',
      'new http.ConnectionEvent("tunneling", {} as http.Connection);',
    ],
    wrong: [
      'msg.addEventListener("finnished", () => {});',
      'new http.ConnectionEvent("foo", {} as http.Connection);',
      'new http.ChunkEvent("foo", new Uint8Array(1));',
    ],
  },
  "properties": {
    setting,
    right: [
      "const n: number = session.get(http.SessionProperty.MAX_CONNS); return n;",
      'const p: URL | null = session.get("proxy-uri"); return p;',
      'session.set("max-conns", 5); session.set("add-feature", new http.Retry()); session.set("timeout", null);',
      'session.set("add-feature-by-type", http.AuthNtlm); session.set("proxy-uri", url); session.timeout = null;',
      'session.addEventListener("notify", (e) => { if (e.property === "max-conns") return; });',
      'if (session.capabilities.runtime === "deno") return 1; return session.capabilities.runtime === "other";',
    ],
    wrong: [
      'session.get("max-con");',
      'const s: string = session.get("max-conns"); return s;',
      'session.set("max-conns", "x");',
      'session.set("async-context", null);',
      'session.set("add-feature", 5);',
      'session.addEventListener("notify", (e) => { if (e.property === "max-con") return; });',
    ],
  },
  "features": {
    setting,
    right: [
      "const all: http.SessionFeature[] = session.getFeatures(); return all;",
      "const all: http.Retry[] = session.getFeatures(http.Retry); return all;",
      "session.addFeatureByType(http.AuthNtlm); session.addFeatureByType(http.CookieJar); session.removeFeatureByType(http.AuthBasic);",
      "class Mine implements http.SessionFeature { gotHeaders() {} } session.addFeatureByType(Mine); session.addFeature(new Mine());",
      "abstract class Base { abstract x(): void } session.getFeatures(Base); msg.disableFeature(Base); session.removeFeatureByType(Base);",
      "new http.HttpSession({ addFeatureByType: http.CookieJar, removeFeatureByType: [http.AuthManager] });",
    ],
    wrong: [
      "session.addFeatureByType(Date);",
      "class Typo { gotHeder() {} } session.addFeatureByType(Typo);",
      "new http.HttpSession({ addFeatureByType: Date });",
      "session.addFeature(new Date());",
      "session.addFeature({ gotHeder() {} });",
    ],
  },
  "messages and their results": {
    setting,
    right: [
      "session.sendMessageSync(msg, { signal });",
      'new http.HttpMessage("GET", url, { omitsCredentials: true, flags: ["no-redirect"] });',
      'new http.HttpMessage("GET", url, { flags: new Set([http.MessageFlags.NO_REDIRECT]) });',
      'msg.responseHeaders = { a: "b" }; msg.firstParty = url; msg.uri = url; msg.setStatus(404); msg.setStatus(404, "No");',
      "const e: Error | null = msg.error; return e?.message;",
      "return msg.metrics.waiting + msg.metrics.attempts;",
      "return session.messages().map((m) => m.uri).toArray();",
      'function f(e: http.HttpError) { return e.code === "ERR_HTTP_HEADERS_TOO_LARGE" || e.code === "ECONNREFUSED"; } return f;',
      'const code: http.HttpErrorCode = "CANT_CONNECT"; return code;',
    ],
    wrong: [
      "session.sendMessageSync(msg, { sgnal: 1 });",
      'new http.HttpMessage("GET", url, { flags: "no-redirect" });',
      'new http.HttpMessage("GET", url, { flags: ["no-redirct"] });',
      'const code: http.HttpErrorCode = "CANT_CONECT"; return code;',
      ...["statusCode = 200", 'reasonPhrase = "x"', 'httpVersion = "1.1"', "tlsErrors = []", "tlsCertificate = null"],
      ...["trailers = null", "error = null", "metrics.attempts = 5", "metrics = {} as http.MessageMetrics"],
    ].map((line) => /^[a-zA-Z.]+ = /.test(line) ? `msg.${line};` : line),
  },
  "connections": {
    setting: `${setting}
declare const connection: http.Connection;
export { connection };`,
    right: ["return [connection.state, connection.uses, connection.tls, connection.host, connection.isNew];"],
    wrong: [
      'connection.state = "idle";',
      "connection.uses = 1;",
      "connection.tls = null;",
      "connection.idleSince = 1;",
      "new http.Connection({} as never, {} as never, true);",
      "new http.MessageMetrics();",
    ],
  },
  "what a test puts in the place of a session": {
    setting,
    right: [
      "return http.serverSentEvents({ fetch: session.fetch }, url);",
      "const { cancelMessage, isPaused, pauseMessage, queueMessage, unpauseMessage } = session; return http.streamMessage({ cancelMessage, isPaused, pauseMessage, queueMessage, unpauseMessage }, msg);",
      "await using events = http.readServerSentEvents(new Response()); return await events.next();",
      'const item: http.StructuredItem | undefined = http.parseStructuredItem("a"); return item;',
    ],
    wrong: ["return http.serverSentEvents({}, url);"],
  },
  "keys and certificates": {
    setting,
    right: [
      'new http.HttpSession({ clientCertificate: (origin) => origin === "a" ? { cert: "", key: "" } : undefined });',
      "new http.HttpSession({ clientCertificate: () => null });",
    ],
    wrong: [
      "http.TlsDatabase.fromCertificates([7]);",
      "const key: http.VerificationKey = 7; void key;",
    ],
  },
};

/** What only a program with Node's types can have. */
const onNode: Readonly<Record<string, TypeProgram>> = {
  "streams of Node": {
    setting: `${setting}
import { Blob as NodeBlob } from "node:buffer";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";
declare const nodeStream: NodeStream<Uint8Array>;
export { createReadStream, NodeBlob, nodeStream, Readable };`,
    right: [
      'msg.requestBody = createReadStream("f"); msg.requestBody = Readable.toWeb(createReadStream("f")); msg.requestBody = nodeStream;',
      'void session.fetch(url, { method: "POST", body: createReadStream("f"), duplex: "half" });',
      'msg.requestBody = new NodeBlob(["x"]); msg.requestBody = Buffer.from("a");',
      'new http.HttpMessage("POST", url, { body: Readable.from(["a"]) });',
      'return [http.readNdjson(Readable.toWeb(createReadStream("f"))), http.readServerSentEvents(createReadStream("f"))];',
    ],
    wrong: ["msg.requestBody = { a: 1 };", "msg.requestBody = [1, 2];", "http.readNdjson({ a: 1 });"],
  },
};

describe("the types of http", { skip: "Deno" in globalThis ? false : "the compiler is in the cache of Deno" }, () => {
  it("need no compiler to be declared", async () => {
    const programs = await TypePrograms.load();
    assertEquals(["internal", "http", "ffi", "session"].flatMap((floor) => programs.slow(floor)), []);
  });

  it("let programs hand on what they may not have been given, as all public types do", async () => {
    const surface: Record<string, string[]> = JSON.parse(readText("tests/project/public_surface.json"));
    assertEquals((await TypePrograms.load()).withoutUndefined(new Set(Object.values(surface).flat())), []);
  });

  for (const [name, settings] of typeSettings) {
    it(`take right programs and refuse wrong ones, with ${name}`, async () => {
      const all = settings.dom ? programs : { ...programs, ...onNode };
      assertEquals((await TypePrograms.load()).problems(all, settings), []);
    });
  }
});
