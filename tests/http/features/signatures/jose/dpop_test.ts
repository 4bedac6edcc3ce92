// About http/features/signatures/jose/dpop.ts: proofs as servers see them, and the nonces they want.
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import * as theirs from "dpop";
import * as jose from "jose";
import { describe, it } from "node:test";
import { HttpMessage, HttpSession, HttpStatus } from "../../../../../http/mod.ts";
import { Dpop, type DpopOptions, dpopProof } from "../../../../../http/features/signatures/jose/dpop.ts";
import { ask, WAYS } from "../../../../_support/feature_session.ts";
import { originWorker } from "../../../../_support/origin_worker.ts";
import { reply, type SeenRequest, type SocketServer, socketServer } from "../../../../_support/socket_server.ts";
import { macSigner, testSigner } from "../signing_bench.ts";

const signer = testSigner("ES256");

/** What a proof says, when it is right. */
async function proofOf({ headers }: SeenRequest): Promise<jose.JWTPayload | null> {
  const proof = headers.get("dpop");
  if (proof === undefined) return null;
  const { payload, protectedHeader } = await jose.jwtVerify(proof, jose.EmbeddedJWK, {
    typ: "dpop+jwt",
    maxTokenAge: 60,
  });
  assertEquals(Object.keys(protectedHeader.jwk!).sort(), ["crv", "kty", "x", "y"]);
  return payload;
}

interface Bench extends AsyncDisposable {
  server: SocketServer;
  session: HttpSession;
  origin: string;
}

async function bench(
  answer: (request: SeenRequest, proof: jose.JWTPayload | null) => string,
  options: Partial<DpopOptions> = {},
): Promise<Bench> {
  const server = await socketServer((request, socket) => {
    void proofOf(request).then((proof) => socket.write(answer(request, proof)));
  });
  const session = new HttpSession({ features: [new Dpop({ signer, ...options })] });
  return {
    server,
    session,
    origin: server.origin,
    async [Symbol.asyncDispose]() {
      await session.close();
      await server.close();
    },
  };
}

const ok = () => reply("200 OK", "right");

describe("Dpop", () => {
  it("proves each request, and the access token that goes with it", async () => {
    await using on = await bench(ok, { accessToken: () => Promise.resolve("token-1") });
    for (const way of WAYS) {
      await ask(on.session, way, `${on.origin}/path?query#fragment`, { method: "POST", body: "x" });
    }
    const proofs = await Promise.all(on.server.requests.map(proofOf));
    assertEquals(proofs.map((proof) => [proof!["htm"], proof!["htu"], proof!["nonce"]]), [
      ["POST", `${on.origin}/path`, undefined],
      ["POST", `${on.origin}/path`, undefined],
    ]);
    assert(proofs[0]!.jti !== proofs[1]!.jti);
    assertEquals(on.server.requests[0]!.headers.get("authorization"), "DPoP token-1");
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("token-1")));
    assertEquals(proofs[0]!["ath"], hash.toBase64({ alphabet: "base64url", omitPadding: true }));
    // A token of the message's own is proved as well; other credentials are not.
    await on.session.fetch(on.origin, { headers: { authorization: "DPoP own" } });
    await on.session.fetch(on.origin, { headers: { authorization: "Basic eDp5" } });
    const [own, basic] = await Promise.all(on.server.requests.slice(2).map(proofOf));
    assertEquals([typeof own!["ath"], own!["ath"] === proofs[0]!["ath"], basic!["ath"]], ["string", false, undefined]);
  });

  it("makes what another implementation makes", async () => {
    const pair = await theirs.generateKeyPair("ES256", { extractable: true });
    const url = "https://api.example/path?query#fragment";
    const expected = jose.decodeJwt(await theirs.generateProof(pair, "https://api.example/path", "GET", "n", "token"));
    const proof = await dpopProof(signer, { method: "GET", url, nonce: "n", accessToken: "token" });
    const made = jose.decodeJwt(proof);
    const { iat: _time, jti: _id, ...stable } = expected;
    const { iat: _ownTime, jti: _ownId, ...ownStable } = made;
    assertEquals(ownStable, stable);
    assertEquals(Object.keys(jose.decodeProtectedHeader(proof)).sort(), ["alg", "jwk", "typ"]);
  });

  it("answers servers that want a nonce, and uses the last one", async () => {
    let nonce = 0;
    for (
      const [status, more] of [["401 Unauthorized", 'WWW-Authenticate: DPoP error="use_dpop_nonce"'], [
        "400 Bad Request",
        "Content-Type: application/json",
      ]]
    ) {
      await using on = await bench((_request, proof) =>
        proof!["nonce"] === `n-${nonce}`
          ? reply("200 OK", "right", [`DPoP-Nonce: n-${++nonce}`])
          : reply(status!, '{"error":"use_dpop_nonce"}', [`DPoP-Nonce: n-${nonce}`, more!])
      );
      for (const way of WAYS) {
        assertEquals((await ask(on.session, way, on.origin, { method: "POST", body: "x" })).text, "right");
      }
      const seen = await Promise.all(on.server.requests.map(proofOf));
      assertEquals(seen.length, 3, "the nonce that came with the first answer is good for the second request");
      assertEquals(new Set(seen.map((proof) => proof!.jti)).size, 3);
    }
  });

  it("does not go on for ever, nor where nothing was asked", async () => {
    let count = 0;
    const challenge = 'WWW-Authenticate: DPoP error="use_dpop_nonce"';
    await using never = await bench(() => reply("401 Unauthorized", "no", [`DPoP-Nonce: ${++count}`, challenge]));
    assertEquals((await never.session.fetch(never.origin)).status, 401);
    assertEquals(never.server.requests.length, 3);
    for (
      const headers of [[challenge], ["DPoP-Nonce: x", 'WWW-Authenticate: DPoP error="invalid_token"'], [
        "DPoP-Nonce: x",
      ]]
    ) {
      await using once = await bench(() => reply("401 Unauthorized", "no", headers));
      assertEquals((await once.session.fetch(once.origin)).status, 401);
      assertEquals(once.server.requests.length, 1);
    }
  });

  it("gives neither proof nor token to another origin", async () => {
    await using elsewhere = await socketServer((_request, socket) => socket.write(ok()));
    await using on = await bench(() => reply("307 Temporary Redirect", "", [`Location: ${elsewhere.origin}/`]), {
      accessToken: "token-1",
    });
    assertEquals((await on.session.fetch(on.origin)).status, 200);
    const [request] = elsewhere.requests;
    assertEquals([request!.headers.has("dpop"), request!.headers.has("authorization")], [false, false]);
    await using outside = await bench(ok, { accessToken: "token-1", scope: ["https://api.example"] });
    await outside.session.fetch(outside.origin);
    assertEquals(outside.server.requests[0]!.headers.has("authorization"), false);
  });

  it("ends a message that cannot be signed, and signs synchronous ones", async () => {
    const failing = { ...signer, sign: () => Promise.reject(new Error("no token")) };
    await using on = await bench(ok, { signer: failing });
    const msg = new HttpMessage("GET", on.origin);
    assertEquals(await on.session.sendMessage(msg), HttpStatus.IO_ERROR);
    assertEquals([(msg.error as Error).message, on.server.requests.length], ["no token", 0]);
    await using origin = await originWorker();
    await using session = new HttpSession({ features: [new Dpop({ signer, accessToken: "t" })] });
    const own = new HttpMessage("GET", `http://127.0.0.1:${origin.port}/`);
    assertEquals(session.sendMessageSync(own), 200);
    await jose.jwtVerify(own.requestHeaders.get("dpop")!, jose.EmbeddedJWK, { typ: "dpop+jwt" });
  });

  it("refuses signers that prove nothing", () => {
    for (const wrong of [macSigner(new Uint8Array(32)), { ...signer, publicJwk: undefined } as never]) {
      assertMatch(assertThrows(() => new Dpop({ signer: wrong }), TypeError).message, /no public key/);
    }
  });
});
