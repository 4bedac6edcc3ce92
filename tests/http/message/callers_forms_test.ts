// http/message/, http/queue/feature_list.ts, internal/expected.ts: what callers hand in, in every form the types allow, and
// what is refused though it would seem to work.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import {
  FetchTransport,
  HarRecorder,
  HttpMessage,
  HttpSession,
  Logger,
  ProxyResolver,
  readNdjson,
  Retry,
  type SessionFeature,
} from "../../../http/mod.ts";

const url = "http://a.test/";
const session = (sent: string[] = []) =>
  new HttpSession({
    transport: new FetchTransport({
      fetch: async (_url, init) => {
        sent.push(await new Response(init.body as BodyInit).text());
        return new Response("hello", { headers: { etag: "1" } });
      },
    }),
  });

describe("what callers hand in", () => {
  it("is header fields in any form, and the caller's own object where it is one", () => {
    const msg = new HttpMessage("GET", url);
    for (const fields of [{ accept: "a/b" }, [["accept", "a/b"]] as const, new Map([["accept", "a/b"]])]) {
      msg.requestHeaders = fields;
      assertEquals(msg.requestHeaders.get("accept"), "a/b");
    }
    const own = new Headers({ accept: "c/d" });
    msg.requestHeaders = own;
    assert(msg.requestHeaders === own);
  });

  it("is whether credentials are kept from the message, said when it is made", () => {
    assertEquals(new HttpMessage("GET", url, { omitsCredentials: true }).omitsCredentials, true);
    assertEquals(new HttpMessage("GET", url, { omitsCredentials: undefined }).omitsCredentials, false);
  });

  it("is a body on shared memory, copied when it is set", async () => {
    const sent: string[] = [];
    await using http = session(sent);
    const shared = new SharedArrayBuffer(2);
    new Uint8Array(shared).set([111, 107]);
    const msg = new HttpMessage("POST", url, { body: shared });
    new Uint8Array(shared).fill(33);
    assertEquals(await http.sendMessage(msg), 200);
    assertEquals(sent, ["ok"]);
  });

  it("is a body in a stream or Blob of another realm, or of a library", async () => {
    const sent: string[] = [];
    await using http = session(sent);
    const reader = () => {
      const pieces = ["a", "b"].map((text) => new TextEncoder().encode(text));
      return {
        read: () => Promise.resolve({ done: pieces.length === 0, value: pieces.shift() }),
        cancel: () => Promise.resolve(),
      };
    };
    const stream = { getReader: reader } as unknown as ReadableStream<Uint8Array>;
    assertEquals(await http.sendMessage(new HttpMessage("POST", url, { body: stream })), 200);
    const blob = { size: 3, type: "text/plain", stream: () => new Blob(["ccc"]).stream() } as unknown as Blob;
    const msg = new HttpMessage("POST", url, { body: blob });
    assertEquals([msg.requestBodyLength, msg.requestHeaders.get("content-type")], [3, "text/plain"]);
    assertEquals([await http.sendMessage(msg), sent], [200, ["ab", "ccc"]]);
    const lines: unknown[] = [];
    for await (const line of readNdjson(Readable.from([new TextEncoder().encode('{"n":1}\n2')]))) lines.push(line);
    assertEquals(lines, [{ n: 1 }, 2]);
    assertThrows(() => new HttpMessage("POST", url, { body: { a: 1 } as never }), TypeError, "request body");
  });

  it("has a length that is known before anything is sent, where it can be", () => {
    const lengthOf = (body: BodyInit) => new HttpMessage("POST", "http://example.org/", { body }).requestBodyLength;
    assertEquals(lengthOf("é"), 2);
    assertEquals(lengthOf(new Uint8Array(5)), 5);
    assertEquals(lengthOf(new ArrayBuffer(0)), 0);
    assertEquals(lengthOf(new Blob(["abc"])), 3);
    assertEquals(lengthOf(new URLSearchParams("a=b")), 3);
    assertEquals(lengthOf(new ReadableStream()), null);
    const msg = new HttpMessage("POST", "http://example.org/");
    assertEquals(msg.requestBodyLength, null);
    msg.requestBody = new ReadableStream();
    msg.requestBodyLength = 7;
    assertEquals(msg.requestBodyLength, 7);
    msg.requestBody = new Uint8Array(3);
    assertEquals(msg.requestBodyLength, 3);
    msg.requestBody = null;
    assertEquals(msg.requestBodyLength, null);
  });

  it("is a status that a feature gives, and no other part of the result", async () => {
    await using http = session();
    http.addFeature({ gotHeaders: (_session, msg) => msg.setStatus(404) });
    const msg = new HttpMessage("GET", url);
    assertEquals([await http.sendMessage(msg), msg.statusCode, msg.reasonPhrase], [404, 404, "Not Found"]);
    assertEquals([msg.toResponse().status, msg.toResponse().statusText], [404, "Not Found"]);
    for (const status of [-1, 1000, 1.5]) assertThrows(() => msg.setStatus(status), RangeError, "the status");
    for (const name of ["statusCode", "reasonPhrase", "error", "tlsErrors", "httpVersion", "trailers"]) {
      assertThrows(() => Object.assign(msg, { [name]: null }), TypeError);
    }
  });

  it("is a reason that is no Error, which becomes the cause of one", async () => {
    await using http = session();
    const [cancelled, failed] = [new HttpMessage("GET", url), new HttpMessage("GET", url)];
    http.queueMessage(cancelled);
    http.cancelMessage(cancelled, 1, { error: "enough" });
    assertEquals([cancelled.error instanceof Error, cancelled.error?.cause], [true, "enough"]);
    const controller = new AbortController();
    const sending = http.sendMessage(failed, { signal: controller.signal }).catch((reason: unknown) => reason);
    controller.abort("over");
    assertEquals([await sending, failed.error?.cause], ["over", "over"]);
    const body = new ReadableStream<Uint8Array>({ cancel: (reason) => void told.push(reason) });
    const told: unknown[] = [];
    const signal = AbortSignal.abort(7);
    const fetching = http.fetch(url, { method: "POST", body, duplex: "half", signal });
    assertEquals([await fetching.catch((reason: unknown) => reason), told], [7, [7]]);
  });

  it("is a handler that goes when its signal aborts, or after the first time", async () => {
    await using http = session();
    const msg = new HttpMessage("GET", url);
    const controller = new AbortController();
    const heard: string[] = [];
    msg.addStatusCodeHandler("got-headers", 200, () => heard.push("signal"), { signal: controller.signal });
    msg.addHeaderHandler("got-headers", "etag", () => heard.push("once"), { once: true });
    await http.sendMessage(msg);
    controller.abort();
    await http.sendMessage(msg);
    assertEquals(heard.sort(), ["once", "signal"]);
  });

  it("is a URL to connect to beforehand, which no response is waited for", async () => {
    await using http = session();
    assertEquals(http.fetch.preconnect(url), undefined);
    assertThrows(() => http.fetch.preconnect("no url"), TypeError);
  });

  it("is no feature if a session would never call it", async () => {
    await using http = session();
    assertThrows(() => http.addFeature({}), TypeError, "no member of SessionFeature");
    const defaults: SessionFeature = { requestDefaults: [["accept", "a/b"]] };
    http.addFeature(defaults);
    const sink: SessionFeature = { wireBodySink: () => null };
    http.addFeature(sink);
    assertEquals(http.getFeatures().slice(0, 2), [sink, defaults]);
  });

  it("is no text where a list of names is wanted: its letters are none", () => {
    // deno-lint-ignore no-explicit-any -- Wrong types are what this is about.
    const text: any = "GET";
    assertThrows(() => new Retry({ methods: text }), TypeError, "expected a list of methods");
    assertThrows(() => new Logger({ hiddenHeaders: text }), TypeError, "expected a list of names");
    assertThrows(() => new HarRecorder({ hiddenParameters: text }), TypeError, "expected a list of names");
    assertThrows(() => ProxyResolver.fromUri(url, { ignoreHosts: text }), TypeError, "expected a list of hosts");
  });
});
