// About session/groups/ and session/signer/signer_group.ts: tokens served by other processes, of which one is killed.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { CKM } from "../../../ffi/constants/mod.ts";
import {
  loadModules,
  type LoggedCall,
  Module,
  Pkcs11Error,
  type SessionPool,
  sessionPool,
  type SignerGroup,
  signerGroup,
  type TokenSigner,
  tokenSigner,
} from "../../../session/mod.ts";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createToken, softhsmFolder, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";
import { TokenServer, tokenServerSkip } from "../../_support/token_server.ts";
import { findSlot } from "../../_support/token_session.ts";

describe("a group over a token of this process and tokens that others serve", { skip: tokenServerSkip }, () => {
  const tokens: TestToken[] = [];
  const servers: TokenServer[] = [];
  const modules: Module[] = [];
  const pools: SessionPool[] = [];
  const signers: TokenSigner[] = [];
  const opened: string[] = [];
  let publicKey: CryptoKey;

  before(async () => {
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    publicKey = pair.publicKey;
    for (let count = 0; count < 3; count++) tokens.push(createToken());
    const folder = `${temporaryFolder("served")}/modules`;
    mkdirSync(folder, { recursive: true });
    for (const [index, token] of tokens.slice(1).entries()) {
      const server = new TokenServer(token);
      await server.start();
      servers.push(server);
      writeFileSync(`${folder}/far-${index}.module`, `remote: ${server.address}\n`);
    }
    const logCalls = { event: ({ fn }: LoggedCall) => void opened.push(fn) };
    const far = await loadModules({ config: { systemModules: folder }, critical: true, logCalls });
    modules.push(
      await Module.load(tokens[0]!.module, { managed: false }),
      ...far.sort((a, b) => a.name!.localeCompare(b.name!)),
    );
    for (const [index, { label, userPin }] of tokens.entries()) {
      const slot = findSlot(modules[index]!, label);
      await using session = await slot.openSession({ readWrite: true, login: { pin: userPin } });
      const named = { token: true, label: "shared", id: Uint8Array.of(7) };
      const { privateKey } = await session.importKeyPair(pair.privateKey, named, named);
      const sessions = slot.sessionPool({ max: 2, login: { pin: userPin } });
      pools.push(sessions);
      signers.push(await tokenSigner(privateKey, { sessions }));
    }
  });
  after(async () => {
    for (const pool of pools) await pool.close().catch(() => {});
    for (const module of modules) await module.close();
    for (const server of servers) await server.kill();
  });

  async function signMany(group: SignerGroup, from: number, to: number): Promise<void> {
    const checked = Array.from({ length: to - from }, async (_, index) => {
      const message = new TextEncoder().encode(`message ${from + index}`);
      const signature = await group.sign(message);
      return await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, publicKey, signature, message);
    });
    assertEquals((await Promise.all(checked)).filter((isRight) => !isRight), []);
  }

  it("loses no signature while one of them is killed, and takes it back when it is there again", async () => {
    const group = signerGroup(signers, { retryAfter: 20 });
    const events: string[] = [];
    for (const type of ["member-out", "member-in"] as const) {
      group.addEventListener(
        type,
        ({ member }) => events.push(`${type} ${signers.indexOf(member.signer as TokenSigner)}`),
      );
    }
    await signMany(group, 0, 30);
    assertEquals(events, []);
    const under = signMany(group, 30, 120);
    await servers[0]!.kill();
    await under;
    await signMany(group, 120, 150);
    assertEquals(events, ["member-out 1"]);
    assert(group.members[1]!.error instanceof Pkcs11Error);
    const logins = opened.filter((fn) => fn === "C_Login").length;

    const back = new Promise((resolve) => group.addEventListener("member-in", resolve, { once: true }));
    const alive = setInterval(() => {}, 1000);
    await servers[0]!.start();
    await back;
    clearInterval(alive);
    await signMany(group, 150, 200);
    assertEquals(events, ["member-out 1", "member-in 1"]);
    assertEquals(group.members.map(({ state }) => state), ["in", "in", "in"]);
    // One login for all the sessions of the token that has come back.
    assertEquals(opened.filter((fn) => fn === "C_Login").length - logins, 1);
  });

  it("lends sessions on those that are there, and does nothing twice", async () => {
    const slots = modules.map((module, index) => findSlot(module, tokens[index]!.label));
    await using pool = sessionPool(slots, { max: 2, login: { pin: tokens[0]!.userPin }, retryAfter: 20 });
    const slotsUsed = new Set<number>();
    /** Uses sessions so often, and gives none back until so many are lent: one that comes back would serve the next. */
    const lend = async (uses: number, atOnce: number): Promise<number[]> => {
      slotsUsed.clear();
      let lent = 0;
      const allLent = Promise.withResolvers<void>();
      const use = () =>
        pool.use(async (session) => {
          slotsUsed.add(slots.findIndex((slot) => slot.equals(session.slot)));
          if (++lent === atOnce) allLent.resolve();
          await allLent.promise;
          return (await session.generateRandom(4)).length;
        });
      return await Promise.all(Array.from({ length: uses }, use));
    };
    assertEquals(await lend(12, 6), Array(12).fill(4));
    assertEquals([...slotsUsed].sort(), [0, 1, 2]);
    assertEquals([pool.size, pool.idle, pool.waiting, pool.closed], [6, 6, 0, false]);

    await servers[1]!.kill();
    let begun = 0;
    const out = new Promise((resolve) => pool.addEventListener("member-out", ({ member }) => resolve(member.slot)));
    // Sessions that were open fail in the hands of whoever has them; after that none is lent there.
    const results = await Promise.allSettled(Array.from({ length: 6 }, () =>
      pool.use((session) => {
        begun++;
        return session.generateRandom(4);
      })));
    assertEquals(begun, 6);
    assert(results.some(({ status }) => status === "rejected"));
    assertEquals(await out, slots[2]);
    assertEquals(pool.members.map(({ state }) => state), ["in", "in", "out"]);
    await lend(8, 4);
    assertEquals([...slotsUsed].sort(), [0, 1]);

    const back = new Promise((resolve) => pool.addEventListener("member-in", resolve, { once: true }));
    const alive = setInterval(() => {}, 1000);
    await servers[1]!.start();
    await back;
    clearInterval(alive);
    await lend(8, 6);
    assertEquals([...slotsUsed].sort(), [0, 1, 2]);
    await assertRejects(() => tokenSigner(signers[0] as never), TypeError);
  });
});

it("the example with three served tokens loses no signature", { skip: tokenServerSkip }, async () => {
  const folder = ["one", "two", "three"].map((label) => createToken(label));
  const example = new URL("../../../examples/signed_requests/served_tokens.ts", import.meta.url);
  const child = startProgram(example, [], {
    PKCS11_MODULE: folder[0]!.module,
    SOFTHSM2_CONF: join(softhsmFolder(), "softhsm2.conf"),
  });
  let printed = "";
  child.stdout!.on("data", (chunk) => printed += chunk);
  await programEnd(child);
  assertEquals(
    [child.exitCode, printed],
    [
      0,
      "a token has left\n100 of 100 right while it is killed\n20 of 20 right without it\nit is back: 20 of 20 right\n",
    ],
  );
});

describe("a pool over several tokens", { skip: softhsmSkip }, () => {
  it("tries a wrong PIN once for each token, and goes on with those that take it", async () => {
    const logins: number[] = [];
    const [right, wrong] = [createToken(), createToken(undefined, "9999")];
    const module = await Module.load(right.module, {
      managed: false,
      logCalls: { event: ({ fn, code }: LoggedCall) => fn === "C_Login" && logins.push(Number(code)) },
    });
    try {
      const slots = [wrong, right].map(({ label }) => findSlot(module, label));
      await using pool = sessionPool(slots, { login: { pin: right.userPin }, retryAfter: 1 });
      const labels = await Promise.all(
        Array.from({ length: 20 }, () => pool.use((session) => session.slot.tokenInfoSync().label)),
      );
      assertEquals(new Set(labels), new Set([right.label]));
      assertEquals(pool.members[0]!.state, "out");
      assertEquals((pool.members[0]!.error as Pkcs11Error).ckr, "CKR_PIN_INCORRECT");
      assertEquals(logins.length, 2);
      await assertRejects(() => pool.use((session) => session.findObject({ label: "nobody's" })));
      await assertRejects(() => pool.use(() => Promise.reject(new Error("mine"))), Error, "mine");
      assertEquals(pool.members[1]!.state, "in");
      await pool.use(async () => {
        await assertRejects(() => pool.close(), Error, "close the pool");
      });
      const session = await slots[1]!.openSession({ readWrite: true, login: { pin: right.userPin } });
      const key = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, token: false, sign: true });
      await assertRejects(() => tokenSigner(key, { sessions: pool }), TypeError, "over several tokens");
      await pool.close();
      await assertRejects(() => pool.use(() => 1), Error, "closed");
    } finally {
      await module.close();
    }
    for (const slots of [[], [3], null, new Array(2)]) {
      assertThrows(() => sessionPool(slots as never), TypeError, "expected one slot or more");
    }
  });
});
