// About session/tokens/shared_sessions.ts, find_slot.ts and session/signer/token_signer.ts: a token that goes away and comes
// back in another slot.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { CKK, CKM, CKO, CKR } from "../../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../../session/errors.ts";
import { tokenSigner } from "../../../session/signer/token_signer.ts";
import { Module } from "../../../session/tokens/module.ts";
import type { SessionPool } from "../../../session/tokens/shared_sessions.ts";
import type { Slot } from "../../../session/tokens/slot.ts";
import { MovingModule, movingModuleSkip } from "../../_support/moving_module.ts";
import { createToken, type TestToken } from "../../_support/softhsm.ts";

const message = new TextEncoder().encode("signed wherever the token is");
/** No slot. */
const AWAY = 0n;
const ELSEWHERE = 77n;

describe("a token that comes back in another slot", { skip: movingModuleSkip }, () => {
  let token: TestToken;
  let other: TestToken;
  let moving: MovingModule;
  let module: Module;
  let home: Slot;
  let neighbour: Slot;
  before(async () => {
    token = createToken();
    other = createToken();
    moving = new MovingModule();
    module = await Module.load(moving.path, { managed: false });
    home = await module.findSlot(token.label);
    neighbour = await module.findSlot(other.label);
  });
  after(() => module.close());

  /** What a pool's session sees. */
  const place = (pool: SessionPool) => pool.use(async (session) => (await session.getInfo()).slotId);

  it("is followed by a pool, whose PIN no other token gets", async () => {
    await using pool = home.sessionPool({ max: 3, login: { pin: token.userPin } });
    assertEquals(await place(pool), home.id);
    const before = moving.logins;

    moving.move(home.id, AWAY);
    await assertRejects(() => place(pool), Pkcs11Error);
    const gone = await assertRejects(() => place(pool), Pkcs11Error);
    assertEquals(gone.code, CKR.TOKEN_NOT_PRESENT);
    assertEquals(moving.logins, before);

    // Another token sits where it was.
    moving.move(neighbour.id, home.id);
    const foreign = await assertRejects(() => place(pool), Pkcs11Error);
    assertEquals(foreign.code, CKR.TOKEN_NOT_RECOGNIZED);
    assertEquals(moving.logins, before);

    moving.move(AWAY, ELSEWHERE);
    // All of the pool's sessions at once: nothing is being opened when they are back.
    const arrived = Promise.withResolvers<void>();
    let users = 0;
    const inside = pool.use.bind(pool, async (session) => {
      if (++users === 3) arrived.resolve();
      await arrived.promise;
      return (await session.getInfo()).slotId;
    });
    assertEquals(await Promise.all([inside(), inside(), inside()]), Array(3).fill(ELSEWHERE));
    assertEquals(moving.logins, before + 1);

    // Users that notice late do not end the sessions of those who noticed first.
    const late = Promise.withResolvers<void>();
    const first = pool.use(async (session) => {
      await late.promise;
      return session.getInfo();
    });
    const second = pool.use((session) => session);
    await second;
    moving.move(ELSEWHERE, neighbour.id);
    await assertRejects(() => place(pool), Pkcs11Error);
    const again = await pool.use((session) => session);
    late.resolve();
    await assertRejects(() => first, Pkcs11Error);
    assertEquals(await pool.use((session) => session === again), true);
    assertEquals([await place(pool), moving.logins], [neighbour.id, before + 2]);

    moving.move(home.id, ELSEWHERE);
    moving.move(neighbour.id, home.id);
    moving.move(ELSEWHERE, neighbour.id);
    await assertRejects(() => place(pool), Pkcs11Error);
    assertEquals(await place(pool), home.id);
  });

  for (const kind of ["EC", "HMAC"] as const) {
    it(`is signed with by the key it had, whoever notices first: ${kind}`, async () => {
      const session = await home.openSession({ readWrite: true, login: { pin: token.userPin } });
      const attributes = { token: true, label: `moves ${kind}`, id: kind };
      const key = kind === "EC"
        ? (await session.generateKeyPair(CKM.EC_KEY_PAIR_GEN, { namedCurve: "P-256", ...attributes, verify: true }, {
          ...attributes,
          sign: true,
        })).privateKey
        : await session.createObject({
          ...{ class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET, value: new Uint8Array(32).fill(3) },
          ...{ ...attributes, sign: true },
        });
      await using pool = home.sessionPool({ max: 1, login: { pin: token.userPin } });
      const signer = await tokenSigner(key, { sessions: pool });
      const right = await signer.sign(message);
      const verifier = kind === "EC"
        ? await crypto.subtle.importKey("spki", signer.spki(), { name: "ECDSA", namedCurve: "P-256" }, false, [
          "verify",
        ])
        : null;
      const check = async (signature: Uint8Array<ArrayBuffer>) => {
        if (verifier === null) return assertEquals(signature, right);
        assert(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifier, signature, message));
      };
      moving.move(home.id, ELSEWHERE);
      for (const signature of await Promise.all(Array.from({ length: 6 }, () => signer.sign(message)))) {
        await check(signature);
      }
      moving.move(ELSEWHERE, home.id);
      // Somebody else who uses the pool notices it: the key's handle is not tried in the new sessions.
      await assertRejects(() => place(pool), Pkcs11Error);
      await check(await signer.sign(message));

      moving.move(home.id, AWAY);
      const gone = await assertRejects(() => signer.sign(message), Pkcs11Error);
      assertEquals(gone.code, CKR.TOKEN_NOT_PRESENT);
      moving.move(AWAY, home.id);
      await check(await signer.sign(message));
    });
  }
});
