// Cookies, cache and HSTS every way a session sends, on real sockets.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  CookieJar,
  HstsEnforcer,
  HttpCache,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  TlsDatabase,
} from "../../../http/mod.ts";
import { type OriginAnswer, type OriginWorker, originWorker } from "../../_support/origin_worker.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

type Way = (session: HttpSession, url: string, headers?: Record<string, string>) => Promise<HttpMessage>;

const ways: Record<string, Way> = {
  fetch: async (session, url, headers = {}) => {
    let seen: HttpMessage | null = null;
    const response = await session.fetch(url, { headers, prepare: (msg) => void (seen = msg) });
    const msg: HttpMessage = seen!;
    Object.defineProperty(msg, "responseBody", { value: new Uint8Array(await response.arrayBuffer()) });
    return msg;
  },
  queue: (session, url, headers = {}) =>
    new Promise((resolve) => session.queueMessage(new HttpMessage("GET", url, { headers }), (_, msg) => resolve(msg))),
  // deno-lint-ignore require-await
  sync: async (session, url, headers = {}) => {
    const msg = new HttpMessage("GET", url, { headers });
    session.sendMessageSync(msg);
    return msg;
  },
};

const json = (msg: HttpMessage) => JSON.parse(new TextDecoder().decode(msg.responseBody)) as OriginAnswer;

let certificates: TestCertificates;
let origin: OriginWorker;
before(async () => {
  certificates = await makeCertificates();
  origin = await originWorker({ cert: certificates.good.cert, key: certificates.good.key });
});
after(async () => {
  await origin[Symbol.asyncDispose]();
  await certificates.remove();
});

// "auto" is the runtime's fetch wherever that can trust the certificates of a test.
for (const transport of ["auto", "node"] as const) {
  for (const [way, send] of Object.entries(ways)) {
    describe(`features through ${way} on the ${transport} transport`, () => {
      const open = (options: HttpSessionOptions) =>
        new HttpSession({ transport, tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert), ...options });
      const plain = (path: string) => `http://127.0.0.1:${origin.port}${path}`;

      it("CookieJar takes and sends cookies, and replaces the caller's own", async () => {
        const jar = new CookieJar();
        await using session = open({ features: [jar] });
        const first = await send(
          session,
          plain(`/?set-cookie=a%3D1&set-cookie=${encodeURIComponent("b=2; Path=/deep")}`),
        );
        assertEquals([first.statusCode, json(first).cookie], [200, null]);
        assertEquals(json(await send(session, plain("/"), { cookie: "mine=1" })).cookie, "a=1");
        assertEquals(json(await send(session, plain("/deep"))).cookie, "b=2; a=1");
        await send(session, plain(`/?set-cookie=${encodeURIComponent("a=; Max-Age=0")}`));
        assertEquals(json(await send(session, plain("/"))).cookie, null);
      });

      it("CookieJar keeps Secure cookies from plain connections and cookies of other hosts out", async () => {
        const jar = new CookieJar();
        await using session = open({ features: [jar] });
        const evil = ["s=1; Secure", "d=1; Domain=example.com", "p=1; Domain=com", "ok=1"];
        await send(session, plain(`/?${evil.map((field) => `set-cookie=${encodeURIComponent(field)}`).join("&")}`));
        assertEquals(jar.allCookies().map(({ name }) => name), ["ok"]);
        await send(session, `https://localhost:${origin.tlsPort}/?set-cookie=${encodeURIComponent("s=2; Secure")}`);
        assertEquals(json(await send(session, `https://localhost:${origin.tlsPort}/`)).cookie, "s=2");
        assertEquals(json(await send(session, `http://localhost:${origin.port}/`)).cookie, null);
      });

      it("HttpCache answers, validates and decodes", async () => {
        const cache = new HttpCache();
        await using session = open({ features: [cache] });
        const kept = plain("/gzip?cache-control=max-age%3D60&etag=%22e%22");
        const { count } = json(await send(session, kept));
        const again = await send(session, kept);
        assertEquals([json(again).count, again.responseHeaders.has("age"), again.statusCode], [count, true, 200]);
        const confirmed = await send(session, kept, { "cache-control": "no-cache" });
        assertEquals([json(confirmed).count, confirmed.statusCode], [count, 200]);
        assertEquals(Number(confirmed.responseHeaders.get("x-count")), count + 1);
        const missing = await send(session, plain("/other"), { "cache-control": "only-if-cached" });
        assertEquals(missing.statusCode, 504);
      });

      it("HstsEnforcer learns over TLS and upgrades before anything is sent", async () => {
        const hsts = new HstsEnforcer();
        await using session = open({ features: [hsts] });
        const field = "strict-transport-security=max-age%3D60";
        await send(session, `http://localhost:${origin.port}/?${field}`);
        assertEquals(hsts.hasValidPolicy("localhost"), false);
        await send(session, `https://127.0.0.1:${origin.tlsPort}/?${field}`);
        assertEquals(hsts.getPolicies(), []);
        await send(session, `https://localhost:${origin.tlsPort}/?${field}`);
        assert(hsts.hasValidPolicy("localhost"));
        const upgraded = await send(session, `http://localhost:${origin.tlsPort}/x`);
        assertEquals([upgraded.uri.protocol, json(upgraded).secure], ["https:", true]);
        await send(session, `https://localhost:${origin.tlsPort}/?strict-transport-security=max-age%3D0`);
        assertEquals(json(await send(session, `http://localhost:${origin.port}/`)).secure, false);
      });
    });
  }
}
