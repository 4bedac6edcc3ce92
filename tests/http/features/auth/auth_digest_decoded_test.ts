// The server's proof over a body that is content-encoded: it covers the bytes on the wire, which not every runtime shows.
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { HttpError, HttpSession } from "../../../../http/mod.ts";
import { parseChallenges } from "../../../../http/protocol/challenges.ts";
import { bytesReply } from "../../../_support/feature_session.ts";
import { transports } from "../../../_support/http_sessions.ts";
import { reply, type SeenRequest, socketServer } from "../../../_support/socket_server.ts";

const text = "as it was meant. ".repeat(5000);
const hash = (...parts: (string | Uint8Array)[]): string => {
  const made = createHash("sha256");
  parts.forEach((part, index) => made.update(index === 0 ? "" : ":").update(part));
  return made.digest("hex");
};

/** Vouches for `proven` and sends `body`, gzip-encoded both. */
function vouchingServer(body: Uint8Array, proven: Uint8Array) {
  return socketServer((request, socket) => {
    const sent = digestOf(request);
    if (sent === null) {
      const challenge = 'Digest realm="r", nonce="n1", qop="auth-int", algorithm=SHA-256';
      socket.write(reply("401 Unauthorized", "who?", [`WWW-Authenticate: ${challenge}`]));
      return;
    }
    const nc = sent.get("nc")!;
    const cnonce = sent.get("cnonce")!;
    const user = hash("alice", "r", "secret");
    const proof = hash(user, "n1", nc, cnonce, "auth-int", hash("", request.target, hash(proven)));
    const info = `Authentication-Info: rspauth="${proof}", qop=auth-int, cnonce="${cnonce}", nc=${nc}`;
    socket.write(bytesReply("200 OK", body, ["Content-Encoding: gzip", info]));
  });
}

function digestOf(request: SeenRequest): Map<string, string> | null {
  const field = request.headers.get("authorization");
  return field === undefined || field === null ? null : new Map(parseChallenges(field)[0]!.parameters);
}

function answering(transport: "fetch" | "node"): HttpSession {
  const session = new HttpSession({ transport });
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    if (!retrying) auth.authenticate("alice", "secret");
  });
  return session;
}

for (const transport of transports) {
  describe(`AuthDigest and encoded bodies on ${transport}`, () => {
    it("takes a body its server vouches for, whether the runtime has decoded it or not", async () => {
      const body = gzipSync(text);
      await using server = await vouchingServer(body, body);
      await using session = answering(transport);
      const response = await session.fetch(`${server.origin}/a`);
      assertEquals([response.status, await response.text()], [200, text]);
    });

    it("refuses another body than the one vouched for, wherever the bytes of the wire are known", async () => {
      await using server = await vouchingServer(gzipSync(text), gzipSync("something else"));
      await using session = answering(transport);
      const reading = session.fetch(`${server.origin}/a`).then((response) => response.text());
      if (session.capabilities.contentAsReceived) await assertRejects(() => reading, HttpError, "rspauth");
      else assertEquals(await reading, text);
    });
  });
}
