// What a proxy answers to CONNECT is never taken for the origin's: http/attempt/tunnel_refusal.ts and the transports.
import { assert, assertEquals, assertFalse, assertRejects, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { HttpCache } from "../../../http/features/cache/http_cache.ts";
import { CookieJar } from "../../../http/features/cookies/cookie_jar.ts";
import { HstsEnforcer } from "../../../http/features/hsts/hsts_enforcer.ts";
import { HttpMessage } from "../../../http/message/message.ts";
import { HttpSession } from "../../../http/session/session.ts";
import { HttpStatus } from "../../../http/protocol/status.ts";
import { NodeTransport } from "../../../http/transports/node/node_transport.ts";
import type { Transport } from "../../../http/transports/transport.ts";
import { proxyServer } from "../../_support/proxy_server.ts";
import { reply } from "../../_support/socket_server.ts";

const isFetchPooled = Boolean(process.versions["bun"] || process.versions["deno"]);
const choices = isFetchPooled ? ["auto", "fetch", "node"] as const : ["auto", "node"] as const;
const plants = [
  "Set-Cookie: planted=1; Secure; Path=/",
  "Strict-Transport-Security: max-age=99",
  "Cache-Control: max-age=99",
  "Retry-After: 0",
];

/** A proxy that refuses, and a session with everything that could believe it. */
async function refused(status: string, transport: "auto" | "fetch" | "node", more: string[] = []) {
  const proxy = await proxyServer({ connectReply: reply(status, "phished", [...plants, ...more]) });
  const jar = new CookieJar();
  const hsts = new HstsEnforcer();
  const cache = new HttpCache();
  const session = new HttpSession({
    proxyUri: `http://127.0.0.1:${proxy.port}/`,
    transport,
    features: [jar, hsts, cache],
  });
  const close = async () => {
    session.close();
    await proxy.close();
  };
  return { proxy, session, jar, hsts, cache, [Symbol.asyncDispose]: close };
}

describe("a proxy that refuses a tunnel", () => {
  for (const transport of choices) {
    for (const status of ["307 Temporary Redirect", "404 Not Found", "502 Bad Gateway", "407 Who Are You"]) {
      it(`${transport}: its ${status} is no response of the origin`, async () => {
        await using bench = await refused(status, transport, ["Location: http://127.0.0.1:1/evil"]);
        const { cache, hsts, jar, proxy, session } = bench;
        const msg = new HttpMessage("POST", "https://bank.test/login?q=1", { body: "password=hunter2" });
        const seen: string[] = [];
        for (const event of ["got-headers", "got-chunk", "got-body", "restarted"] as const) {
          msg.addEventListener(event, () => seen.push(event));
        }
        const number = Number(status.slice(0, 3));
        // Deno's fetch tells a 407 alone; every other refusal looks the same there.
        const isTold = number === 407 || transport !== "fetch" || process.versions["bun"] !== undefined;
        const expected = number === 407 ? 407 : HttpStatus.CANT_CONNECT_PROXY;
        assertEquals(await session.sendMessage(msg), expected);
        if (isTold && number !== 407) assertStringIncludes(msg.reasonPhrase, status.slice(0, 3));
        assertEquals([seen, msg.responseBody.byteLength], [[], 0]);
        assertFalse(msg.responseHeaders.has("set-cookie") || msg.responseHeaders.has("location"));
        const error = await session.fetch("https://bank.test/").catch((reason) => reason);
        assert(error instanceof TypeError, String(error));
        assertEquals((error as Error & { status?: number }).status, expected);
        assertEquals(jar.getCookieHeader("https://bank.test/"), "");
        assertEquals([hsts.hasValidPolicy("bank.test"), cache.size], [false, 0]);
        assert(proxy.heads.every((head) => head.startsWith("CONNECT bank.test:443 ")), proxy.heads.join("\n"));
      });
    }
  }

  for (const transport of choices) {
    it(`${transport}: says of a 407 where user and password go`, async () => {
      await using proxy = await proxyServer({ credentials: "user:secret" });
      await using session = new HttpSession({ proxyUri: `http://127.0.0.1:${proxy.port}/`, transport });
      await assertRejects(
        () => session.fetch("https://bank.test/"),
        TypeError,
        "; put user and password into the proxy's URI",
      );
    });
  }

  it("keeps the challenge of an unanswered 407, and nothing else of it", async () => {
    await using proxy = await proxyServer({ credentials: "user:secret", refusalHeaders: plants });
    await using session = new HttpSession({ proxyUri: `http://127.0.0.1:${proxy.port}/` });
    const msg = new HttpMessage("GET", "https://bank.test/");
    assertEquals(await session.sendMessage(msg), 407);
    assertEquals([...msg.responseHeaders.keys()], ["proxy-authenticate"]);
  });

  it("is no response either where a transport connects by itself", async () => {
    await using bench = await refused("302 Found", "auto");
    const inner = new NodeTransport();
    // A transport of one's own that hands `send` on and has no `open`.
    const transport: Transport = {
      capabilities: inner.capabilities,
      createConnection(target) {
        const connection = inner.createConnection(target);
        return {
          send: (request, observer) => connection.send(request, observer),
          get isOpen() {
            return connection.isOpen;
          },
          close: (reason) => connection.close(reason),
        };
      },
    };
    await using session = new HttpSession({ transport, proxyUri: `http://127.0.0.1:${bench.proxy.port}/` });
    assertEquals(
      await session.sendMessage(new HttpMessage("GET", "https://bank.test/")),
      HttpStatus.CANT_CONNECT_PROXY,
    );
  });
});
