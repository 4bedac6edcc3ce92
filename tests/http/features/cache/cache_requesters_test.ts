import { assertEquals } from "@std/assert";
import { after, before, describe, it } from "node:test";
import {
  AuthManager,
  AuthNegotiate,
  CacheFileStore,
  CacheMemoryStore,
  HttpCache,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  HttpStatus,
  TlsDatabase,
} from "../../../../http/mod.ts";
import { identityServer } from "../../../_support/identity_server.ts";
import { type OriginAnswer, type OriginWorker, originWorker } from "../../../_support/origin_worker.ts";
import { temporaryFolder } from "../../../_support/temporary_folder.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";

type Send = (session: HttpSession, msg: HttpMessage) => number | Promise<number>;
const ways: [string, Send][] = [
  ["sendMessage", (session, msg) => session.sendMessage(msg)],
  ["sendMessageSync", (session, msg) => session.sendMessageSync(msg)],
];

const textOf = (msg: HttpMessage) => `${msg.statusCode} ${new TextDecoder().decode(msg.responseBody)}`;

function sessionOf(user: string | null, cache: HttpCache): HttpSession {
  const session = new HttpSession({ useNtlm: true, features: [cache] });
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    if (!retrying && user !== null) auth.authenticate(user, "secret");
  });
  return session;
}

for (const [way, send] of ways) {
  const get = async (session: HttpSession, url: string, prepare: (msg: HttpMessage) => void = () => {}) => {
    const msg = new HttpMessage("GET", url);
    prepare(msg);
    await send(session, msg);
    return textOf(msg);
  };

  describe(`Stored answers go to those they were given to: ${way}`, () => {
    for (const cacheControl of ["max-age=100", "public, max-age=100"]) {
      for (const shared of [false, true]) {
        it(`NTLM, ${cacheControl}, shared ${shared}`, async () => {
          await using server = await identityServer({ cacheControl });
          using cache = new HttpCache({ shared });
          await using alice = sessionOf("alice", cache);
          await using bob = sessionOf("bob", cache);
          await using nobody = sessionOf(null, cache);
          const [url, open] = [`${server.origin}/x`, `${server.origin}/open`];
          assertEquals([await get(alice, url), await get(alice, open)], ["200 alice", "200 alice"]);
          assertEquals(cache.size, shared && !cacheControl.startsWith("public") ? 0 : 2);
          assertEquals([await get(nobody, url), await get(nobody, open)], ["401 who are you?", "200 nobody"]);
          assertEquals([await get(bob, url), await get(bob, open)], ["200 bob", "200 bob"]);
          assertEquals(await get(alice, open, (msg) => msg.omitsCredentials = true), "200 nobody");
          assertEquals([await get(alice, url), await get(alice, open)], ["200 alice", "200 alice"]);
          alice.getFeature(AuthManager)!.clearCachedCredentials();
          assertEquals(await get(alice, open), "200 nobody");
        });
      }
    }

    it("Negotiate: keeps apart who a message was before and after it was sent again", async () => {
      await using server = await identityServer({ scheme: "Negotiate", cacheControl: "max-age=100" });
      using cache = new HttpCache();
      await using session = new HttpSession({ features: [cache] });
      session.addFeatureByType(AuthNegotiate);
      let user = "alice";
      session.addEventListener("authenticate", ({ auth, retrying }) => {
        if (!retrying) auth.authenticateToken(btoa(user));
      });
      session.addFeature({
        gotBody(_: unknown, msg: HttpMessage) {
          if (!msg.uri.pathname.endsWith("/again") || user === "bob") return;
          session.getFeature(AuthManager)!.clearCachedCredentials();
          user = "bob";
          session.requeueMessage(msg);
        },
      });
      const [url, again] = [`${server.origin}/x`, `${server.origin}/again`];
      assertEquals([await get(session, url), await get(session, again)], ["200 alice", "200 bob"]);
      assertEquals([await get(session, again), await get(session, url)], ["200 bob", "200 bob"]);
      assertEquals(await get(session, again, (msg) => msg.omitsCredentials = true), "401 who are you?");
      await using other = new HttpSession({ features: [cache] });
      assertEquals([await get(other, again), await get(other, url)], ["401 who are you?", "401 who are you?"]);
    });

    it("answers its user again, without asking the server", async () => {
      await using server = await identityServer({ cacheControl: "max-age=100" });
      using cache = new HttpCache();
      await using alice = sessionOf("alice", cache);
      let sent = 0;
      alice.addEventListener("request-started", () => sent++);
      await get(alice, `${server.origin}/x`);
      const before = sent;
      assertEquals(await get(alice, `${server.origin}/x`), "200 alice");
      assertEquals(sent, before);
    });

    it("takes nobody's word for who he is before the server has", async () => {
      await using server = await identityServer({ cacheControl: "max-age=100" });
      using cache = new HttpCache();
      await using alice = sessionOf("alice", cache);
      await get(alice, `${server.origin}/x`);
      await using impostor = sessionOf("alice", cache);
      let sent = 0;
      impostor.addEventListener("request-started", () => sent++);
      await get(impostor, `${server.origin}/x`);
      assertEquals(sent, 3);
    });
  });

  describe(`What is stored over TLS: ${way}`, () => {
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
    const countOf = async (session: HttpSession, url: string) => {
      const msg = new HttpMessage("GET", url);
      const status = await send(session, msg);
      return status === 200 ? (JSON.parse(new TextDecoder().decode(msg.responseBody)) as OriginAnswer).count : status;
    };
    const trusting = (options: HttpSessionOptions) =>
      new HttpSession({ tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert), ...options });
    const urlOf = (path: string, cacheControl = "max-age=100") =>
      `https://localhost:${origin.tlsPort}/${path}?cache-control=${encodeURIComponent(cacheControl)}`;

    for (const shared of [false, true]) {
      it(`keeps what a client certificate was shown apart, shared ${shared}`, async () => {
        using cache = new HttpCache({ shared });
        const { cert, key } = certificates.client;
        await using session = trusting({ clientCertificate: { cert, key }, features: [cache] });
        const url = urlOf(`client-${way}-${shared}`);
        const first = await countOf(session, url);
        assertEquals(await countOf(session, url) === first, !shared);
        session.clientCertificate = null;
        const second = await countOf(session, url);
        assertEquals(second === first, false);
        assertEquals(await countOf(session, url), second);
        session.clientCertificate = (asked) => asked.startsWith("https://localhost:") ? { cert, key } : null;
        assertEquals(await countOf(session, url) === first, !shared);
      });
    }

    for (const store of ["memory", "file"]) {
      it(`gives what an untrusted server said to nobody who is stricter: ${store}`, async () => {
        const folder = temporaryFolder("cache-requesters");
        using cache = new HttpCache({
          store: store === "file" ? new CacheFileStore(folder) : new CacheMemoryStore(),
        });
        await using lax = new HttpSession({
          tlsDatabase: TlsDatabase.fromPem(""),
          sslStrict: false,
          features: [cache],
        });
        await using strict = trusting({ features: [cache] });
        const url = urlOf(`trust-${way}-${store}`);
        const planted = await countOf(lax, url);
        assertEquals(await countOf(lax, url), planted);
        const real = await countOf(strict, url);
        assertEquals(real === planted, false);
        assertEquals([await countOf(strict, url), cache.size], [real, 2]);
      });
    }

    it("lets an untrusted server confirm, prolong or remove nothing a trusted one has said", async () => {
      using cache = new HttpCache();
      await using lax = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(""), sslStrict: false, features: [cache] });
      await using strict = trusting({ features: [cache] });
      const url = urlOf(`confirm-${way}`, "no-cache") + "&etag=%22a%22";
      const real = await countOf(strict, url);
      assertEquals(await countOf(strict, url), real);
      const other = await countOf(lax, url);
      assertEquals(other === real, false);
      assertEquals(await countOf(strict, url), real);
    });

    it("hides no refused certificate behind a stale answer", async () => {
      using cache = new HttpCache();
      const url = urlOf(`stale-${way}`, "max-age=0, stale-if-error=1000");
      {
        await using session = trusting({ features: [cache] });
        await countOf(session, url);
      }
      await using session = new HttpSession({
        tlsDatabase: TlsDatabase.fromPem(certificates.stranger.cert),
        features: [cache],
      });
      assertEquals(cache.size, 1);
      assertEquals(await countOf(session, url), HttpStatus.SSL_FAILED);
    });
  });

  it(`A message with a Host field of its own neither fills nor reads the cache: ${way}`, async () => {
    await using origin = await originWorker();
    using cache = new HttpCache();
    await using session = new HttpSession({ features: [cache] });
    const url = `http://127.0.0.1:${origin.port}/host?cache-control=max-age%3D100`;
    const named = (host: string) => (msg: HttpMessage) => msg.requestHeaders.set("host", host);
    await get(session, url, named("evil.example"));
    assertEquals(cache.size, 0);
    const first = await get(session, url);
    assertEquals(await get(session, url, named("evil.example")) === first, false);
    assertEquals(await get(session, url, named(`127.0.0.1:${origin.port}`)), first);
    const msg = new HttpMessage("GET", url, { headers: { host: "evil.example", "cache-control": "only-if-cached" } });
    await send(session, msg);
    assertEquals([msg.statusCode, cache.size], [504, 1]);
  });
}
