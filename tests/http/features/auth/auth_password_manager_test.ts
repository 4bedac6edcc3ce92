import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import {
  MemoryPasswordStore,
  PasswordManager,
  type PasswordRequest,
  type PasswordStore,
  type SavedPassword,
} from "../../../../http/features/auth/password_manager.ts";
import { HttpSession } from "../../../../http/session/session.ts";
import type { AuthenticateEvent } from "../../../../http/contract/session_events.ts";
import { basic, digestServer, guardedServer, refusalBody } from "../../../_support/auth_servers.ts";

const get = async (session: HttpSession, url: string): Promise<string> => {
  const response = await session.fetch(url);
  return `${response.status} ${await response.text()}`;
};
const basicServer = () =>
  guardedServer((authorization) => authorization === basic("alice", "secret"), ['Basic realm="r"']);

function sessionWith(store: PasswordStore, answer: (event: AuthenticateEvent) => void = () => {}) {
  const session = new HttpSession({ transport: "node", features: [new PasswordManager({ store })] });
  const asked: string[] = [];
  session.addEventListener("authenticate", (event) => {
    const { auth, retrying } = event;
    asked.push(`${retrying} ${auth.isAuthenticated} ${auth.savedUsers.join("+")}`);
    answer(event);
  });
  return { session, asked };
}

const request = (origin: string, more: Partial<PasswordRequest> = {}): PasswordRequest => ({
  origin,
  realm: "r",
  scheme: "Basic",
  isForProxy: false,
  retrying: false,
  ...more,
});

describe("PasswordManager", () => {
  it("fills in the likeliest saved password before anybody is asked", async () => {
    await using server = await basicServer();
    const store = new MemoryPasswordStore();
    store.save(request(server.origin), { user: "bob", password: "x" });
    store.save(request(server.origin), { user: "alice", password: "secret" });
    const { session, asked } = sessionWith(store);
    await using _ = session;
    assertEquals(await get(session, `${server.origin}/x`), "200 hello from /x");
    assertEquals(asked, ["false true alice+bob"]);
  });

  it("lets a listener answer otherwise or decline", async () => {
    await using server = await basicServer();
    const store = new MemoryPasswordStore();
    store.save(request(server.origin), { user: "bob", password: "x" });
    const choosing = sessionWith(store, ({ auth }) => auth.authenticate("alice", "secret"));
    await using _ = choosing.session;
    assertEquals(await get(choosing.session, `${server.origin}/x`), "200 hello from /x");
    const declining = sessionWith(store, ({ auth }) => auth.cancel());
    await using __ = declining.session;
    assertEquals(await get(declining.session, `${server.origin}/x`), `401 ${refusalBody}`);
    assertEquals(server.requests.at(-1)!.headers.has("authorization"), false);
  });

  it("does not fill in a password that was just refused", async () => {
    await using server = await basicServer();
    const store = new MemoryPasswordStore();
    store.save(request(server.origin), { user: "alice", password: "old" });
    const { session, asked } = sessionWith(store);
    await using _ = session;
    assertEquals(await get(session, `${server.origin}/x`), `401 ${refusalBody}`);
    assertEquals(asked, ["false true alice", "true false alice"]);
  });

  it("saves a password its listener wants remembered, once it has proved right", async () => {
    await using server = await digestServer({ realm: "r" });
    const store = new MemoryPasswordStore();
    const saved: unknown[] = [];
    const spy: PasswordStore = {
      find: (wanted) => store.find(wanted),
      save: (wanted, entry) => {
        saved.push([wanted.scheme, wanted.realm, entry]);
        store.save(wanted, entry);
      },
      remove: () => {},
    };
    const { session } = sessionWith(
      spy,
      ({ auth, retrying }) => auth.authenticate("alice", retrying ? "secret" : "wrong", { remember: true }),
    );
    await using _ = session;
    await get(session, `${server.origin}/x`);
    await get(session, `${server.origin}/x`);
    assertEquals(saved, [["Digest", "r", { user: "alice", password: "secret" }]]);
    assertEquals(store.find(request(server.origin)), [{ user: "alice", password: "secret" }]);
  });

  it("waits for a store, once for many messages, and ends them with its error", async () => {
    await using server = await basicServer();
    let finds = 0;
    const slow = (outcome: () => SavedPassword[]): PasswordStore => ({
      find: () => {
        finds++;
        return new Promise((resolve) => setTimeout(resolve, 10)).then(outcome);
      },
      save: () => {},
      remove: () => {},
    });
    const good = sessionWith(slow(() => [{ user: "alice", password: "secret" }]));
    await using _ = good.session;
    const all = await Promise.all([1, 2].map(() => get(good.session, `${server.origin}/x`)));
    assertEquals(all, Array(2).fill("200 hello from /x"));
    assertEquals([finds, good.asked.length], [1, 1]);
    const bad = sessionWith(slow(() => {
      throw new Error("the keyring is locked");
    }));
    await using __ = bad.session;
    const error = await bad.session.fetch(`${server.origin}/x`).catch((reason) => reason);
    assertEquals((error.cause ?? error).cause.message, "the keyring is locked");
  });

  it("keeps passwords of realms, origins and proxies apart in memory", () => {
    const store = new MemoryPasswordStore();
    store.save(request("http://a"), { user: "u", password: "1" });
    store.save(request("http://a"), { user: "u", password: "2" });
    for (
      const other of [
        request("http://b"),
        request("http://a", { realm: "s" }),
        request("http://a", { isForProxy: true }),
      ]
    ) {
      assertEquals(store.find(other), []);
    }
    assertEquals(store.find(request("http://a", { scheme: "Digest" })), [{ user: "u", password: "2" }]);
    store.remove(request("http://a"), "u");
    assertEquals(store.find(request("http://a")), []);
  });
});
