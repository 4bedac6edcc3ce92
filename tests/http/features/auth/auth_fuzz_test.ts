import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { AuthNegotiate } from "../../../../http/features/auth/negotiate.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { authProxy } from "../../../_support/auth_proxy.ts";
import { refusalBody } from "../../../_support/auth_servers.ts";
import { challengePieces } from "../../../_support/fuzz_inputs.ts";
import { pseudoRandom } from "../../../_support/pseudo_random.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";

function randomField(random: (below: number) => number): string {
  let field = "";
  for (let count = random(24); count >= 0; count--) {
    field += challengePieces[random(challengePieces.length)] + (random(2) ? " " : "");
  }
  return field;
}

/** A session that answers everything, a few times each. */
function answering(transport: "auto" | "node", proxyUri: string | null = null): HttpSession {
  const session = new HttpSession({ transport, useNtlm: true, addFeatureByType: AuthNegotiate, proxyUri });
  const asked = new WeakMap<HttpMessage, number>();
  session.addEventListener("authenticate", ({ auth, msg }) => {
    const count = asked.get(msg) ?? 0;
    asked.set(msg, count + 1);
    if (count > 2) return;
    if (auth.scheme === "Bearer" || auth.scheme === "Negotiate") auth.authenticateToken("dG9rZW4=");
    else auth.authenticate("alice", "secret");
  });
  return session;
}

describe("hostile servers", () => {
  it("cannot break a session with WWW-Authenticate", async () => {
    const random = pseudoRandom(11);
    let refusals = 0;
    await using server = await socketServer((_, socket) => {
      refusals++;
      const fields = Array.from({ length: 1 + random(3) }, () => `WWW-Authenticate: ${randomField(random)}`);
      socket.write(reply("401 Unauthorized", refusalBody, fields));
    });
    await using session = answering("node");
    for (let round = 0; round < 150; round++) {
      const before = refusals;
      const msg = new HttpMessage("GET", `${server.origin}/a/${round}`);
      assertEquals(await session.sendMessage(msg), 401);
      assertEquals(new TextDecoder().decode(msg.responseBody), refusalBody);
      assert(refusals - before < 60, `${refusals - before} requests for one message`);
    }
    const fetched = await session.fetch(`${server.origin}/last`);
    assertEquals([fetched.status, await fetched.text()], [401, refusalBody]);
  });

  it("cannot break a session with Proxy-Authenticate, for plain requests and tunnels", async () => {
    const random = pseudoRandom(12);
    await using proxy = await authProxy(() => [randomField(random), randomField(random)]);
    await using session = answering("node", proxy.origin);
    for (let round = 0; round < 60; round++) {
      const url = round % 2 ? "http://origin.test/x" : "https://origin.test/x";
      assertEquals(await session.sendMessage(new HttpMessage("GET", url)), 407);
    }
  });

  it("cannot break a session with Authentication-Info, nor get a wrong proof through", async () => {
    const random = pseudoRandom(13);
    const words = [
      "rspauth=",
      "nextnonce=",
      "cnonce=",
      "nc=",
      "qop=",
      "auth",
      "auth-int",
      '"',
      '"x"',
      ",",
      " ",
      "\u00e9",
    ];
    let info = "";
    await using server = await socketServer((request, socket) => {
      const isKnown = request.headers.has("authorization");
      const fields = isKnown
        ? [`Authentication-Info: ${info}`]
        : ['WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'];
      socket.write(reply(isKnown ? "200 OK" : "401 Unauthorized", "body", fields));
    });
    await using session = answering("node");
    for (let round = 0; round < 300; round++) {
      info = Array.from({ length: random(12) }, () => words[random(words.length)]).join("");
      const status = await session.sendMessage(new HttpMessage("GET", `${server.origin}/x`));
      assert(status === 200 || (status === 7 && info.includes("rspauth")), `${status} for ${info}`);
    }
  });

  it("cannot inject header fields through what is echoed in Authorization", async () => {
    const strange = 'a\\"b, c=\\"d\\\\';
    await using server = await socketServer((_, socket) =>
      socket.write(
        reply("401 Unauthorized", refusalBody, [
          `WWW-Authenticate: Digest realm="${strange}", nonce="${strange}", opaque="${strange}", qop="auth"`,
        ]),
      )
    );
    await using session = answering("node");
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/x`));
    const sent = server.requests[1]!.headers.get("authorization")!;
    for (const name of ["realm", "nonce", "opaque"]) assert(sent.includes(`${name}="${strange}"`), sent);
  });

  it("cannot fill the memory with realms and paths", async () => {
    let count = 0;
    await using server = await socketServer((request, socket) => {
      const isKnown = request.headers.has("authorization");
      const fields = isKnown ? [] : [`WWW-Authenticate: Basic realm="${count++} ${"x".repeat(100)}"`];
      socket.write(reply(isKnown ? "200 OK" : "401 Unauthorized", "", fields));
    });
    await using session = answering("node");
    for (let round = 0; round < 600; round++) {
      assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/${round}/x`)), 200);
    }
    // The oldest of the 600 spaces is forgotten, the newest is not.
    const before = count;
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/599/x`));
    assertEquals(count, before);
    await session.sendMessage(new HttpMessage("GET", `${server.origin}/0/x`));
    assertEquals(count, before + 1);
  });

  it("are not read to the end of a large refusal", async () => {
    let written = 0;
    await using server = await socketServer((request, socket) => {
      if (request.headers.has("authorization")) return void socket.write(reply("200 OK", "in"));
      const length = 200 * 1024 * 1024;
      const fields = ['WWW-Authenticate: Basic realm="r"', `Content-Length: ${length}`];
      socket.write(`HTTP/1.1 401 Unauthorized\r\n${fields.join("\r\n")}\r\n\r\n`);
      const chunk = new Uint8Array(65536);
      const write = (): void => {
        while (!socket.destroyed && written < length) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once("drain", write);
        }
      };
      write();
    });
    await using session = answering("node");
    assertEquals(await session.sendMessage(new HttpMessage("GET", `${server.origin}/x`)), 200);
    assert(written < 50 * 1024 * 1024, `${written} bytes were taken`);
  });
});
