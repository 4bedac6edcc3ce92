import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { AuthDigest } from "../../../../http/features/auth/digest.ts";
import { AuthenticationError } from "../../../../http/features/auth/auth_feature.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { parseChallenges } from "../../../../http/protocol/challenges.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { authTransports, digestServer, type DigestServerOptions, refusalBody } from "../../../_support/auth_servers.ts";

/** A session that answers every first question, and how often it was asked. */
function answering(user = "alice", password = "secret", transport: "fetch" | "node" = "node") {
  const session = new HttpSession({ transport });
  const asked: boolean[] = [];
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    asked.push(retrying);
    if (!retrying) auth.authenticate(user, password);
  });
  return { session, asked };
}

async function statuses(session: HttpSession, origin: string, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) {
    const response = await session.fetch(`${origin}/page/${index}?q=a,b "c"`);
    await response.text();
    found.push(response.status);
  }
  return found;
}

describe("AuthDigest against an own server", () => {
  for (const transport of authTransports) {
    for (const algorithm of ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]) {
      for (const qop of ["auth", "auth-int", "auth-int, auth"]) {
        it(`${transport}: ${algorithm} with qop ${qop}, nonce counts from 1`, async () => {
          await using server = await digestServer({ algorithm, qop });
          const { session, asked } = answering("alice", "secret", transport);
          await using _ = session;
          assertEquals(await statuses(session, server.origin, 3), [200, 200, 200]);
          assertEquals(asked, [false]);
          assertEquals(server.accepted.map((sent) => sent.get("nc")), ["00000001", "00000002", "00000003"]);
          assertEquals(server.accepted[0]!.get("qop"), qop.split(", ").at(-1));
          assertEquals(server.refusals, []);
          assertEquals(server.requests.length, 4);
        });
      }
    }
  }

  const cases: [string, DigestServerOptions & { expected?: string[] }][] = [
    ["RFC 2069 servers without qop and algorithm", { qop: null }],
    ["RFC 2069 servers with MD5-sess", { qop: null, algorithm: "MD5-sess" }],
    ["a realm with quotes, backslashes and commas", { realm: 'a "b\\c", Basic realm=d' }],
    ["a realm with non-ASCII characters", { realm: "g\u00e9r\u00fc" }],
    ["hashed user names", { userhash: true, algorithm: "SHA-256" }],
    ["hashed non-ASCII user names", {
      userhash: true,
      utf8: true,
      algorithm: "SHA-512-256",
      user: "J\u00e4s\u00f8n Doe",
    }],
    ["non-ASCII user names as username*", { utf8: true, user: "J\u00e4s\u00f8n \u20ac'Doe", password: "p\u00e4ss" }],
    ["user names of ISO-8859-1", { user: "J\u00e4s\u00f8n", password: "p\u00e4ss" }],
    ["a server that keeps UTF-8 and does not say so", {
      secretUtf8: true,
      user: "J\u00e4s\u00f8n",
      password: "p\u00e4ss",
      expected: ["wrong username"],
    }],
    ["user names with quotes and backslashes", { user: 'al"i\\ce' }],
    ["a nonce of its own for every request", { nonceUses: 1 }],
    ["nextnonce with every answer", { nextNonce: true, nonceUses: 1 }],
    ["nextnonce inside a -sess session", { nextNonce: true, nonceUses: 1, algorithm: "SHA-256-sess" }],
    ["the server's proof", { proof: "right" }],
    ["the server's proof over the body", { proof: "body", qop: "auth-int", algorithm: "SHA-256" }],
  ];
  for (const transport of authTransports) {
    for (const [what, options] of cases) {
      it(`${transport}: works with ${what}`, async () => {
        await using server = await digestServer(options);
        const { session, asked } = answering(options.user, options.password, transport);
        await using _ = session;
        assertEquals(await statuses(session, server.origin, 4), [200, 200, 200, 200]);
        assertEquals(asked, [false]);
        assertEquals(server.refusals.filter((problem) => problem !== "stale"), options.expected ?? []);
      });
    }
  }

  it("takes a new nonce after stale=true without asking", async () => {
    await using server = await digestServer({ nonceUses: 2 });
    const { session, asked } = answering();
    await using _ = session;
    assertEquals(await statuses(session, server.origin, 6), [200, 200, 200, 200, 200, 200]);
    assertEquals(asked, [false]);
    assertEquals(server.refusals, ["stale", "stale"]);
    assertEquals(server.accepted.map((sent) => sent.get("nc")!.at(-1)), ["1", "2", "1", "2", "1", "2"]);
  });

  it("gets many parallel requests through a server whose nonces are good for one request", async () => {
    await using server = await digestServer({ nonceUses: 1 });
    const { session, asked } = answering();
    session.maxConnsPerHost = 10;
    await using _ = session;
    const all = await Promise.all(Array.from({ length: 20 }, () => statuses(session, server.origin, 1)));
    assertEquals(all.flat(), Array(20).fill(200));
    assertEquals(asked, [false]);
  });

  it("uses a nextnonce without another refusal", async () => {
    await using server = await digestServer({ nextNonce: true, nonceUses: 1 });
    const { session } = answering();
    await using _ = session;
    await statuses(session, server.origin, 5);
    assertEquals(server.requests.length, 6);
    assertEquals(server.accepted.map((sent) => sent.get("nc")), Array(5).fill("00000001"));
  });

  it("hashes bodies of bytes and of factories for auth-int", async () => {
    await using server = await digestServer({ qop: "auth-int", algorithm: "SHA-256" });
    const { session } = answering();
    await using _ = session;
    const bytes = new HttpMessage("POST", `${server.origin}/x`, { body: "the body" });
    assertEquals(await session.sendMessage(bytes), 200);
    const factory = (): ReadableStream<Uint8Array<ArrayBuffer>> =>
      new Blob(["a stream", " in pieces"]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    const made = new HttpMessage("PUT", `${server.origin}/x`, { body: factory, bodyLength: 18 });
    assertEquals(await session.sendMessage(made), 200);
    assertEquals(server.requests.at(-1)!.body.toString(), "a stream in pieces");
    assertEquals(server.refusals, []);
  });

  it("ends with the refusal when auth-int meets a body that can be read only once", async () => {
    await using server = await digestServer({ qop: "auth-int" });
    const { session, asked } = answering();
    await using _ = session;
    const body = new Blob(["once"]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    const msg = new HttpMessage("POST", `${server.origin}/x`, { body, bodyLength: 4 });
    assertEquals(await session.sendMessage(msg), 401);
    assertEquals(new TextDecoder().decode(msg.responseBody), refusalBody);
    assertEquals(asked, []);
  });

  for (const proof of ["wrong", "wrong-body"] as const) {
    it(`ends a message whose server's proof is ${proof}`, async () => {
      await using server = await digestServer({ proof, qop: "auth-int" });
      const { session } = answering();
      await using _ = session;
      const msg = new HttpMessage("GET", `${server.origin}/x`);
      assertEquals(await session.sendMessage(msg), 7);
      assertInstanceOf(msg.error, AuthenticationError);
      const error = await session.fetch(`${server.origin}/x`).then((response) => response.text()).then(
        () => null,
        (reason) => reason,
      );
      assert(error instanceof Error, "fetch fails as well");
    });
  }

  it("asks again when the password is wrong, and ends with the refusal and its body when nobody answers", async () => {
    await using server = await digestServer({ algorithm: "SHA-256" });
    const { session, asked } = answering("alice", "wrong");
    await using _ = session;
    const msg = new HttpMessage("GET", `${server.origin}/x`);
    assertEquals(await session.sendMessage(msg), 401);
    assertEquals(new TextDecoder().decode(msg.responseBody), refusalBody);
    assertEquals(asked, [false, true]);
    assertEquals(server.refusals, ["wrong response"]);
  });

  it("does not chase a server that calls every nonce stale", async () => {
    await using server = await digestServer({ nonceUses: 0 });
    const { session, asked } = answering();
    await using _ = session;
    const response = await session.fetch(`${server.origin}/x`);
    assertEquals([response.status, await response.text()], [401, refusalBody]);
    assertEquals(asked, [false]);
    assert(server.requests.length <= 12, `${server.requests.length} requests`);
  });

  it("takes the strongest algorithm and passes over those nobody knows", async () => {
    const md5 = 'Digest realm="x", nonce="n", qop="auth", algorithm=MD5';
    const unknown = 'Digest realm="x", nonce="n", qop="auth", algorithm=SHA-3';
    const noNonce = 'Digest realm="x", algorithm=SHA-512-256';
    const noQop = 'Digest realm="x", nonce="n", algorithm=SHA-512-256, qop="auth-conf"';
    await using server = await digestServer({ algorithm: "SHA-256", before: [md5, unknown, noNonce, noQop] });
    const { session } = answering();
    await using _ = session;
    assertEquals(await statuses(session, server.origin, 1), [200]);
    assertEquals(server.accepted[0]!.get("algorithm"), "SHA-256");
  });

  it("keeps to the URIs of domain on its own origin", () => {
    const auth = new AuthDigest();
    const url = new URL("http://h/dir/page");
    const space = (domain: string): string[] => {
      auth.challenged(parseChallenges(`Digest realm=r, nonce=n, domain="${domain}"`)[0]!, null);
      return auth.protectionSpace(url);
    };
    assertEquals(space(""), [""]);
    assertEquals(space("/a/ b http://h/c https://h/d http://other/e"), ["/a", "/dir/b", "/c"]);
    assertEquals(space("http://other/e :::"), ["/dir/:::"]);
    assertEquals(space("http://other/e"), ["/dir"]);
  });
});
