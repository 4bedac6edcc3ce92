import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ProxyResolver } from "../../../../http/features/proxies/proxy_resolver.ts";
import { Retry } from "../../../../http/features/retry.ts";
import { ask, featureBench, TRANSPORTS, WAYS } from "../../../_support/feature_session.ts";
import { proxyServer } from "../../../_support/proxy_server.ts";
import { freePort } from "../../../_support/server_programs.ts";
import { reply } from "../../../_support/socket_server.ts";

const usable = (globalThis as { Deno?: unknown; Bun?: unknown }).Deno !== undefined ||
  (globalThis as { Bun?: unknown }).Bun !== undefined;

describe("ProxyResolver in a session", () => {
  for (const transport of TRANSPORTS) {
    const skip = transport === "fetch" && !usable ? "Node's fetch takes no proxy" : false;
    for (const way of WAYS) {
      const on = `over ${transport} through ${way}`;

      it(`sends through the proxy it chooses, and directly where it says so ${on}`, { skip }, async () => {
        await using proxy = await proxyServer();
        await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "through")), {
          transport,
        });
        bench.session.addFeature(ProxyResolver.fromFunction(async (uri) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return uri.pathname === "/direct" ? "DIRECT" : `PROXY 127.0.0.1:${proxy.port}`;
        }));
        for (let round = 0; round < 3; round++) {
          assertEquals((await ask(bench.session, way, bench.url)).text, "through");
        }
        assertEquals(proxy.heads.length, 3);
        assertEquals((await ask(bench.session, way, `${bench.url}direct`)).text, "through");
        assertEquals(proxy.heads.length, 3);
      });

      it(`goes on to the next proxy when one cannot be reached ${on}`, { skip }, async () => {
        await using proxy = await proxyServer();
        await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "arrived")), {
          transport,
        });
        const dead = await freePort();
        const list = `PROXY 127.0.0.1:${dead}; PROXY 127.0.0.1:${proxy.port}; DIRECT`;
        bench.session.addFeature(ProxyResolver.fromFunction(() => list));
        let restarts = 0;
        const prepare = (msg: { addEventListener(type: "restarted", listener: () => void): void }): void =>
          msg.addEventListener("restarted", () => restarts++);
        assertEquals((await ask(bench.session, way, bench.url, { prepare })).text, "arrived");
        assertEquals([restarts, proxy.heads.length], [1, 1]);
        // It is remembered: the dead one comes last now.
        assertEquals((await ask(bench.session, way, bench.url, { prepare })).text, "arrived");
        assertEquals([restarts, proxy.heads.length], [1, 2]);
      });

      it(`ends with the proxy's failure when the list is used up ${on}`, { skip }, async () => {
        await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK")), { transport });
        const [first, second] = [await freePort(), await freePort()];
        bench.session.addFeature(
          ProxyResolver.fromFunction(() => `PROXY 127.0.0.1:${first}; PROXY 127.0.0.1:${second}`),
        );
        const { msg, error } = await ask(bench.session, way, bench.url);
        assertEquals(msg.statusCode, 5);
        assert(error !== null);
        assertEquals(bench.server.requests.length, 0);
      });
    }
  }

  it("goes on to the next proxy when another feature sends again first", async () => {
    await using proxy = await proxyServer();
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "arrived")), {
      features: [new Retry({ baseDelay: 0, limit: 1 })],
    });
    const list = `PROXY 127.0.0.1:${await freePort()}; PROXY 127.0.0.1:${proxy.port}`;
    bench.session.addFeature(ProxyResolver.fromFunction(() => list));
    assertEquals((await ask(bench.session, "queue", bench.url)).text, "arrived");
    assertEquals(proxy.heads.length, 1);
  });

  it("goes by the environment it is given", async () => {
    await using proxy = await proxyServer();
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "here")));
    const env: Record<string, string> = { http_proxy: `http://127.0.0.1:${proxy.port}`, no_proxy: "localhost" };
    bench.session.addFeature(ProxyResolver.fromEnvironment({ env }));
    assertEquals((await ask(bench.session, "fetch", bench.url)).text, "here");
    assertEquals(proxy.heads.length, 1);
    env["no_proxy"] = "127.0.0.0/8";
    assertEquals((await ask(bench.session, "fetch", bench.url)).text, "here");
    assertEquals(proxy.heads.length, 1);
  });

  it("ends messages with CANT_RESOLVE_PROXY when its function fails, and the session goes on", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "here")));
    let fails = true;
    bench.session.addFeature(ProxyResolver.fromFunction(() => {
      if (fails) throw new Error("no idea");
      return null;
    }));
    const { msg } = await ask(bench.session, "queue", bench.url);
    assertEquals(msg.statusCode, 3);
    assert((msg.error as Error).message.includes("no idea"));
    fails = false;
    assertEquals((await ask(bench.session, "queue", bench.url)).text, "here");
  });

  it("leaves messages that disable it direct", async () => {
    await using bench = await featureBench((_request, socket) => socket.write(reply("200 OK", "here")));
    bench.session.addFeature(ProxyResolver.fromUri(`http://127.0.0.1:${await freePort()}`));
    const { text } = await ask(bench.session, "queue", bench.url, {
      prepare: (msg) => msg.disableFeature(ProxyResolver),
    });
    assertEquals(text, "here");
  });
});
