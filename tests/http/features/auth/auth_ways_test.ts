import { after, before, describe, it } from "node:test";
import type { ChildProcess } from "node:child_process";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { AuthBearer } from "../../../../http/features/auth/plain_schemes.ts";
import { AuthenticationError } from "../../../../http/features/auth/auth_feature.ts";
import { AuthManager } from "../../../../http/features/auth/manager.ts";
import { AuthNegotiate } from "../../../../http/features/auth/negotiate.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import { TlsDatabase } from "../../../../http/transports/tls_database.ts";
import { authTransports, refusalBody } from "../../../_support/auth_servers.ts";
import { ntlmPassword } from "../../../_support/ntlm_server.ts";
import { firstLine, programEnd, startProgram } from "../../../_support/child_program.ts";

// The servers live in another process: while a message is sent synchronously this one answers nobody.
let servers: ChildProcess;
let origins: Record<string, string>;

before(async () => {
  servers = startProgram(new URL("../../../_support/auth_server_program.ts", import.meta.url), []);
  origins = JSON.parse(await firstLine(servers));
});
after(async () => {
  servers.kill();
  await programEnd(servers);
});

/** Sends a message and resolves with its status and body. */
type Way = (session: HttpSession, url: string, body: string | null) => Promise<[status: number, body: string]>;

const messageOf = (url: string, body: string | null): HttpMessage =>
  new HttpMessage(body === null ? "GET" : "POST", url, { body });
const outcome = (msg: HttpMessage): [number, string] => [msg.statusCode, new TextDecoder().decode(msg.responseBody)];

const ways: Record<string, Way> = {
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

/** One session for many tests: a worker for synchronous sends takes long to start. */
class AnsweringSession {
  readonly session: HttpSession;
  asked: string[] = [];
  answers: readonly (string | undefined)[] = [];

  constructor(transport: "auto" | "fetch" | "node") {
    const tlsDatabase = TlsDatabase.fromPem(origins["ca"]!);
    this.session = new HttpSession({ transport, useNtlm: true, addFeatureByType: AuthNegotiate, tlsDatabase });
    this.session.addEventListener("authenticate", ({ auth, retrying }) => {
      const answer = this.answers[this.asked.length];
      this.asked.push(`${auth.scheme} ${retrying}`);
      if (answer === undefined) return;
      if (auth.scheme === "Bearer" || auth.scheme === "Negotiate") auth.authenticateToken(answer);
      else auth.authenticate(auth.scheme === "NTLM" ? "CORP\\User" : "alice", answer);
    });
  }

  /** Forgets everything and gives these answers from now on. */
  begin(answers: readonly (string | undefined)[], proxyUri: string | null = null): HttpSession {
    this.answers = answers;
    this.asked = [];
    this.session.proxyUri = proxyUri;
    this.session.getFeature(AuthManager)!.clearCachedCredentials();
    return this.session;
  }
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
  for (const [way, send] of Object.entries(ways)) {
    describe(`authentication through ${way} over ${transport}`, () => {
      let answering: AnsweringSession;
      before(() => {
        answering = new AnsweringSession(transport);
      });
      after(() => answering.session.close());

      for (const [server, scheme, right] of schemes) {
        it(`${server}: refused with its body, then let in and remembered`, async () => {
          const session = answering.begin(["d3Jvbmc=", undefined, right]);
          assertEquals(await send(session, `${origins[server]}/x`, null), [401, refusalBody]);
          assertEquals(answering.asked, [`${scheme} false`, `${scheme} true`]);
          for (const body of [null, "a body", null]) {
            const [status, text] = await send(session, `${origins[server]}/x`, body);
            assertEquals([status, text.startsWith("hello")], [200, true]);
          }
          assertEquals(answering.asked.slice(2), [`${scheme} false`]);
        });
      }

      it("a token source that answers at once", async () => {
        const session = answering.begin([]);
        session.addFeatureByType(AuthBearer.using({ origins: [origins["bearer"]!], refresh: () => "t1" }));
        assertEquals(await send(session, `${origins["bearer"]}/x`, null), [200, "hello from /x"]);
        session.addFeatureByType(AuthBearer);
      });

      it("a proof of the body that is wrong", async () => {
        const session = answering.begin(["secret"]);
        const failed = await send(session, `${origins["forged"]}/x`, null).catch((error) => error);
        if (way === "fetch") assertInstanceOf(failed.cause ?? failed, AuthenticationError);
        else assertEquals(failed[0], 7);
      });

      it("a proxy in front of a server, each with its own password", async () => {
        const session = answering.begin(["secret", "secret"], origins["basicProxy"]!);
        assertEquals(await send(session, `${origins["basic"]}/x`, "a body"), [200, "hello from /x"]);
        assertEquals(await send(session, `${origins["basic"]}/y`, null), [200, "hello from /y"]);
        assertEquals(answering.asked, ["Basic false", "Basic false"]);
      });
    });
  }
}

for (const [way, send] of Object.entries(ways)) {
  describe(`authentication of tunnels through ${way}`, () => {
    let answering: AnsweringSession;
    before(() => {
      answering = new AnsweringSession("auto");
    });
    after(() => answering.session.close());

    for (
      const [proxy, password] of [["basicProxy", "secret"], ["digestProxy", "secret"], ["ntlmProxy", ntlmPassword]]
    ) {
      it(`${proxy}: lets in, is remembered, and the origin sees nothing of it`, async () => {
        const session = answering.begin([password], origins[proxy!]!);
        const url = origins["secure"]!.replace("127.0.0.1", "localhost");
        for (const body of [null, "a body"]) assertEquals(await send(session, url, body), [200, "hello"]);
        assertEquals(answering.asked.length, 1);
      });
    }
  });
}
