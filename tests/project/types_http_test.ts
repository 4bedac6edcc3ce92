// http/ and internal/ as the compiler of a program sees them: right programs compile, wrong ones do not.
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { TypePrograms, typeSettings } from "../_support/compiled_declarations.ts";

const onDeno = "Deno" in globalThis;
const IMPORTS = 'import * as http from "@gp11/gp11/http";\n' +
  "declare const session: http.HttpSession; declare const msg: http.HttpMessage;\n" +
  "declare const signal: AbortSignal | undefined; declare const bytes: Uint8Array; declare const url: string;\n";

/** Lines that must compile in every setting. */
const right: Readonly<Record<string, string>> = {
  options_handed_on: `
    declare const o: { timeout?: number; signal?: AbortSignal; body?: string; headers?: Record<string, string> };
    new http.HttpSession({ timeout: o.timeout, maxConns: undefined, features: undefined });
    void session.sendMessage(msg, { signal: o.signal });
    void session.fetch(url, { signal: o.signal, body: o.body, headers: o.headers, timeout: o.timeout, prepare: undefined });
    new http.Retry({ limit: undefined, onRetry: undefined }); new http.Logger({ printer: undefined });
    new http.HttpMessage("GET", url, { timeout: o.timeout, firstParty: undefined });
    msg.addEventListener("finished", () => {}, { signal, once: undefined });`,
  drop_in: `
    const drop: typeof fetch = session.fetch;
    const alike: typeof fetch & { preconnect(url: string | URL): void } = session.fetch;
    globalThis.fetch = session.fetch;
    declare const init: RequestInit; declare const input: string | URL | Request;
    void session.fetch(input, init); void drop; void alike;`,
  streamed_upload: `
    declare const stream: ReadableStream<Uint8Array>; declare const iterable: AsyncIterable<Uint8Array>;
    void session.fetch(url, { method: "POST", body: stream, duplex: "half" });
    void session.fetch(url, { method: "POST", body: iterable, duplex: "half" });
    msg.requestBody = stream; msg.requestBody = () => stream; msg.requestBody = iterable; msg.requestBody = bytes;
    msg.requestBody = new Blob(["x"]); msg.requestBody = new ArrayBuffer(1); msg.requestBody = new DataView(new ArrayBuffer(1));
    new http.HttpMessage("POST", url, { body: bytes });`,
  chunks: `
    msg.addEventListener("got-chunk", (e) => { new Blob([e.chunk]); void crypto.subtle.digest("SHA-256", e.chunk); });`,
  headers: `
    msg.requestHeaders = { accept: "text/plain" }; msg.requestHeaders = [["a", "b"]]; msg.requestHeaders = new Headers();
    msg.requestHeaders = new Map([["a", "b"]]); msg.requestHeaders.set("a", "b");`,
  events: `
    session.addEventListener("request-started", (e) => void e.connection.host);
    session.addEventListener("notify", function (e) { const same: http.HttpSession = this; void e.currentTarget.maxConns; void same; });
    msg.addEventListener("finished", (e) => void e.currentTarget.statusCode);
    msg.addEventListener("finished", { handleEvent(e: Event) { void e; } });
    msg.addHeaderHandler("got-headers", "location", (m) => void m.uri, { signal });
    msg.addStatusCodeHandler("got-headers", 404, (m) => void m.uri, { once: true });
    new http.ConnectionEvent("tunneling", {} as http.Connection);`,
};

/** Lines none of which may compile in any setting. */
const wrong: Readonly<Record<string, string>> = {
  fetch_of_a_number: "void session.fetch(42);",
  body_of_a_number: "msg.requestBody = 7;",
  headers_of_a_number: "msg.requestHeaders = 7;",
  listener_options: 'msg.addEventListener("finished", () => {}, { onse: true });',
  certificate: "http.TlsDatabase.fromCertificates([7]);",
  verification_key: "const key: http.VerificationKey = 7; void key;",
  unknown_option: "new http.HttpSession({ timeuot: 1 });",
  fetch_option: "void session.fetch(url, { timeuot: 1 });",
  duplex: 'void session.fetch(url, { duplex: "full" });',
  priority: 'void session.fetch(url, { priority: "urgent" });',
  event_name: 'msg.addEventListener("finnished", () => {});',
  connection_event: 'new http.ConnectionEvent("foo", {} as http.Connection);',
  retry_methods: 'new http.Retry({ methods: "GET" });',
  hidden_headers: 'new http.Logger({ hiddenHeaders: "cookie" });',
  ignored_hosts: 'http.ProxyResolver.fromUri(url, { ignoreHosts: "<local>" });',
  chunk_event: 'new http.ChunkEvent("foo", new Uint8Array(1));',
};

describe("the types of http", { skip: onDeno ? false : "the compiler is in the cache of Deno" }, () => {
  let loaded: Promise<TypePrograms> | undefined;
  const compiler = (): Promise<TypePrograms> => loaded ??= TypePrograms.load();
  const all = Object.fromEntries(
    Object.entries({ ...right, ...wrong }).map(([name, source]) => [name, `${IMPORTS}${source}`]),
  );

  it("need no compiler to be declared", async () => {
    const programs = await compiler();
    assertEquals([...programs.slow("internal"), ...programs.slow("http")], []);
  });

  for (const [name, settings] of typeSettings) {
    it(`take right programs and refuse wrong ones, with ${name}`, async () => {
      const errors = (await compiler()).errors(all, settings);
      const names = errors.map((error) => error.slice(0, error.indexOf(":")));
      assertEquals(errors.filter((_, index) => !(names[index]! in wrong)), []);
      assertEquals(Object.keys(wrong).filter((each) => !names.includes(each)), [], "these compile");
      assert(names.length >= Object.keys(wrong).length);
    });
  }
});
