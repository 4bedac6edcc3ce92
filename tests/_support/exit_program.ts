// A program that does asynchronous work on a token and then ends in the way it is told, at the moment it is told.
import process from "node:process";
import { CKM } from "../../ffi/constants/mod.ts";
import { workerPool } from "../../ffi/workers/worker_pool.ts";
import { Module } from "../../session/tokens/module.ts";

const [path, pin, way, moment] = process.argv.slice(2) as [string, string, string, string?];
const data = new Uint8Array(32);
const module = await Module.load(path, { managed: false });
const slot = (await module.slots({ tokenPresent: true }))[0]!;
const sessions = await Promise.all([0, 1].map(() => slot.openSession({ readWrite: true, login: { pin } })));
const attributes = { token: false, verify: true, ecParams: Uint8Array.of(6, 8, 42, 134, 72, 206, 61, 3, 1, 7) };
const { privateKey } = await sessions[0]!.generateKeyPair(CKM.EC_KEY_PAIR_GEN, attributes, {
  token: false,
  sign: true,
});
const signatures = await Promise.all(
  Array.from({ length: 8 }, (_, i) => sessions[i % 2]!.sign(privateKey, CKM.ECDSA, data)),
);
if (!signatures.every((signature) => signature.length === 64)) process.exitCode = 9;

const rsa = { modulusBits: 3072, publicExponent: Uint8Array.of(1, 0, 1), token: false };
switch (way) {
  case "all left open":
    break;
  case "sessions closed":
    for (const session of sessions) await session.close();
    break;
  case "module closed":
    await module.close();
    break;
  case "pool closed":
    await module.close();
    await workerPool().close();
    break;
  case "call running":
    void sessions[0]!.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, rsa, { token: false });
    break;
  case "call aborted": {
    const signal = AbortSignal.timeout(5);
    await sessions[0]!.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, rsa, { token: false }, { signal }).catch(() => {});
    break;
  }
  case "exit during a call":
    void sessions[0]!.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, rsa, { token: false });
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.exit(0);
    break;
  case "exit during calls of every length":
    void callsOfEveryLength();
    setTimeout(() => process.exit(0), Number(moment));
    break;
  case "the runtime's exit during calls of every length":
    void callsOfEveryLength();
    setTimeout(
      () => (globalThis as unknown as { Deno?: typeof process }).Deno?.exit(0) ?? process.exit(0),
      Number(moment),
    );
    break;
  case "an uncaught error during calls of every length":
    void callsOfEveryLength();
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, Number(moment));
}

/** On both sessions at once: a long call on one, short ones on the other. */
function callsOfEveryLength(): void {
  const shorter = { ...rsa, modulusBits: 2048 };
  sessions[0]!.generateKeyPair(CKM.RSA_PKCS_KEY_PAIR_GEN, shorter, { token: false }).catch(() => {});
  for (let i = 0; i < 500; i++) sessions[1]!.sign(privateKey, CKM.ECDSA, data).catch(() => {});
}
process.stdout.write("done\n");
