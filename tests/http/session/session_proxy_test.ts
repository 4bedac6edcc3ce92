import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import type { HttpSessionOptions } from "../../../http/session/session_options.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { TlsDatabase } from "../../../http/transports/tls_database.ts";
import { proxyServer, socksServer, startTinyproxy, tinyproxyPath } from "../../_support/proxy_server.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates, type TestCertificates } from "../../_support/tls_certificates.ts";

const isFetchPooled = Boolean(process.versions["bun"] || process.versions["deno"]);
const choices = isFetchPooled ? ["auto", "fetch", "node"] as const : ["auto", "node"] as const;
const CREDENTIALS = "user:p@ss";
const IN_URI = "user:p%40ss@";
let certificates: TestCertificates;

before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates.remove());

function origin(): Promise<SocketServer> {
  return socketServer((request, socket) => void socket.write(reply("200 OK", `plain ${request.target}`)));
}

function secureOrigin(): Promise<SocketServer> {
  const { cert, key } = certificates.good;
  return socketServer((request, socket) => void socket.write(reply("200 OK", `tls ${request.target}`)), {
    tls: { cert, key },
  });
}

/** Deno's fetch cannot have our authority as its only root, so it is used for plain targets alone. */
function targetsOf(transport: string, plain: SocketServer, secure: SocketServer): [string, string][] {
  const targets: [string, string][] = [[`http://localhost:${plain.port}/p`, "plain /p"]];
  if (transport !== "fetch" || process.versions["bun"]) targets.push([`https://localhost:${secure.port}/t`, "tls /t"]);
  return targets;
}

async function send(session: HttpSession, url: string) {
  const msg = new HttpMessage("GET", url);
  await session.sendMessage(msg);
  return { msg, text: new TextDecoder().decode(msg.responseBody) };
}

describe("sessions with a proxy", () => {
  for (const transport of choices) {
    const options = (more: HttpSessionOptions): HttpSessionOptions => ({
      transport,
      tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
      ...more,
    });

    it(`${transport}: sends http in absolute form and https through one tunnel`, async () => {
      await using plain = await origin();
      await using secure = await secureOrigin();
      await using proxy = await proxyServer();
      await using session = new HttpSession(options({ proxyUri: `http://127.0.0.1:${proxy.port}/` }));
      let tunnels = 0;
      session.addEventListener("tunneling", () => tunnels++);
      for (const [url, expected] of targetsOf(transport, plain, secure)) {
        for (let i = 0; i < 3; i++) assertEquals((await send(session, url)).text, expected);
      }
      assert(proxy.heads[0]!.startsWith(`GET http://localhost:${plain.port}/p HTTP/1.1`), proxy.heads[0]);
      const connects = proxy.heads.filter((head) => head.startsWith("CONNECT"));
      assertEquals(connects.length, targetsOf(transport, plain, secure).length - 1);
      assertEquals(tunnels, connects.length);
    });

    it(`${transport}: gives the credentials of the proxy's URI to the proxy alone`, async () => {
      await using plain = await origin();
      await using secure = await secureOrigin();
      await using proxy = await proxyServer({ credentials: CREDENTIALS });
      await using session = new HttpSession(options({ proxyUri: `http://${IN_URI}127.0.0.1:${proxy.port}/` }));
      for (const [url, expected] of targetsOf(transport, plain, secure)) {
        assertEquals((await send(session, url)).text, expected);
      }
      for (const { headers } of [...plain.requests, ...secure.requests]) {
        assertFalse(headers.has("proxy-authorization") || headers.has("authorization"));
      }
      assertStringIncludes(proxy.heads.at(-1)!.toLowerCase(), "proxy-authorization: basic");
    });

    it(`${transport}: ends with the proxy's 407 and its body when nobody answers it`, async () => {
      await using plain = await origin();
      await using proxy = await proxyServer({ credentials: CREDENTIALS });
      await using session = new HttpSession(options({ proxyUri: `http://127.0.0.1:${proxy.port}/` }));
      const { msg, text } = await send(session, `http://localhost:${plain.port}/`);
      assertEquals([msg.statusCode, text], [HttpStatus.PROXY_UNAUTHORIZED, "secret"]);
      assertEquals([plain.requests.length, proxy.connections], [0, 1]);
    });
  }

  it("asks for credentials for the tunnel, again when they are wrong, and tunnels with the right ones", async () => {
    await using secure = await secureOrigin();
    await using proxy = await proxyServer({ credentials: CREDENTIALS });
    for (const transport of ["auto", "node"] as const) {
      await using session = new HttpSession({
        transport,
        tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
        proxyUri: `http://127.0.0.1:${proxy.port}/`,
      });
      const asked: [boolean, string, boolean][] = [];
      session.addEventListener("authenticate", ({ auth, retrying }) => {
        asked.push([auth.isForProxy, auth.realm, retrying]);
        auth.authenticate("user", retrying ? "p@ss" : "wrong");
      });
      const { msg, text } = await send(session, `https://localhost:${secure.port}/in`);
      assertEquals([msg.statusCode, text], [200, "tls /in"]);
      assertEquals(asked, [[true, "proxy", false], [true, "proxy", true]]);
      assertEquals((await send(session, `https://localhost:${secure.port}/again`)).text, "tls /again");
      assertEquals(asked.length, 2);
    }
    assert(secure.requests.every(({ headers }) => !headers.has("proxy-authorization")));
  });

  it("goes through SOCKS5 on every runtime", async () => {
    await using plain = await origin();
    await using secure = await secureOrigin();
    await using proxy = await socksServer({ credentials: CREDENTIALS, resolve: () => "127.0.0.1" });
    for (const scheme of ["socks5", "socks5h"]) {
      await using session = new HttpSession({
        tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
        proxyUri: `${scheme}://${IN_URI}127.0.0.1:${proxy.port}`,
      });
      for (const [url, expected] of targetsOf("auto", plain, secure)) {
        assertEquals((await send(session, url)).text, expected);
      }
    }
    assertEquals(proxy.destinations.at(-1), `localhost:${secure.port}`);
  });

  it("looks names up itself for socks5: and has the proxy do so for socks5h:, over http: as over https:", async () => {
    await using plain = await origin();
    await using secure = await secureOrigin();
    for (const [scheme, seen] of [["socks5", "127.0.0.1"], ["socks5h", "localhost"]] as const) {
      await using proxy = await socksServer({ resolve: () => "127.0.0.1" });
      await using session = new HttpSession({
        tlsDatabase: TlsDatabase.fromPem(certificates.ca.cert),
        proxyUri: `${scheme}://127.0.0.1:${proxy.port}`,
        lookup: () => [{ address: "127.0.0.1", family: 4 }],
      });
      const plainSession = new HttpSession({ proxyUri: session.proxyUri! });
      for (const [url, expected] of targetsOf("auto", plain, secure)) {
        assertEquals((await send(session, url)).text, expected);
        if (url.startsWith("http:")) assertEquals((await send(plainSession, url)).text, expected);
      }
      await plainSession.close();
      const hosts = new Set(proxy.destinations.map((destination) => destination.replace(/:\d+$/, "")));
      assertEquals([...hosts].filter((host) => host !== seen && host !== "::1" && host !== "[::1]"), []);
    }
  });

  it("works with tinyproxy", { skip: tinyproxyPath === null ? "tinyproxy is not installed" : false }, async () => {
    await using plain = await origin();
    await using secure = await secureOrigin();
    await using open = await startTinyproxy();
    await using locked = await startTinyproxy({ user: "user", password: "secret" });
    for (const transport of ["auto", "node"] as const) {
      for (const proxy of [`127.0.0.1:${open.port}`, `user:secret@127.0.0.1:${locked.port}`]) {
        const tlsDatabase = TlsDatabase.fromPem(certificates.ca.cert);
        await using session = new HttpSession({ transport, tlsDatabase, proxyUri: `http://${proxy}/` });
        for (const [url, expected] of targetsOf(transport, plain, secure)) {
          assertEquals((await send(session, url)).text, expected);
        }
      }
      await using anonymous = new HttpSession({ transport, proxyUri: `http://127.0.0.1:${locked.port}/` });
      assertEquals((await send(anonymous, `http://localhost:${plain.port}/`)).msg.statusCode, 407);
    }
    assertEquals(Buffer.from(plain.requests[0]!.head).includes("user:secret"), false);
  });
});
