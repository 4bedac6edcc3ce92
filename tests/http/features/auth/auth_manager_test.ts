import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { AuthBasic, AuthBearer } from "../../../../http/features/auth/plain_schemes.ts";
import { AuthDigest } from "../../../../http/features/auth/digest.ts";
import { AuthManager } from "../../../../http/features/auth/manager.ts";
import { AuthNtlm } from "../../../../http/features/auth/ntlm/ntlm.ts";
import { HttpMessage } from "../../../../http/message/message.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import type { HttpFetchInit } from "../../../../http/contract/message_options.ts";
import type { AuthenticateEvent } from "../../../../http/contract/session_events.ts";
import { authTransports, basic, digestServer, guardedServer, refusalBody } from "../../../_support/auth_servers.ts";
import { until } from "../../../_support/http_sessions.ts";
import { reply, socketServer } from "../../../_support/socket_server.ts";

const right = basic("alice", "secret");
const realm = 'Basic realm="r"';
const basicServer = () => guardedServer((authorization) => authorization === right, [realm]);

type Answer = (event: AuthenticateEvent, session: HttpSession) => void;

/** A session and the `authenticate` events it emitted, as "scheme realm retrying". */
function listening(answer: Answer, options: ConstructorParameters<typeof HttpSession>[0] = {}) {
  const session = new HttpSession({ transport: "node", ...options });
  const asked: string[] = [];
  session.addEventListener("authenticate", (event) => {
    asked.push(`${event.auth.scheme} ${event.auth.realm} ${event.retrying}`);
    answer(event, session);
  });
  return { session, asked };
}

const answerRight: Answer = ({ auth }) => auth.authenticate("alice", "secret");
const text = (msg: HttpMessage): string => new TextDecoder().decode(msg.responseBody);
const get = async (session: HttpSession, url: string, init?: HttpFetchInit): Promise<string> => {
  const response = await session.fetch(url, init);
  return `${response.status} ${await response.text()}`;
};

/** Names of a message's events, with the status at that moment. */
function recording(msg: HttpMessage): string[] {
  const events: string[] = [];
  for (const name of ["wrote-headers", "got-headers", "got-chunk", "got-body", "restarted", "finished"] as const) {
    msg.addEventListener(name, () => events.push(`${name} ${msg.statusCode}`));
  }
  return events;
}

describe("AuthManager: the authenticate event", () => {
  for (const transport of authTransports) {
    it(`${transport}: comes between headers and body, and the message starts again after the body`, async () => {
      await using server = await basicServer();
      const msg = new HttpMessage("GET", `${server.origin}/x`);
      const events = recording(msg);
      const { session } = listening(({ auth }) => {
        events.push("authenticate");
        auth.authenticate("alice", "secret");
      }, { transport });
      await using _ = session;
      assertEquals(await session.sendMessage(msg), 200);
      assertEquals(events, [
        "wrote-headers 0",
        "got-headers 401",
        "authenticate",
        "got-chunk 401",
        "got-body 401",
        "restarted 401",
        "wrote-headers 0",
        "got-headers 200",
        "got-chunk 200",
        "got-body 200",
        "finished 200",
      ]);
    });

    it(`${transport}: declined, the message ends with the 401 and its body`, async () => {
      await using server = await basicServer();
      const { session, asked } = listening(() => {}, { transport });
      await using _ = session;
      const msg = new HttpMessage("GET", `${server.origin}/x`);
      const events = recording(msg);
      assertEquals([await session.sendMessage(msg), text(msg)], [401, refusalBody]);
      assertEquals(events.slice(1), ["got-headers 401", "got-chunk 401", "got-body 401", "finished 401"]);
      assertEquals(asked, ["Basic r false"]);
    });

    it(`${transport}: comes again with retrying as long as wrong passwords are given`, async () => {
      await using server = await basicServer();
      let tries = 0;
      const { session, asked } = listening(({ auth }) => {
        if (++tries < 4) auth.authenticate("alice", `wrong ${tries}`);
      }, { transport });
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(asked, ["Basic r false", "Basic r true", "Basic r true", "Basic r true"]);
      assertEquals(server.requests.map(({ headers }) => headers.get("authorization")), [
        undefined,
        ...[1, 2, 3].map((number) => basic("alice", `wrong ${number}`)),
      ]);
    });

    it(`${transport}: one event serves ten parallel requests`, async () => {
      await using server = await basicServer();
      const { session, asked } = listening(({ auth, msg }, session) => {
        session.pauseMessage(msg);
        setTimeout(() => {
          auth.authenticate("alice", "secret");
          session.unpauseMessage(msg);
        }, 20);
      }, { transport, maxConnsPerHost: 10 });
      await using _ = session;
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, index) => get(session, `${server.origin}/${index}`)),
      );
      assertEquals(all, Array.from({ length: 10 }, (_, index) => `200 hello from /${index}`));
      assertEquals(asked, ["Basic r false"]);
    });
  }

  it("serves ten parallel requests when it is answered at once, at two connections and at ten", async () => {
    for (const maxConnsPerHost of [1, 2, 10]) {
      await using server = await basicServer();
      const { session, asked } = listening(answerRight, { maxConnsPerHost });
      await using _ = session;
      const all = await Promise.all(Array.from({ length: 10 }, () => get(session, `${server.origin}/x`)));
      assertEquals(all, Array(10).fill("200 hello from /x"));
      assertEquals(asked, ["Basic r false"]);
    }
  });

  it("comes once more, with retrying, when ten parallel requests had a wrong password", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(
      ({ auth, retrying }) => auth.authenticate("alice", retrying ? "secret" : "wrong"),
      { maxConnsPerHost: 10 },
    );
    await using _ = session;
    const all = await Promise.all(Array.from({ length: 10 }, () => get(session, `${server.origin}/x`)));
    assertEquals(all, Array(10).fill("200 hello from /x"));
    assertEquals(asked, ["Basic r false", "Basic r true"]);
  });

  it("is declined for all that wait for the same answer", async () => {
    await using server = await basicServer();
    let refused = 0;
    const { session, asked } = listening(async ({ auth, msg }, session) => {
      session.pauseMessage(msg);
      await until(() => refused === 5);
      auth.cancel();
      session.unpauseMessage(msg);
    }, { maxConnsPerHost: 5 });
    await using _ = session;
    const prepare = (msg: HttpMessage) => msg.addEventListener("got-headers", () => refused++);
    const all = await Promise.all(Array.from({ length: 5 }, () => get(session, `${server.origin}/x`, { prepare })));
    assertEquals(all, Array(5).fill(`401 ${refusalBody}`));
    assertEquals(asked, ["Basic r false"]);
  });

  it("passes to the next message when the one that was asked about is cancelled", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(({ auth, msg }, session) => {
      if (msg === first) session.pauseMessage(msg);
      else auth.authenticate("alice", "secret");
    });
    await using _ = session;
    const first = new HttpMessage("GET", `${server.origin}/1`);
    const second = new HttpMessage("GET", `${server.origin}/2`);
    const firstDone = session.sendMessage(first);
    await until(() => asked.length === 1);
    const refused = new Promise((resolve) => second.addEventListener("got-headers", resolve, { once: true }));
    const secondDone = session.sendMessage(second);
    await refused;
    session.cancelMessage(first);
    assertEquals(await firstDone, 1);
    assertEquals(await secondDone, 200);
    assertEquals(asked, ["Basic r false", "Basic r false"]);
  });

  it("ends with the session: closing it ends all that wait for an answer", async () => {
    await using server = await basicServer();
    const { session } = listening(({ msg }, session) => session.pauseMessage(msg), { maxConnsPerHost: 5 });
    const messages = Array.from({ length: 5 }, () => new HttpMessage("GET", `${server.origin}/x`));
    const done = messages.map((msg) => session.sendMessage(msg));
    await new Promise((resolve) => setTimeout(resolve, 40));
    await session.close();
    assertEquals(await Promise.all(done), Array(5).fill(1));
  });

  it("waits while the message is paused, and a pause without an answer declines", async () => {
    await using server = await basicServer();
    const steps: string[] = [];
    const { session } = listening(({ msg }, session) => {
      session.pauseMessage(msg);
      setTimeout(() => {
        steps.push("unpaused");
        session.unpauseMessage(msg);
      }, 30);
    });
    await using _ = session;
    const msg = new HttpMessage("GET", `${server.origin}/x`);
    msg.addEventListener("finished", () => steps.push("finished"));
    assertEquals([await session.sendMessage(msg), text(msg)], [401, refusalBody]);
    assertEquals(steps, ["unpaused", "finished"]);
  });

  it("does not come for an encoding: what ISO-8859-1 did not open is tried in UTF-8, also for many at once", async () => {
    const utf8 = basic("alice", "s\u00e9cret");
    await using server = await guardedServer((authorization) => authorization === utf8, [realm]);
    const { session, asked } = listening(({ auth }) => auth.authenticate("alice", "s\u00e9cret"), {
      maxConnsPerHost: 5,
    });
    await using _ = session;
    const all = await Promise.all(Array.from({ length: 5 }, () => get(session, `${server.origin}/x`)));
    assertEquals(all, Array(5).fill("200 hello from /x"));
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["Basic r false"]);
    assertEquals(server.requests.at(-1)!.headers.get("authorization"), utf8);
  });

  it("is silent for a message with an Authorization field of its own, which is sent as it is", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    const headers = { authorization: "Basic bm86bm8=" };
    assertEquals(await get(session, `${server.origin}/x`, { headers }), `401 ${refusalBody}`);
    const msg = new HttpMessage("GET", `${server.origin}/x`, { headers });
    assertEquals([await session.sendMessage(msg), text(msg)], [401, refusalBody]);
    assertEquals(await get(session, `${server.origin}/x`, { headers: { authorization: right } }), "200 hello from /x");
    assertEquals(asked, []);
    // Also when the session knows better credentials.
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(await get(session, `${server.origin}/x`, { headers }), `401 ${refusalBody}`);
    assertEquals(asked, ["Basic r false"]);
  });

  it("is silent for a message that has switched the manager off", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    await get(session, `${server.origin}/x`);
    const msg = new HttpMessage("GET", `${server.origin}/x`);
    msg.disableFeature(AuthManager);
    assertEquals(await session.sendMessage(msg), 401);
    assertEquals(server.requests.at(-1)!.headers.has("authorization"), false);
    assertEquals(asked.length, 1);
  });

  it("leaves a 401 without a usable challenge alone", async () => {
    const fields = ["", "Unknown x=y", 'Digest realm="x"', "NTLM", "Negotiate abc", '"'];
    for (const field of fields) {
      await using server = await guardedServer(() => false, field === "" ? [] : [field]);
      const { session, asked } = listening(answerRight);
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
      assertEquals(asked, []);
    }
  });

  it("reaches a message that is sent a second time", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    const msg = new HttpMessage("POST", `${server.origin}/x`, { body: "again and again" });
    assertEquals([await session.sendMessage(msg), await session.sendMessage(msg)], [200, 200]);
    session.getFeature(AuthManager)!.clearCachedCredentials();
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(asked.length, 2);
    assertEquals(server.requests.filter(({ body }) => body.toString() === "again and again").length, 5);
  });
});

describe("AuthManager: schemes", () => {
  it("takes the strongest of the offered schemes, whatever their order", async () => {
    for (const challenges of [[realm], []]) {
      await using server = await digestServer({ before: challenges, algorithm: "SHA-256" });
      const { session, asked } = listening(answerRight);
      await using _ = session;
      assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
      assertEquals(asked, ["Digest digest realm false"]);
    }
    await using server = await guardedServer((authorization) => authorization === right, [
      'Digest realm="d", nonce="n", algorithm=unheard-of',
      `Bearer realm="b", ${realm}, NTLM`,
    ]);
    const { session, asked } = listening(answerRight);
    await using _ = session;
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["Bearer b false"], "a password answers the strongest scheme that takes one");
  });

  it("knows Basic, Digest and Bearer, and learns and unlearns others", async () => {
    await using session = new HttpSession();
    const manager = session.getFeature(AuthManager)!;
    assertEquals(manager.schemes, [AuthBasic, AuthDigest, AuthBearer]);
    assertFalse(session.useNtlm);
    session.useNtlm = true;
    assert(manager.hasFeature(AuthNtlm));
    session.removeFeatureByType(AuthNtlm);
    assertFalse(session.useNtlm);
    session.addFeatureByType(AuthNtlm);
    assert(session.useNtlm);
    session.useNtlm = false;
    assertFalse(manager.hasFeature(AuthNtlm));
    assertFalse(manager.addFeature(Date));
    assertFalse(manager.removeFeature(AuthNtlm));
  });

  it("does not use a scheme that was removed", async () => {
    await using server = await digestServer({ before: [realm] });
    const { session, asked } = listening(() => {}, { removeFeatureByType: AuthDigest });
    await using _ = session;
    await get(session, `${server.origin}/x`);
    assertEquals(asked, ["Basic r false"]);
  });

  it("forgets the credentials of a scheme that is removed", async () => {
    await using server = await basicServer();
    const { session } = listening(answerRight);
    await using _ = session;
    await get(session, `${server.origin}/x`);
    session.removeFeatureByType(AuthBasic);
    assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
  });

  it("does nothing without a manager", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight, { defaultFeatures: false });
    await using _ = session;
    assertEquals(await get(session, `http://alice:secret@127.0.0.1:${server.port}/x`), `401 ${refusalBody}`);
    assertEquals(asked, []);
  });
});

describe("AuthManager: where credentials are good", () => {
  it("sends Basic credentials again at and below the directory, and nowhere else unasked", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    for (const path of ["/a/b", "/a/c", "/a/d/e", "/a"]) await get(session, server.origin + path);
    assertEquals(server.requests.map(({ target, headers }) => `${target} ${headers.has("authorization")}`), [
      "/a/b false",
      "/a/b true",
      "/a/c true",
      "/a/d/e true",
      "/a true",
    ]);
    await get(session, `${server.origin}/other`);
    await get(session, `${server.origin}/other`);
    assertEquals(server.requests.slice(5).map(({ headers }) => headers.has("authorization")), [false, true, true]);
    assertEquals(asked, ["Basic r false"], "the realm is known: nobody is asked for the second path");
  });

  it("keeps realms and origins apart", async () => {
    const check = (authorization: string, { target }: { target: string }) =>
      authorization === basic("alice", target.startsWith("/one/") ? "1" : "2");
    const server = await guardedServer(check, ({ target }) => [`Basic realm="${target.split("/")[1]}"`]);
    await using _server = server;
    await using other = await basicServer();
    const passwords: Record<string, string> = { one: "1", two: "2" };
    const { session, asked } = listening(({ auth }) => {
      if (auth.realm in passwords) auth.authenticate("alice", passwords[auth.realm]!);
    });
    await using _ = session;
    for (const path of ["/one/x", "/two/x", "/one/y", "/two/y"]) {
      assertEquals(await get(session, server.origin + path), `200 hello from ${path}`);
    }
    assertEquals(asked, ["Basic one false", "Basic two false"]);
    assertEquals(await get(session, `${other.origin}/one/x`), `401 ${refusalBody}`);
    assertFalse(other.requests.some(({ headers }) => headers.has("authorization")));
  });

  it("takes credentials off a message that is redirected to another origin", async () => {
    await using target = await socketServer((_, socket) => socket.write(reply("200 OK", "elsewhere")));
    const { session } = listening(answerRight);
    await using _ = session;
    await using source = await socketServer((request, socket) =>
      socket.write(
        request.headers.get("authorization") === right
          ? reply("302 Found", "", [`Location: ${target.origin}/y`])
          : reply("401 Unauthorized", "", [`WWW-Authenticate: ${realm}`]),
      )
    );
    assertEquals(await get(session, `${source.origin}/x`), "200 elsewhere");
    const msg = new HttpMessage("GET", `${source.origin}/x`);
    assertEquals([await session.sendMessage(msg), text(msg)], [200, "elsewhere"]);
    assertEquals(msg.requestHeaders.has("authorization"), false);
    assertEquals(target.requests.length, 2);
    assertFalse(target.requests.some(({ headers }) => headers.has("authorization")));
  });

  it("takes credentials off a message that another feature sends elsewhere, as HSTS does", async () => {
    await using target = await socketServer((_, socket) => socket.write(reply("200 OK", "elsewhere")));
    await using server = await basicServer();
    const { session } = listening(answerRight);
    await using _ = session;
    await get(session, `${server.origin}/x`);
    session.addFeature({ requestStarting: (_, msg) => void (msg.uri = `${target.origin}${msg.uri.pathname}`) });
    assertEquals(await get(session, `${server.origin}/x`), "200 elsewhere");
    assertFalse(target.requests[0]!.headers.has("authorization"));
  });

  it("forgets a password the server no longer takes", async () => {
    let password = "one";
    await using server = await guardedServer((authorization) => authorization === basic("alice", password), [realm]);
    const { session, asked } = listening(({ auth }) => auth.authenticate("alice", password));
    await using _ = session;
    await get(session, `${server.origin}/x`);
    password = "two";
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["Basic r false", "Basic r true"]);
  });

  it("uses credentials from the first request on where the caller has given them", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(() => {});
    await using _ = session;
    const auth = new AuthBasic();
    const manager = session.getFeature(AuthManager)!;
    assertThrows(() => manager.useAuth(server.origin, auth), TypeError, "no credentials");
    auth.authenticate("alice", "secret");
    assertThrows(() => manager.useAuth("ftp://host/", auth), TypeError, "ftp:");
    manager.useAuth(`${server.origin}/api/`, auth);
    assertEquals(await get(session, `${server.origin}/api/x`), "200 hello from /api/x");
    assertEquals(server.requests.length, 1);
    assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
    assertFalse(server.requests[1]!.headers.has("authorization"));
    assertEquals(asked.length, 1);
  });

  it("answers the first challenge with given credentials when the scheme needs one", async () => {
    await using server = await digestServer({ algorithm: "SHA-256" });
    const { session, asked } = listening(() => {});
    await using _ = session;
    const auth = new AuthDigest();
    auth.authenticate("alice", "secret");
    session.getFeature(AuthManager)!.useAuth(server.origin, auth);
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(auth.realm, "digest realm");
    assertEquals(asked, []);
  });

  it("keeps given credentials to the origin they were given for", async () => {
    await using session = new HttpSession();
    const manager = session.getFeature(AuthManager)!;
    const auth = new AuthBasic();
    auth.authenticate("alice", "secret");
    manager.useAuth("http://one.test/a/", auth);
    manager.useAuth("http://one.test/b/", auth);
    assertThrows(() => manager.useAuth("http://two.test/", auth), TypeError, "it belongs to http://one.test");
  });

  it("does not take the credentials of one session for the user's own in another", async () => {
    await using first = await basicServer();
    await using second = await basicServer();
    const knowing = listening(answerRight);
    await using _ = knowing.session;
    const msg = new HttpMessage("GET", `${first.origin}/x`);
    assertEquals(await knowing.session.sendMessage(msg), 200);
    assertEquals(msg.requestHeaders.get("authorization"), right);
    const other = listening(() => {});
    await using __ = other.session;
    msg.uri = `${second.origin}/x`;
    assertEquals(await other.session.sendMessage(msg), 401);
    assertFalse(second.requests[0]!.headers.has("authorization"));
    assertEquals(other.asked, ["Basic r false"]);
  });

  it("leaves it to the newest of several managers", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    const own = new AuthManager({ schemes: [AuthBasic] });
    session.addFeature(own);
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["Basic r false"]);
    assertEquals(server.requests.length, 3);
    session.removeFeature(own);
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked.length, 2);
  });

  it("asks again when given credentials are wrong", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    const auth = new AuthBasic();
    auth.authenticate("alice", "wrong");
    session.getFeature(AuthManager)!.useAuth(server.origin, auth);
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["Basic r true"]);
  });
});

describe("AuthManager: credentials in URIs", () => {
  const withUser = (origin: string, user: string): string => `${origin.replace("//", `//${user}@`)}/x`;

  it("are used instead of asking, and not sent before they are asked for", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(() => {});
    await using _ = session;
    const msg = new HttpMessage("GET", withUser(server.origin, "alice:secret"));
    assertEquals(await session.sendMessage(msg), 200);
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, []);
    assertEquals(server.requests.map(({ headers }) => headers.has("authorization")), [false, true, true]);
    assertFalse(server.requests.some(({ head }) => head.includes("secret")));
  });

  it("are decoded", async () => {
    await using server = await guardedServer((authorization) => authorization === basic("a b", "p/%"), [realm]);
    const { session } = listening(() => {});
    await using _ = session;
    assertEquals(await session.sendMessage(new HttpMessage("GET", withUser(server.origin, "a%20b:p%2F%25"))), 200);
  });

  it("are tried once; after that the listeners are asked, with retrying", async () => {
    await using server = await basicServer();
    const { session, asked } = listening(answerRight);
    await using _ = session;
    assertEquals(await session.sendMessage(new HttpMessage("GET", withUser(server.origin, "alice:wrong"))), 200);
    assertEquals(asked, ["Basic r true"]);
  });

  it("are for the user they name, whoever else is known to the server", async () => {
    const users = [right, basic("bob", "builder")];
    await using server = await guardedServer((authorization) => users.includes(authorization), [realm]);
    const { session, asked } = listening(answerRight);
    await using _ = session;
    await get(session, `${server.origin}/x`);
    assertEquals(await session.sendMessage(new HttpMessage("GET", withUser(server.origin, "bob:builder"))), 200);
    assertEquals(server.requests.at(-1)!.headers.get("authorization"), users[1]);
    await get(session, `${server.origin}/x`);
    assertEquals(server.requests.at(-1)!.headers.get("authorization"), right);
    assertEquals(asked, ["Basic r false"]);
  });

  it("work with Digest", async () => {
    await using server = await digestServer();
    const { session } = listening(() => {});
    await using _ = session;
    assertEquals(await session.sendMessage(new HttpMessage("GET", withUser(server.origin, "alice:secret"))), 200);
  });
});
