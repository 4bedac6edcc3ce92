// http/message/, http/queue/feature_list.ts, internal/expected.ts: what callers hand in, in every form the types allow, and
// what is refused though it would seem to work.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import {
  FetchTransport,
  HarRecorder,
  HttpMessage,
  HttpSession,
  Logger,
  ProxyResolver,
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
