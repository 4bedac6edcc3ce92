import { after, before, describe, it } from "node:test";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { AuthBearer } from "../../http/auth/bearer.ts";
import { AuthenticationError } from "../../http/auth/errors.ts";
import { AuthNegotiate } from "../../http/auth/negotiate.ts";
import { HttpMessage } from "../../http/message.ts";
import { HttpSession } from "../../http/session.ts";
import { authTransports, refusalBody } from "../_support/auth_servers.ts";
import { ntlmPassword } from "../_support/ntlm_server.ts";
import { programEnd, startProgram } from "../_support/child_program.ts";

// The servers live in another process: while a message is sent synchronously this one answers nobody.
let servers: ChildProcess;
let origins: Record<string, string>;

before(async () => {
  servers = startProgram(new URL("../_support/auth_server_program.ts", import.meta.url), []);
  const [line] = await once(servers.stdout!, "data");
  origins = JSON.parse(String(line));
});
after(async () => {
  servers.kill();
  await programEnd(servers);
});

/** Sends a message and resolves with its status and body. */
type Face = (session: HttpSession, url: string, body: string | null) => Promise<[status: number, body: string]>;

const messageOf = (url: string, body: string | null): HttpMessage =>
  new HttpMessage(body === null ? "GET" : "POST", url, { body });
const outcome = (msg: HttpMessage): [number, string] => [msg.statusCode, new TextDecoder().decode(msg.responseBody)];

const faces: Record<string, Face> = {
  fetch: async (session, url, body) => {
    const response = await session.fetch(url, body === null ? {} : { method: "POST", body });
    return [response.status, await response.text()];
  },
  queueMessage: (session, url, body) =>
    new Promise((resolve) => session.queueMessage(messageOf(url, body), (_, msg) => resolve(outcome(msg)))),
  sendMessageSync: (session, url, body) => {
    const msg = messageOf(url, body);
    session.sendMessageSync(msg);
    return Promise.resolve(outcome(msg));
  },
};

function sessionWith(
  transport: "fetch" | "node",
  answers: readonly (string | undefined)[],
  proxyUri: string | null = null,
) {
  const session = new HttpSession({ transport, useNtlm: true, addFeatureByType: AuthNegotiate, proxyUri });
  const asked: string[] = [];
  session.addEventListener("authenticate", ({ auth, retrying }) => {
    const answer = answers[asked.length];
    asked.push(`${auth.scheme} ${retrying}`);
    if (answer === undefined) return;
    if (auth.scheme === "Bearer" || auth.scheme === "Negotiate") auth.authenticateToken(answer);
    else auth.authenticate(auth.scheme === "NTLM" ? "CORP\\User" : "alice", answer);
  });
  return { session, asked };
}

const schemes: [server: string, scheme: string, right: string][] = [
  ["basic", "Basic", "secret"],
  ["digest", "Digest", "secret"],
  ["integrity", "Digest", "secret"],
  ["ntlm", "NTLM", ntlmPassword],
  ["bearer", "Bearer", "t1"],
  ["negotiate", "Negotiate", "dGlja2V0"],
];

for (const transport of authTransports) {
  for (const [face, send] of Object.entries(faces)) {
    describe(`authentication through ${face} over ${transport}`, () => {
      for (const [server, scheme, right] of schemes) {
        it(`${server}: refused with its body, then let in and remembered`, async () => {
          const { session, asked } = sessionWith(transport, ["d3Jvbmc=", undefined, right]);
          await using _ = session;
          assertEquals(await send(session, `${origins[server]}/x`, null), [401, refusalBody]);
          assertEquals(asked, [`${scheme} false`, `${scheme} true`]);
          for (const body of [null, "a body", null]) {
            const [status, text] = await send(session, `${origins[server]}/x`, body);
            assertEquals([status, text.startsWith("hello")], [200, true]);
          }
          assertEquals(asked.slice(2), [`${scheme} false`]);
        });
      }

      it("a token source that answers at once", async () => {
        const session = new HttpSession({ transport });
        await using _ = session;
        session.addFeatureByType(AuthBearer.using({ origins: [origins["bearer"]!], refresh: () => "t1" }));
        assertEquals(await send(session, `${origins["bearer"]}/x`, null), [200, "hello from /x"]);
      });

      it("a proxy in front of a server, each with its own password", async () => {
        const { session, asked } = sessionWith(transport, ["secret", "secret"], origins["proxy"]!);
        await using _ = session;
        assertEquals(await send(session, `${origins["basic"]}/x`, "a body"), [200, "hello from /x"]);
        assertEquals(await send(session, `${origins["basic"]}/y`, null), [200, "hello from /y"]);
        assertEquals(asked, ["Basic false", "Basic false"]);
      });

      it("a proof of the body that is wrong", async () => {
        const { session } = sessionWith(transport, ["secret"]);
        await using _ = session;
        const failed = await send(session, `${origins["forged"]}/x`, null).catch((error) => error);
        if (face === "fetch") assertInstanceOf(failed.cause ?? failed, AuthenticationError);
        else assertEquals(failed[0], 7);
      });
    });
  }
}
