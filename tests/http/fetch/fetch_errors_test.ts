// The errors of session.fetch: known to libraries that try again, told once, and without what is nobody's business.
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { HttpError, HttpMessage, type HttpSession } from "../../../http/mod.ts";
import { reply, type SocketServer, socketServer } from "../../_support/socket_server.ts";
import { makeCertificates } from "../../_support/tls_certificates.ts";
import { routeServer } from "../../_support/http_server.ts";
import { freePort } from "../../_support/server_programs.ts";
import { sessionOn, transports } from "../../_support/http_sessions.ts";

/** npm's is-network-error, and what axios asks of an error, as far as one of ours can satisfy them. */
function isNetworkError(error: unknown): boolean {
  return Object.prototype.toString.call(error) === "[object Error]" && (error as Error).name === "TypeError" &&
    (error as Error).message.startsWith("error sending request for url") &&
    /Load failed|fetch/i.test((error as Error).message);
}

/** All that an error and its causes say, in every member a log may show. */
function everyText(error: unknown): string {
  const texts: string[] = [];
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(each.name, each.message, each.stack ?? "");
    for (const [name, value] of Object.entries(each)) if (name !== "msg") texts.push(String(value));
  }
  return texts.join("\n");
}

/** The parts between colons, which must all say something else. */
function partsOf(message: string): string[] {
  return message.replace(/\([^)]*\)/, "").split(": ").map((part) => part.toLowerCase());
}

for (const transport of transports) {
  describe(`errors of session.fetch on ${transport}`, () => {
    let server: SocketServer;
    let closedPort: number;
    let plain: SocketServer;
    let session: HttpSession;
    before(async () => {
      server = await routeServer({
        "/unknown-json": (_request, socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{a}"),
      });
      closedPort = await freePort();
      plain = await socketServer(() => {}, {
        onConnection(socket) {
          socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
          return true;
        },
      });
      session = sessionOn(transport);
    });
    after(async () => {
      await session.close();
      await Promise.all([server.close(), plain.close()]);
    });

    it("show who has asked", async () => {
      const url = `http://127.0.0.1:${closedPort}`;
      async function askSomebody(init?: RequestInit): Promise<Response> {
        return await session.fetch(url, init);
      }
      for (const init of [undefined, { method: "POST", body: "x" }]) {
        const error = await assertRejects(() => askSomebody(init), HttpError);
        assertMatch(
          error.stack!,
          /^TypeError: error sending request .*\n[^]*\bat async askSomebody \(.*fetch_errors_test/,
        );
      }
    });

    const failures = (): Record<string, string> => ({
      "nobody listens": `http://127.0.0.1:${closedPort}`,
      "no TLS": `https://127.0.0.1:${plain.port}`,
      "closed without an answer": `${server.origin}/close`,
      "no HTTP": `${server.origin}/garbage`,
      "a loop": `${server.origin}/303-loop`,
      "a foreign scheme": `${server.origin}/302-ftp`,
      "an empty Location": `${server.origin}/302-empty`,
    });

    it("are TypeErrors that libraries take for failures of the network", async () => {
      for (const [name, url] of Object.entries(failures())) {
        const error = await session.fetch(url).catch((error: unknown) => error);
        if (error instanceof Response) {
          await error.body?.cancel();
          continue;
        }
        assertInstanceOf(error, HttpError, name);
        assert(isNetworkError(error), `${name}: ${error.name}: ${error.message}`);
        assertEquals([typeof error.status, error.code === ""], ["number", false], name);
      }
    });

    it("say each thing once, and what it was", async () => {
      for (const [name, url] of Object.entries(failures())) {
        const error = await session.fetch(url).catch((error: unknown) => error);
        if (!(error instanceof Error)) continue;
        const parts = partsOf(error.message);
        assertEquals(new Set(parts).size, parts.length, `${name}: ${error.message}`);
        assert((error.message.match(/cannot /gi) ?? []).length <= 1, `${name}: ${error.message}`);
        assert(!error.message.endsWith(": fetch failed"), `${name}: ${error.message}`);
        // Once as the address of the request, once as what was connected to.
        assert(error.message.split(new URL(url).host).length <= 3, `${name}: ${error.message}`);
      }
    });

    it("show neither user information nor query, in no cause either", async () => {
      for (const [name, url] of Object.entries(failures())) {
        const address = new URL(url);
        address.username = "anna";
        address.password = "s3cret";
        address.search = "?token=t0ken";
        const error = await session.fetch(address).catch((error: unknown) => error);
        assert(!/anna|s3cret|t0ken/.test(everyText(error)), `${name}: ${everyText(error)}`);
      }
    });

    it("are the same for a small body that breaks off, however it is read", async () => {
      const ways: Record<string, (response: Response) => Promise<unknown>> = {
        text: (response) => response.text(),
        json: (response) => response.json(),
        bytes: (response) => response.bytes(),
        arrayBuffer: (response) => response.arrayBuffer(),
        blob: (response) => response.blob(),
        stream: (response) => new Response(response.body).text(),
      };
      for (const [name, read] of Object.entries(ways)) {
        const response = await session.fetch(`${server.origin}/truncated?token=t0ken`);
        const error = await read(response).catch((error: unknown) => error);
        // A stream that another Response reads is reported by the runtime, with ours behind it or as it is.
        if (name === "stream") {
          assertInstanceOf(error, Error, name);
          continue;
        }
        assertInstanceOf(error, HttpError, `${name}: ${error}`);
        assert(isNetworkError(error), `${name}: ${error.message}`);
        assertEquals(error.msg.statusCode, error.status, name);
        assert(!everyText(error).includes("t0ken"), everyText(error));
      }
    });

    it("leave text that is no JSON its SyntaxError, and the message its status", async () => {
      let status = 0;
      const response = await session.fetch(`${server.origin}/unknown-json`, {
        prepare: (msg) => msg.addEventListener("finished", () => status = msg.statusCode),
      });
      await assertRejects(() => response.json(), SyntaxError);
      assertEquals(status, 200);
    });

    it("say who ended the request, when it was not the connection", async () => {
      const textOf = async (path: string, init: Parameters<HttpSession["fetch"]>[1]) => {
        const error = await session.fetch(server.origin + path, init).catch((error: unknown) => error);
        return (error as Error).message.replace(/^error sending request for url \([^)]*\) with fetch: /, "");
      };
      const source = new ReadableStream({ pull: (controller) => controller.error(new Error("out of paper")) });
      const upload = { method: "POST", body: source, duplex: "half" as const };
      assertEquals(await textOf("/echo", upload), "Cannot send the body: out of paper");
      assertEquals(
        await textOf("/never", { timeout: 0.05 }),
        "Cannot wait for the response: nothing has moved for 0.05 s, the limit that timeout sets",
      );
      const refused = `Cannot follow the redirect from ${server.origin}: the option redirect is "error"`;
      assertEquals(await textOf("/302", { redirect: "error" }), refused);
    });

    it("name what is no URL, no signal and no message, and show nothing secret of it", async () => {
      const { length } = server.requests;
      const shown = { "/rel?key=1": "/rel", "//me:secret@host": "host", "": "" };
      for (const [url, part] of Object.entries(shown)) {
        const error = await assertRejects(() => session.fetch(url), TypeError, `Cannot use "${part}" as a URI`);
        assert(!/secret|key=1|me:/.test(everyText(error)), everyText(error));
      }
      const signal = 5 as unknown as AbortSignal;
      await assertRejects(
        () => session.fetch(`${server.origin}/ok`, { signal }),
        TypeError,
        "Cannot fetch: options.signal is a number, not an AbortSignal",
      );
      const msg = {} as HttpMessage;
      await assertRejects(() => session.sendMessage(msg), TypeError, "expected a HttpMessage, got");
      assertThrows(() => session.cancelMessage(msg), TypeError, "expected a HttpMessage, got");
      assertEquals(server.requests.length, length);
    });

    it("say what is wrong with a certificate, an encrypted peer, a body", async () => {
      await using certificates = await makeCertificates();
      const { cert, key } = certificates.stranger;
      await using stranger = await socketServer(() => {}, { tls: { cert, key } });
      const origin = `https://localhost:${stranger.port}`;
      const packed = gzipSync("text".repeat(100));
      const damaged = packed.map((byte, index) => index > 12 ? byte ^ 0x5a : byte);
      await using bodies = await socketServer(({ target }, socket) => {
        const body = target === "/cut" ? packed.subarray(0, 20) : damaged;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
        socket.write(body);
      });
      const expected: [url: string, texts: RegExp][] = [
        [
          origin,
          transport === "node"
            ? /Cannot trust localhost: its certificate .+ \([A-Z_, ]+\); to trust it, .+ as tlsDatabase$/
            : /localhost.*(issuer|VERIFY|SELF_SIGNED|self.signed|certificate)/i,
        ],
        [`https://127.0.0.1:${plain.port}`, /127\.0\.0\.1.*TLS/],
        [`${bodies.origin}/cut`, /Cannot decode the gzip body: the data end too early/],
        [`${bodies.origin}/damaged`, /Cannot decode the gzip body: the compressed data are damaged/],
        [`${server.origin}/truncated`, /Connection terminated|ended inside its body/],
      ];
      // Node's fetch takes what there is of a cut body for all of it.
      const { name, runtime } = session.capabilities;
      const isSilent = runtime === "node" && name !== "node";
      for (const [url, text] of expected) {
        if (isSilent && url.endsWith("/cut")) continue;
        const error = await session.fetch(url).then((response) => response.text()).catch((error: unknown) => error);
        assertInstanceOf(error, HttpError, url);
        assert(text.test(error.message), error.message);
        const msg = new HttpMessage("GET", url);
        assert(await session.sendMessage(msg) < 100, url);
        assertInstanceOf(msg.error, Error, url);
        assert(!/^fetch failed$/i.test(msg.error.message), url);
      }
    });

    const proxyless = sessionOn(transport).capabilities.httpProxy ? false : "this transport uses no proxy";
    it("say that it is the proxy that refuses", { skip: proxyless }, async () => {
      await using refusing = await socketServer((_request, socket) => socket.write(reply("403 Forbidden")));
      for (
        const [port, text] of [[refusing.port, /proxy.*(403 Forbidden|tunnel)/], [
          closedPort,
          /proxy.*refused/i,
        ]] as const
      ) {
        await using session = sessionOn(transport, { proxyUri: `http://anna:s3cret@127.0.0.1:${port}` });
        const error = await session.fetch("https://a.example/?token=t0ken").catch((error: unknown) => error);
        assertInstanceOf(error, HttpError);
        assert(text.test(error.message), error.message);
        assert(!/anna|s3cret|t0ken/.test(everyText(error)), everyText(error));
      }
    });

    it("refuse the methods fetch forbids before anything is sent", async () => {
      const before = server.requests.length;
      for (const method of ["TRACE", "trace", "CONNECT", "Connect", "TRACK"]) {
        await assertRejects(() => session.fetch(`${server.origin}/ok`, { method }), TypeError, method.toUpperCase());
      }
      assertEquals(server.requests.length, before);
    });
  });
}
