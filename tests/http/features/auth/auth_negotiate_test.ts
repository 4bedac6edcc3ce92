import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { AuthNegotiate, type NegotiateRequest } from "../../../../http/features/auth/negotiate.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { authTransports, guardedServer, refusalBody } from "../../../_support/auth_servers.ts";
import { reply, type SocketServer, socketServer } from "../../../_support/socket_server.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null): string | null => bytes === null ? null : new TextDecoder().decode(bytes);
const get = async (session: HttpSession, url: string): Promise<string> => {
  const response = await session.fetch(url);
  return `${response.status} ${await response.text()}`;
};

/** A context of two rounds per connection: "first", "second" in; "more", "done" back. */
function negotiatingServer(): Promise<SocketServer> {
  const states = new Map<object, string>();
  return socketServer((request, socket) => {
    const token = atob((request.headers.get("authorization") ?? "").replace(/^Negotiate ?/, ""));
    const state = states.get(socket);
    if (token === "" && state === "done") return void socket.write(reply("200 OK", "hello again"));
    if (token.startsWith("first")) {
      states.set(socket, "more");
      return void socket.write(reply("401 More", refusalBody, [`WWW-Authenticate: Negotiate ${btoa("more")}`]));
    }
    if (token.startsWith("second") && state === "more") {
      states.set(socket, "done");
      return void socket.write(reply("200 OK", "hello", [`WWW-Authenticate: Negotiate ${btoa("done")}`]));
    }
    states.delete(socket);
    socket.write(
      reply("401 Unauthorized", refusalBody, ["WWW-Authenticate: Negotiate", 'WWW-Authenticate: Basic realm="b"']),
    );
  });
}

/** A source that plays along and keeps what it was told. */
function source(seen: string[]) {
  return ({ challenge, context, isFinal, service }: NegotiateRequest): Uint8Array => {
    const number = (context.get("number") as number ?? 0) + 1;
    context.set("number", number);
    seen.push(`${service} ${number} ${decode(challenge)} ${isFinal}`);
    return encode(number === 1 ? "first" : "second");
  };
}

describe("AuthNegotiate", () => {
  for (const transport of authTransports) {
    it(`${transport}: does the rounds of a context on one connection, then needs none`, async () => {
      await using server = await negotiatingServer();
      await using session = new HttpSession({ transport });
      const seen: string[] = [];
      session.addFeatureByType(AuthNegotiate.using({ origins: [server.origin], source: source(seen) }));
      session.addEventListener("authenticate", () => seen.push("asked"));
      assertEquals(await get(session, `${server.origin}/x`), "200 hello");
      assertEquals(await get(session, `${server.origin}/x`), "200 hello again");
      assertEquals(seen, [
        "HTTP@127.0.0.1 1 null false",
        "HTTP@127.0.0.1 2 more false",
        "HTTP@127.0.0.1 3 done true",
      ]);
      assertEquals([server.connections, server.requests.length], [1, 4]);
    });

    it(`${transport}: keeps parallel contexts apart, with a source that takes its time`, async () => {
      await using server = await negotiatingServer();
      await using session = new HttpSession({ transport, maxConnsPerHost: 5 });
      const play = source([]);
      session.addFeatureByType(AuthNegotiate.using({
        origins: [server.origin],
        source: async (request) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return play(request);
        },
      }));
      const all = await Promise.all(Array.from({ length: 5 }, () => get(session, `${server.origin}/x`)));
      assertEquals(all.filter((answer) => answer.startsWith("200 hello")).length, 5);
    });
  }

  it("takes a single token from a listener", async () => {
    await using server = await guardedServer((authorization) => authorization === "Negotiate YWJj", ["Negotiate"]);
    await using session = new HttpSession({ transport: "node", addFeatureByType: AuthNegotiate });
    session.addEventListener("authenticate", ({ auth }) => {
      assertThrows(() => auth.authenticateToken("not base64!"), TypeError, "base64");
      auth.authenticateToken("YWJj");
    });
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
  });

  it("sends a token with every request to a server that authenticates requests", async () => {
    await using server = await guardedServer((authorization) => authorization.startsWith("Negotiate "), ["Negotiate"]);
    await using session = new HttpSession({ transport: "node" });
    session.addFeatureByType(AuthNegotiate.using({ origins: [server.origin], source: source([]) }));
    for (let round = 0; round < 4; round++) assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(server.requests.map(({ headers }) => headers.has("authorization")), [
      false,
      true,
      false,
      true,
      true,
      true,
    ]);
  });

  it("leaves it to the next scheme when the source has no token for the host", async () => {
    await using server = await guardedServer((authorization) => authorization === "Basic YTpi", [
      "Negotiate",
      'Basic realm="b"',
    ]);
    await using session = new HttpSession({ transport: "node" });
    session.addFeatureByType(AuthNegotiate.using({ origins: [server.origin], source: () => null }));
    session.addEventListener("authenticate", ({ auth }) => auth.authenticate("a", "b"));
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
  });

  it("gives tickets to nobody who is not named", async () => {
    await using server = await negotiatingServer();
    for (const origins of [undefined, [], ["https://intranet.example"], [server.origin.replace("http:", "https:")]]) {
      await using session = new HttpSession();
      const seen: string[] = [];
      session.addFeatureByType(AuthNegotiate.using({ source: source(seen), ...(origins && { origins }) }));
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(seen, []);
    }
  });

  it("ends with the refusal when the server does not like the tokens", async () => {
    await using server = await guardedServer(() => false, ["Negotiate"]);
    await using session = new HttpSession({ transport: "node" });
    session.addFeatureByType(AuthNegotiate.using({ origins: [server.origin], source: source([]) }));
    assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
  });

  it("ends the message with what the source throws, also about the server's last token", async () => {
    await using server = await negotiatingServer();
    for (const bad of [null, "more", "done"]) {
      await using session = new HttpSession({ transport: "node" });
      const error = new Error("no ticket");
      const play = source([]);
      session.addFeatureByType(AuthNegotiate.using({
        origins: [server.origin],
        source: (request) => {
          if (decode(request.challenge) === bad) throw error;
          return play(request);
        },
      }));
      const msg = new HttpMessage("GET", `${server.origin}/x`);
      assertEquals(await session.sendMessage(msg), 7);
      assertEquals(msg.error, error);
    }
  });
});
