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
    setting,
    right: [
      "const drop: typeof fetch = session.fetch; return drop;",
      "const alike: typeof fetch & { preconnect(url: string | URL): void } = session.fetch; return alike;",
      "globalThis.fetch = session.fetch;",
      "async function f(init: RequestInit, input: string | URL | Request) { await session.fetch(input, init); } return f;",
    ],
    wrong: [
      "void session.fetch(42);",
      'void session.fetch(url, { duplex: "full" });',
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
  "keys and certificates": {
    setting,
    right: [],
    wrong: [
      "http.TlsDatabase.fromCertificates([7]);",
      "const key: http.VerificationKey = 7; void key;",
    ],
  },
};

describe("the types of http", { skip: "Deno" in globalThis ? false : "the compiler is in the cache of Deno" }, () => {
  let loaded: Promise<TypePrograms> | undefined;
  const compiler = (): Promise<TypePrograms> => loaded ??= TypePrograms.load();

  it("need no compiler to be declared", async () => {
    const programs = await compiler();
    assertEquals(["internal", "http", "ffi", "session"].flatMap((floor) => programs.slow(floor)), []);
  });

  it("let programs hand on what they may not have been given, as all public types do", async () => {
    const surface: Record<string, string[]> = JSON.parse(readText("tests/project/public_surface.json"));
    assertEquals((await compiler()).withoutUndefined(new Set(Object.values(surface).flat())), []);
  });

  for (const [name, settings] of typeSettings) {
    it(`take right programs and refuse wrong ones, with ${name}`, async () => {
      assertEquals((await compiler()).problems(programs, settings), []);
    });
  }
});
