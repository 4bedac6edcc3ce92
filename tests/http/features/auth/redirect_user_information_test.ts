import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { HttpMessage, HttpSession, HttpStatus } from "../../../../http/mod.ts";
import { transports } from "../../../_support/http_sessions.ts";
import { reply, type SocketServer, socketServer } from "../../../_support/socket_server.ts";

const credentialsOf = (server: SocketServer) =>
  server.requests.map(({ headers }) => {
    const basic = /^Basic (.*)$/.exec(headers.get("authorization") ?? "")?.[1];
    return basic === undefined ? null : Buffer.from(basic, "base64").toString();
  });

/** Asks everybody for a password. */
const guarded = () =>
  socketServer((request, socket) =>
    void socket.write(
      request.headers.has("authorization")
        ? reply("200 OK", "ok")
        : reply("401 Unauthorized", "", ['WWW-Authenticate: Basic realm="r"']),
    )
  );
const redirecting = (location: () => string) =>
  socketServer((_request, socket) => void socket.write(reply("302 Found", "", [`Location: ${location()}`])));

/** Everything an error may show. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const members = Object.getOwnPropertyNames(error).map((name) =>
    String((error as unknown as Record<string, unknown>)[name])
  );
  return [String(error), ...members, error.cause === undefined ? "" : textOf(error.cause)].join("\n");
}

for (const transport of transports) {
  describe(`User information of a Location, over ${transport}`, () => {
    it("is neither sent nor kept, and the listener is asked", async () => {
      await using storage = await guarded();
      await using attacker = await redirecting(() => `http://mallory:pw@127.0.0.1:${storage.port}/`);
      await using session = new HttpSession({ transport });
      let asked = 0;
      session.addEventListener("authenticate", () => asked++);
      const msg = new HttpMessage("GET", attacker.origin);
      assertEquals(await session.sendMessage(msg), 401);
      assertEquals([msg.uri.username, msg.uri.password, asked], ["", "", 1]);
      assertEquals(await session.sendMessage(new HttpMessage("PUT", `${storage.origin}/report`)), 401);
      const response = await session.fetch(attacker.origin);
      await response.text();
      assertEquals([response.status, response.url.includes("mallory"), asked], [401, false, 3]);
      assertEquals(credentialsOf(storage), [null, null, null]);
    });

    it("is dropped along a chain, and where a message is redirected by hand", async () => {
      await using storage = await guarded();
      await using second = await redirecting(() => `//mallory:pw@127.0.0.1:${storage.port}/`);
      await using first = await redirecting(() => `http://mallory:pw@127.0.0.1:${second.port}/`);
      await using session = new HttpSession({ transport });
      assertEquals(await session.sendMessage(new HttpMessage("GET", first.origin)), 401);
      const byHand = new HttpMessage("DELETE", second.origin);
      byHand.addEventListener("got-body", () => void session.redirectMessage(byHand));
      assertEquals(await session.sendMessage(byHand), 401);
      assertEquals(credentialsOf(storage), [null, null]);
    });

    it("of the message itself stays with its origin", async () => {
      await using server = await socketServer((request, socket) => {
        const isLet = request.headers.has("authorization");
        if (request.target === "/") return void socket.write(reply("302 Found", "", [`Location: ${location()}`]));
        socket.write(isLet ? reply("200 OK", "ok") : reply("401 No", "", ['WWW-Authenticate: Basic realm="r"']));
      });
      let location = () => "/inner";
      for (location of [() => "/inner", () => `http://mallory:pw@127.0.0.1:${server.port}/inner`]) {
        server.requests.length = 0;
        await using session = new HttpSession({ transport });
        const msg = new HttpMessage("GET", server.origin.replace("//", "//alice:secret@"));
        assertEquals(await session.sendMessage(msg), 200);
        assertEquals(credentialsOf(server).at(-1), "alice:secret");
      }
      await using storage = await guarded();
      location = () => storage.origin;
      await using session = new HttpSession({ transport });
      const msg = new HttpMessage("GET", server.origin.replace("//", "//alice:secret@"));
      assertEquals([await session.sendMessage(msg), msg.uri.username], [401, ""]);
      assertEquals(credentialsOf(storage), [null]);
    });

    it("a user that a URI names, with a password or without, is not answered with another one's credentials", async () => {
      await using server = await guarded();
      await using session = new HttpSession({ transport });
      let user = "alice";
      session.addEventListener(
        "authenticate",
        ({ auth, retrying }) => !retrying && user && auth.authenticate(user, "pw"),
      );
      assertEquals(await session.sendMessage(new HttpMessage("GET", server.origin)), 200);
      user = "";
      for (const name of ["bob", "alice2", "Alice"]) {
        const url = server.origin.replace("//", `//${name}@`);
        assertEquals([name, await session.sendMessage(new HttpMessage("GET", url))], [name, 401]);
      }
      const own = new HttpMessage("GET", server.origin.replace("//", "//alice@"));
      assertEquals(await session.sendMessage(own), 200);
      const seen = credentialsOf(server);
      assertEquals(seen.slice(0, 3), [null, "alice:pw", null]);
      assertEquals(seen.filter((each) => each !== null && each !== "alice:pw"), []);
    });

    it("no error repeats its password, or the query", async () => {
      let location = "";
      await using server = await redirecting(() => location);
      await using plain = await socketServer(() => {}, { onConnection: (socket) => (socket.end("no TLS\r\n"), true) });
      const targets = [
        "http://u:S3cr3t@127.0.0.1:1/?q=S3cr3t",
        "http://u:S3cr3t@127.0.0.1:1/a)'b?q=S3cr3t",
        `https://u:S3cr3t@127.0.0.1:${plain.port}/?q=S3cr3t`,
        "http://u:S3cr3t@/?S3cr3t",
        "about:blank?S3cr3t",
        "http://u:S3cr3t@[/?S3cr3t",
        "foo://u:S3cr3t@127.0.0.1:1/?S3cr3t",
      ];
      await using session = new HttpSession({ transport, timeout: 20 });
      for (location of targets) {
        const msg = new HttpMessage("GET", server.origin);
        const status = await session.sendMessage(msg);
        assert(status < 100, `${location} ended with ${status}`);
        const text = `${textOf(msg.error)} ${msg.reasonPhrase}`;
        assert(!text.includes("S3cr3t"), text);
        const error = await session.fetch(server.origin).then(() => null, (reason: unknown) => reason);
        assert(!textOf(error).includes("S3cr3t"), textOf(error));
      }
      location = "http://u:S3cr3t@/?S3cr3t";
      const msg = new HttpMessage("GET", server.origin);
      assertEquals(await session.sendMessage(msg), HttpStatus.MALFORMED);
      assertStringIncludes(String(msg.error), "127.0.0.1");
    });
  });
}
