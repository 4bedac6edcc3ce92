// The main roads to a token in few steps: `task test:versions` runs this on the oldest and the newest runtimes.
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { workerPool } from "../../../ffi/workers/worker_pool.ts";
import { CKM, Module, type Session } from "../../../mod.ts";
import { createToken, softhsmSkip, type TestToken } from "../../_support/softhsm.ts";

const data = new TextEncoder().encode("a token on every runtime");

async function signsAndVerifies(session: Session): Promise<void> {
  const { publicKey, privateKey } = await session.generateKeyPair(
    CKM.RSA_PKCS_KEY_PAIR_GEN,
    { modulusBits: 2048, publicExponent: new Uint8Array([1, 0, 1]), verify: true },
    { sensitive: true, extractable: false, sign: true },
  );
  const signatures = await Promise.all(
    Array.from({ length: 20 }, () => session.sign(privateKey, CKM.SHA256_RSA_PKCS, data)),
  );
  const inPlace = session.signSync(privateKey, CKM.SHA256_RSA_PKCS, data);
  for (const signature of signatures) assertEquals(signature, inPlace);
  assert(await session.verify(publicKey, CKM.SHA256_RSA_PKCS, data, inPlace));
  inPlace[0]! ^= 1;
  assertEquals(session.verifySync(publicKey, CKM.SHA256_RSA_PKCS, data, inPlace), false);
  const stream = new Blob([data]).stream();
  assertEquals(await session.sign(privateKey, CKM.SHA256_RSA_PKCS, stream), signatures[0]);
}

/** Bun before 1.3.7 died of the fifth thread or so. */
async function outlivesThreads(session: Session): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const random = await Promise.all([session.generateRandom(8), session.generateRandom(8)]);
    assertEquals(random.map(({ length }) => length), [8, 8]);
    await workerPool().close();
  }
}

async function onToken(token: TestToken, managed: false | "gp11" | "auto"): Promise<void> {
  const module = await Module.load(token.module, { managed });
  try {
    const slots = await module.slots({ tokenPresent: true });
    const infos = await Promise.all(slots.map(async (slot) => ({ slot, info: await slot.tokenInfo() })));
    const { slot } = infos.find(({ info }) => info.label === token.label)!;
    const session = await slot.openSession({ readWrite: true, login: { pin: token.userPin } });
    await signsAndVerifies(session);
    if (managed === false) await outlivesThreads(session);
    await session.close();
  } finally {
    await module.close();
  }
}

describe("A token", () => {
  it("makes keys and signs on threads and in place, however its module is shared, and outlives the threads", {
    skip: softhsmSkip,
  }, async () => {
    // One after the other: node:test of old versions of Deno runs the tests of a block at the same time.
    for (const managed of [false, "gp11", "auto"] as const) await onToken(createToken(), managed);
  });
});
