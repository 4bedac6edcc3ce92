import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { describe, it } from "node:test";
import {
  AuthManager,
  AuthNegotiate,
  AuthNtlm,
  HttpMessage,
  HttpSession,
  type HttpSessionOptions,
  TlsDatabase,
} from "../../../../http/mod.ts";
import { authTransports } from "../../../_support/auth_servers.ts";
import { identityServer } from "../../../_support/identity_server.ts";
import { makeCertificates } from "../../../_support/tls_certificates.ts";

type Prepare = (msg: HttpMessage) => void;
type Send = (session: HttpSession, url: string, prepare?: Prepare) => Promise<string>;

const bodyOf = (msg: HttpMessage): string => `${msg.statusCode} ${new TextDecoder().decode(msg.responseBody)}`;
const ways: [string, Send][] = [
  ["fetch", async (session, url, prepare) => {
    const response = await session.fetch(url, prepare ? { prepare } : {});
    return `${response.status} ${await response.text()}`;
  }],
  ["sendMessage", async (session, url, prepare) => {
    const msg = new HttpMessage("GET", url);
    prepare?.(msg);
    await session.sendMessage(msg);
    return bodyOf(msg);
  }],
  ["sendMessageSync", (session, url, prepare) => {
    const msg = new HttpMessage("GET", url);
    prepare?.(msg);
    session.sendMessageSync(msg);
    return Promise.resolve(bodyOf(msg));
  }],
];

/** A session whose listener answers with whoever \`user\` is at the time; null answers nothing. */
function sessionOf(options: HttpSessionOptions): { session: HttpSession; login: { user: string | null } } {
  const session = new HttpSession({ useNtlm: true, timeout: 20, ...options });
  const login: { user: string | null } = { user: "alice" };
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    if (!retrying && login.user !== null) auth.authenticate(login.user, "secret");
  });
  return { session, login };
}

const refused = "401 who are you?";

for (const transport of authTransports) {
  for (const [way, send] of ways) {
    describe(`A connection that NTLM has authenticated carries nobody else's messages: ${way} over ${transport}`, () => {
      it("stays with its user, and goes to no other after the credentials have changed", async () => {
        await using server = await identityServer();
        const { session, login } = sessionOf({ transport });
        await using _ = session;
        const url = `${server.origin}/x`;
        for (let round = 0; round < 3; round++) assertEquals(await send(session, url), "200 alice");
        session.getFeature(AuthManager)!.clearCachedCredentials();
        login.user = null;
        assertEquals(await send(session, url), refused);
        login.user = "bob";
        assertEquals(await send(session, url), "200 bob");
        assertEquals(await send(session, `${server.origin}/open`), "200 bob");
      });

      it("carries nothing once the scheme is switched off", async () => {
        await using server = await identityServer();
        const { session } = sessionOf({ transport });
        await using _ = session;
        assertEquals(await send(session, `${server.origin}/x`), "200 alice");
        session.useNtlm = false;
        assertEquals(await send(session, `${server.origin}/open`), "200 nobody");
        assertEquals(await send(session, `${server.origin}/x`), refused);
        session.useNtlm = true;
        session.getFeature(AuthManager)!.removeFeature(AuthNtlm);
        assertEquals(await send(session, `${server.origin}/x`), refused);
      });

      it("carries no message that asks for nobody, or for somebody else", async () => {
        await using server = await identityServer();
        const { session } = sessionOf({ transport });
        await using _ = session;
        const open = `${server.origin}/open`;
        assertEquals(await send(session, `${server.origin}/x`), "200 alice");
        const others: [string, Prepare][] = [
          ["omits credentials", (msg) => msg.omitsCredentials = true],
          ["disables the manager", (msg) => msg.disableFeature(AuthManager)],
          ["names another user", (msg) => msg.uri = new URL(open.replace("//", "//carol:pw@"))],
          ["names another user without a password", (msg) => msg.uri = new URL(open.replace("//", "//carol@"))],
        ];
        for (const [what, prepare] of others) {
          assertEquals([what, await send(session, open, prepare)], [what, "200 nobody"]);
        }
        const own = (msg: HttpMessage) => msg.requestHeaders.set("authorization", "Bearer own");
        assertEquals(await send(session, open, own), "200 nobody with own");
        assertEquals(await send(session, open), "200 alice");
      });

      it("makes a handshake of its own for a user the URI names", async () => {
        await using server = await identityServer();
        const { session } = sessionOf({ transport });
        await using _ = session;
        const named = `${server.origin.replace("//", "//carol:pw@")}/x`;
        for (
          const [url, user] of [[`${server.origin}/x`, "alice"], [named, "carol"], [`${server.origin}/x`, "alice"]]
        ) {
          const seen = way === "fetch"
            ? await send(session, server.origin, (msg) => msg.uri = new URL(url!))
            : await send(session, url!);
          assertEquals(seen, `200 ${user}`);
        }
      });

      it("goes on where one connection is all there may be", async () => {
        await using server = await identityServer();
        const { session, login } = sessionOf({ transport, maxConns: 1, maxConnsPerHost: 1 });
        await using _ = session;
        assertEquals(await send(session, `${server.origin}/x`), "200 alice");
        session.getFeature(AuthManager)!.clearCachedCredentials();
        login.user = "bob";
        assertEquals(await send(session, `${server.origin}/x`), "200 bob");
        assertEquals(await send(session, `${server.origin}/open`, (msg) => msg.omitsCredentials = true), "200 nobody");
      });

      it("keeps proxies' users apart, too", async () => {
        await using proxy = await identityServer();
        const { session, login } = sessionOf({ transport, proxyUri: proxy.origin });
        await using _ = session;
        const url = "http://origin.example/x";
        assertEquals(await send(session, url), "200 alice");
        assertEquals(await send(session, "http://origin.example/open"), "200 alice");
        session.getFeature(AuthManager)!.clearCachedCredentials();
        login.user = "bob";
        assertEquals(await send(session, url), "200 bob");
        session.useNtlm = false;
        assertEquals(await send(session, "http://origin.example/open"), "200 nobody");
      });
    });
  }

  it(`keeps the tokens of Negotiate apart: ${transport}`, async () => {
    await using server = await identityServer({ scheme: "Negotiate" });
    await using session = new HttpSession({ transport });
    session.addFeatureByType(AuthNegotiate);
    let user = "alice";
    session.addEventListener("authenticate", ({ auth, retrying }) => {
      if (!retrying) auth.authenticateToken(Buffer.from(user).toString("base64"));
    });
    const get = async (path: string) => await (await session.fetch(server.origin + path)).text();
    assertEquals([await get("/x"), await get("/x")], ["alice", "alice"]);
    session.getFeature(AuthManager)!.clearCachedCredentials();
    user = "bob";
    assertEquals([await get("/open"), await get("/x"), await get("/open")], ["nobody", "bob", "bob"]);
  });

  it(`shares an authenticated connection among its user's messages: ${transport}`, async () => {
    await using server = await identityServer();
    const { session } = sessionOf({ transport });
    await using _ = session;
    let connections = "";
    for (let round = 0; round < 5; round++) {
      const response = await session.fetch(`${server.origin}/x`);
      await response.text();
      connections = response.headers.get("x-connections")!;
    }
    // The runtime's fetch may not have its connection back yet when a body has been read, and make another.
    if (transport === "fetch") assert(Number(connections) < 5, connections);
    else assertEquals(connections, "1");
  });
}

it("a transport that shares its sockets with everybody makes no handshake", async () => {
  await using server = await identityServer();
  const { session } = sessionOf({ transport: "fetch" });
  await using _ = session;
  const { status } = await session.fetch(`${server.origin}/x`).then(async (
    response,
  ) => (await response.text(), response));
  assertEquals(status, session.capabilities.exactConnections ? 200 : 401);
});

it("a client certificate is shown for nobody who asks to be unknown, nor after it was taken away", async () => {
  await using certificates = await makeCertificates();
  const { good, client, ca } = certificates;
  const seen: [string, unknown][] = [];
  const server = createServer(
    { ...good, ca: ca.cert, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { authorized } = request.socket as TLSSocket;
      seen.push([request.url!, authorized]);
      response.end();
    },
  );
  const ports = new Map<unknown, number>();
  server.on("secureConnection", (socket) => ports.set(socket, ports.size + 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  const { cert, key } = client;
  for (const clientCertificate of [{ cert, key }, () => ({ cert, key })]) {
    const session = new HttpSession({ tlsDatabase: TlsDatabase.fromPem(ca.cert), clientCertificate });
    await using _ = session;
    const before = ports.size;
    for (
      const [path, credentials] of [["/with", "same-origin"], ["/omit", "omit"], ["/again", "same-origin"]] as const
    ) {
      await (await session.fetch(origin + path, { credentials })).text();
    }
    session.clientCertificate = null;
    await (await session.fetch(`${origin}/none`)).text();
    assertEquals(ports.size - before, 3);
    assertNotEquals(seen.length, 0);
  }
  if (!("Bun" in globalThis)) { // Bun's server does not say whether a client was authorized.
    const expected = [["/with", true], ["/omit", false], ["/again", true], ["/none", false]];
    assertEquals(seen, [...expected, ...expected] as typeof seen);
  }
  await new Promise((resolve) => server.close(resolve));
});
