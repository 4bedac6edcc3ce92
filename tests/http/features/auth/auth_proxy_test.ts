import { type AddressInfo, connect, createServer } from "node:net";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import type { HttpSessionOptions } from "../../../../http/session/session_options.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import { authProxy, type ProxyGuard, proxyRefusal } from "../../../_support/auth_proxy.ts";
import { authTransports, basic, DigestGuard, guardedServer } from "../../../_support/auth_servers.ts";
import { NtlmGuard, ntlmPassword } from "../../../_support/ntlm_server.ts";
import { reply, type SocketServer, socketServer } from "../../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../../_support/tls_certificates.ts";

let certificates: TestCertificates;
let secure: SocketServer;
let plain: SocketServer;

before(async () => {
  certificates = await makeCertificates();
  const { cert, key } = certificates.good;
  secure = await socketServer((_, socket) => socket.write(reply("200 OK", "secure")), { tls: { cert, key } });
  plain = await socketServer((_, socket) => socket.write(reply("200 OK", "plain")));
});
after(async () => {
  await secure.close();
  await plain.close();
  await certificates[Symbol.asyncDispose]();
});

/** Guards that know "alice" with "secret", by scheme. */
const guards: Record<string, () => ProxyGuard> = {
  Basic: () => (authorization) => authorization === basic("alice", "secret") || ['Basic realm="proxy"'],
  Digest: () => {
    const guard = new DigestGuard({ algorithm: "SHA-256" });
    return (authorization, { body, method, target }) => {
      // Only the path of an absolute-form target is hashed, as other clients do.
      const uri = method === "CONNECT" ? target : new URL(target).pathname + new URL(target).search;
      return guard.check(authorization, method, uri, body) !== false || guard.challenges();
    };
  },
  NTLM: () => {
    const guard = new NtlmGuard();
    return (authorization, _, socket) => {
      const verdict = guard.check(socket, authorization);
      return verdict === true || [verdict];
    };
  },
};

function proxied(proxy: SocketServer, answers: readonly (string | undefined)[], options: HttpSessionOptions = {}) {
  const session = new HttpSession({
    proxyUri: `http://127.0.0.1:${proxy.port}`,
    useNtlm: true,
    tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
    ...options,
  });
  const asked: string[] = [];
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    const answer = answers[asked.length];
    asked.push(`${auth.scheme} ${auth.isForProxy} ${retrying}`);
    if (answer === undefined) return;
    if (auth.scheme === "NTLM") auth.authenticate("CORP\\User", answer === "secret" ? ntlmPassword : answer);
    else auth.authenticate("alice", answer);
  });
  return { session, asked };
}

async function send(session: HttpSession, url: string): Promise<[number, string]> {
  const msg = new HttpMessage("GET", url);
  const status = await session.sendMessage(msg);
  return [status, new TextDecoder().decode(msg.responseBody)];
}

describe("proxy authentication", () => {
  for (const scheme of Object.keys(guards)) {
    for (const transport of authTransports) {
      const skip = scheme === "NTLM" && transport === "fetch" && "Bun" in globalThis
        ? "Bun's fetch closes the connection to a proxy that has refused"
        : false;
      it(`${scheme} over ${transport}: an http target`, { skip }, async () => {
        await using proxy = await authProxy(guards[scheme]!());
        const { session, asked } = proxied(proxy, ["wrong", undefined, "secret"], { transport });
        await using _ = session;
        assertEquals(await send(session, `${plain.origin}/x`), [407, proxyRefusal]);
        assertEquals(await send(session, `${plain.origin}/x?y`), [200, "plain"]);
        assertEquals(await send(session, `${plain.origin}/z`), [200, "plain"]);
        assertEquals(asked, [`${scheme} true false`, `${scheme} true true`, `${scheme} true false`]);
        assertFalse(plain.requests.some(({ headers }) => headers.has("proxy-authorization")));
      });
    }

    it(`${scheme}: an https target through a tunnel`, async () => {
      await using proxy = await authProxy(guards[scheme]!());
      const { session, asked } = proxied(proxy, ["wrong", undefined, "secret"]);
      await using _ = session;
      const url = `https://localhost:${secure.port}/x`;
      assertEquals(await send(session, url), [407, ""], "the proxy's body is not the origin's");
      assertEquals(await send(session, url), [200, "secure"]);
      assertEquals(await send(session, url), [200, "secure"]);
      assertEquals(asked, [`${scheme} true false`, `${scheme} true true`, `${scheme} true false`]);
      assert(proxy.requests.every(({ method }) => method === "CONNECT"));
      assertFalse(secure.requests.some(({ headers }) => headers.has("proxy-authorization")), "the origin sees none");
    });
  }

  it("sends known credentials with the first request to the proxy, for every target", async () => {
    await using proxy = await authProxy(guards["Basic"]!());
    const { session, asked } = proxied(proxy, ["secret"]);
    await using _ = session;
    assertEquals(await send(session, `${plain.origin}/x`), [200, "plain"]);
    assertEquals(await send(session, `https://localhost:${secure.port}/x`), [200, "secure"]);
    assertEquals(asked.length, 1);
    assertEquals(proxy.requests.map(({ headers, method }) => `${method} ${headers.has("proxy-authorization")}`), [
      "GET false",
      "GET true",
      "CONNECT true",
    ]);
  });

  it("asks on a new connection where a proxy has closed the one of its refusal without saying so", async () => {
    let connections = 0;
    const proxy = createServer((socket) => {
      connections++;
      socket.on("error", () => {});
      let asked = 0;
      socket.on("data", (data) => {
        if (asked++ > 0) return void socket.destroy();
        if (!String(data).includes("Proxy-Authorization: Basic ")) {
          socket.write(reply("407 Who", "", ['Proxy-Authenticate: Basic realm="proxy"']));
          return;
        }
        const upstream = connect(secure.port, "127.0.0.1", () => {
          socket.removeAllListeners("data");
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          socket.pipe(upstream).pipe(socket);
        });
        upstream.on("error", () => socket.destroy());
        socket.on("close", () => upstream.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    {
      const { session, asked } = proxied({ port } as SocketServer, ["secret"], { transport: "node" });
      await using _ = session;
      assertEquals(await send(session, `https://localhost:${secure.port}/x`), [200, "secure"]);
      assertEquals([asked.length, connections], [1, 2]);
    }
    await new Promise((resolve) => proxy.close(resolve));
  });

  it("does the rounds of NTLM with a proxy whatever the transport, when the session may choose", async () => {
    await using proxy = await authProxy(guards["NTLM"]!());
    const { session, asked } = proxied(proxy, ["secret"]);
    await using _ = session;
    assertEquals(await send(session, `${plain.origin}/x`), [200, "plain"]);
    assertEquals(asked, ["NTLM true false"]);
  });

  it("asks once for parallel requests", async () => {
    await using proxy = await authProxy(guards["Digest"]!());
    const { session, asked } = proxied(proxy, ["secret"], { maxConnsPerHost: 6 });
    await using _ = session;
    const urls = Array.from(
      { length: 6 },
      (_, index) => index % 2 ? `https://localhost:${secure.port}/` : plain.origin,
    );
    const all = await Promise.all(urls.map((url) => send(session, url)));
    assertEquals(all.map(([status]) => status), Array(6).fill(200));
    assertEquals(asked, ["Digest true false"]);
  });

  it("takes user and password of the proxy's URI, whatever the scheme", async () => {
    for (const scheme of ["Basic", "Digest"]) {
      await using proxy = await authProxy(guards[scheme]!());
      const { session, asked } = proxied(proxy, [], { proxyUri: `http://alice:secret@127.0.0.1:${proxy.port}` });
      await using _ = session;
      assertEquals(await send(session, `${plain.origin}/x`), [200, "plain"]);
      assertEquals(await send(session, `https://localhost:${secure.port}/x`), [200, "secure"]);
      assertEquals(asked, []);
    }
  });

  it("asks, with retrying, when the password of the proxy's URI is wrong", async () => {
    await using proxy = await authProxy(guards["Basic"]!());
    const { session, asked } = proxied(proxy, ["secret"], { proxyUri: `http://alice:wrong@127.0.0.1:${proxy.port}` });
    await using _ = session;
    assertEquals(await send(session, `${plain.origin}/x`), [200, "plain"]);
    assertEquals(asked, ["Basic true true"]);
  });

  it("authenticates to proxy and origin, each with its own field", async () => {
    await using proxy = await authProxy(guards["Digest"]!());
    await using origin = await guardedServer(
      (authorization) => authorization === basic("alice", "secret"),
      ['Basic realm="origin"'],
    );
    const { session, asked } = proxied(proxy, ["secret", "secret"]);
    await using _ = session;
    assertEquals(await send(session, `${origin.origin}/x`), [200, "hello from /x"]);
    assertEquals(asked, ["Digest true false", "Basic false false"]);
    assert(proxy.requests.some(({ headers }) => headers.has("authorization") && headers.has("proxy-authorization")));
    assertFalse(origin.requests.some(({ headers }) => headers.has("proxy-authorization")));
  });

  it("is not asked for by an origin: a 407 without a proxy is only a status", async () => {
    await using origin = await socketServer((_, socket) =>
      socket.write(reply("407 Give Me Your Password", "please", ['Proxy-Authenticate: Basic realm="x"']))
    );
    const session = new HttpSession({ transport: "node" });
    await using _ = session;
    let asked = 0;
    session.addEventListener("authenticate", () => asked++);
    assertEquals(await send(session, origin.origin), [407, "please"]);
    assertEquals(asked, 0);
  });

  it("is not asked for by an origin behind a tunnel", async () => {
    const { cert, key } = certificates.good;
    await using origin = await socketServer(
      (_, socket) =>
        socket.write(reply("407 Give Me Your Password", "please", ['Proxy-Authenticate: Basic realm="x"'])),
      { tls: { cert, key } },
    );
    await using proxy = await authProxy(() => true);
    const { session, asked } = proxied(proxy, ["secret"]);
    await using _ = session;
    assertEquals(await send(session, `https://localhost:${origin.port}/x`), [407, "please"]);
    assertEquals(asked, []);
  });

  it("leaves a Proxy-Authorization of the caller as it is, and asks nobody", async () => {
    await using proxy = await authProxy(guards["Basic"]!());
    const { session, asked } = proxied(proxy, ["secret"]);
    await using _ = session;
    const wrong = new HttpMessage("GET", `${plain.origin}/x`, { headers: { "proxy-authorization": "Basic bm86bm8=" } });
    assertEquals(await session.sendMessage(wrong), 407);
    const url = `https://localhost:${secure.port}/x`;
    const right = new HttpMessage("GET", url, { headers: { "proxy-authorization": basic("alice", "secret") } });
    assertEquals(await session.sendMessage(right), 200);
    assertFalse(secure.requests.at(-1)!.headers.has("proxy-authorization"));
    assertEquals(asked, []);
  });
});
