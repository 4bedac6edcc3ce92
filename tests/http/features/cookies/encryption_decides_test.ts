import { assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { ContentDecoder, CookieJar, HttpCache, HttpMessage, HttpSession, TlsDatabase } from "../../../../http/mod.ts";
import type { SessionFeature } from "../../../../http/contract/feature.ts";
import type { HttpSessionOptions } from "../../../../http/session/session_options.ts";
import { type OriginAnswer, type OriginWorker, originWorker } from "../../../_support/origin_worker.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";

let certificates: TestCertificates;
let origin: OriginWorker;
before(async () => {
  certificates = await makeCertificates();
  origin = await originWorker(certificates.good);
});
after(async () => {
  await origin[Symbol.asyncDispose]();
  await certificates.remove();
});

type Send = (session: HttpSession, msg: HttpMessage) => number | Promise<number>;
const ways: [string, Send][] = [
  ["sendMessage", (session, msg) => session.sendMessage(msg)],
  ["sendMessageSync", (session, msg) => session.sendMessageSync(msg)],
];

const answerOf = (msg: HttpMessage) => JSON.parse(new TextDecoder().decode(msg.responseBody)) as OriginAnswer;
const trusting = (options: HttpSessionOptions = {}) =>
  new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert), ...options });
const setting = (...fields: string[]) =>
  `?${fields.map((field) => `set-cookie=${encodeURIComponent(field)}`).join("&")}`;

function jarWithSecrets(): CookieJar {
  const jar = new CookieJar();
  jar.setCookie("sid=secret; Secure; HttpOnly; Path=/", "https://localhost/");
  jar.setCookie("__Host-id=secret; Secure; Path=/", "https://localhost/");
  return jar;
}

for (const [way, send] of ways) {
  describe(`How a message travels decides about Secure cookies, not its scheme's name: ${way}`, () => {
    for (const scheme of ["wss", "ws", "httpss", "dav", "https+x"]) {
      it(`sends none in clear to ${scheme}: and takes none from there`, async () => {
        const jar = jarWithSecrets();
        await using session = new HttpSession({ features: [jar] });
        const forged = setting("sid=forged; Secure; Path=/", "sid=forged; Path=/", "__Host-id=forged; Secure; Path=/");
        const msg = new HttpMessage("GET", `${scheme}://localhost:${origin.port}/${forged}`);
        assertEquals(await send(session, msg), 200);
        assertEquals([answerOf(msg).secure, answerOf(msg).cookie], [false, null]);
        assertEquals(jar.getCookieHeader("https://localhost/"), "sid=secret; __Host-id=secret");
      });
    }

    it("sends none in clear after a redirect to wss:", async () => {
      const jar = jarWithSecrets();
      await using session = new HttpSession({ features: [jar] });
      const location = encodeURIComponent(`wss://localhost:${origin.port}/`);
      const msg = new HttpMessage("GET", `http://127.0.0.1:${origin.port}/?status=302&location=${location}`);
      assertEquals(await send(session, msg), 200);
      assertEquals([msg.uri.protocol, answerOf(msg).cookie], ["wss:", null]);
    });

    it("takes an alias of https for encrypted", async () => {
      const jar = jarWithSecrets();
      await using session = trusting({ features: [jar], httpsAliases: ["wss", "davs"] });
      const uri = `davs://localhost:${origin.tlsPort}/${setting("more=1; Secure; Path=/")}`;
      const msg = new HttpMessage("GET", uri);
      assertEquals(await send(session, msg), 200);
      assertEquals(answerOf(msg).cookie, "sid=secret; __Host-id=secret");
      assertEquals(jar.getCookieHeader("https://localhost/"), "sid=secret; __Host-id=secret; more=1");
    });
  });

  describe(`What a server without a trusted certificate said stays with sessions that do not mind: ${way}`, () => {
    it("keeps its cookies from stricter sessions, and from overwriting theirs", async () => {
      const jar = jarWithSecrets();
      const uri = `https://localhost:${origin.tlsPort}/`;
      await using lax = new HttpSession({ sslStrict: false, tlsDatabase: TlsDatabase.fromPem(""), features: [jar] });
      const planted = setting("sid=planted; Secure; Path=/", "new=planted; Path=/");
      assertEquals(await send(lax, new HttpMessage("GET", uri + planted)), 200);
      const again = new HttpMessage("GET", uri);
      assertEquals(await send(lax, again), 200);
      assertEquals(answerOf(again).cookie, "sid=planted; new=planted; __Host-id=secret");
      await using strict = trusting({ features: [jar] });
      const msg = new HttpMessage("GET", uri);
      assertEquals(await send(strict, msg), 200);
      assertEquals(answerOf(msg).cookie, "sid=secret; __Host-id=secret");
      assertEquals(jar.getCookieHeader("http://localhost/"), "");
      assertEquals(jar.size, 2);
    });

    it("takes cookies where the certificate is trusted although none need be", async () => {
      const jar = new CookieJar();
      await using session = trusting({ sslStrict: false, features: [jar] });
      const uri = `https://localhost:${origin.tlsPort}/${setting("a=1; Secure; Path=/")}`;
      assertEquals(await send(session, new HttpMessage("GET", uri)), 200);
      assertEquals(jar.getCookieHeader("https://localhost/"), "a=1");
    });
  });
}

describe("Other decisions by encryption", () => {
  it("asks for the codings of TLS over an alias of https, and not over one of http", async () => {
    const seen: (string | null)[] = [];
    const spy: SessionFeature = {
      requestStarted: (_session, msg) => void seen.push(msg.requestHeaders.get("accept-encoding")),
    };
    await using session = trusting({ httpsAliases: ["davs"], features: [new ContentDecoder(), spy] });
    for (const scheme of ["https", "davs"]) {
      await session.sendMessage(new HttpMessage("GET", `${scheme}://localhost:${origin.tlsPort}/`));
    }
    await session.sendMessage(new HttpMessage("GET", `wss://localhost:${origin.port}/`));
    assertEquals(seen[0], seen[1]);
    assertEquals(seen[2], "gzip, deflate");
  });

  it("chooses the proxy for the URI as it travels", async () => {
    const asked: string[] = [];
    const resolver: SessionFeature = { resolveProxy: (uri) => void asked.push(uri.href) };
    await using session = new HttpSession({ features: [resolver] });
    await session.sendMessage(new HttpMessage("GET", `wss://localhost:${origin.port}/x`));
    assertEquals(asked, [`http://localhost:${origin.port}/x`]);
  });

  it("lets an alias of one host outdate nothing of another one's in the cache", async () => {
    const cache = new HttpCache();
    await using session = new HttpSession({ features: [cache] });
    const stored = `dav://localhost:${origin.port}/stored?cache-control=max-age%3D100`;
    await session.sendMessage(new HttpMessage("GET", stored));
    const location = encodeURIComponent(stored);
    const other = `dav://127.0.0.1:${origin.port}/?content-location=${location}`;
    await session.sendMessage(new HttpMessage("POST", other));
    assertEquals(cache.size, 1);
  });
});
