// A program that signs without blocking, leaves all open, and says whether Node's `process` was looked at on the way: on Deno
// that loads much of Node. It imports nothing of Node itself.
import { CKM } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";

const global = globalThis as unknown as { Deno?: { args: string[] }; process: { argv: string[] } };
const [path, pin] = (global.Deno?.args ?? global.process.argv.slice(2)) as [string, string];
const { get } = Object.getOwnPropertyDescriptor(globalThis, "process")!;
let looks = 0;
if (global.Deno !== undefined) {
  Object.defineProperty(globalThis, "process", {
    configurable: true,
    get() {
      looks++;
      return get!.call(globalThis);
    },
  });
}

const module = await Module.load(path);
const [slot] = await module.slots({ tokenPresent: true });
const session = await slot!.openSession({ login: { pin } });
const signing = { token: false, sign: true };
const { privateKey } = await session.generateKeyPair(
  CKM.EC_KEY_PAIR_GEN,
  { namedCurve: "P-256", token: false },
  signing,
);
const signature = await session.sign(privateKey, CKM.ECDSA, new Uint8Array(32));
// deno-lint-ignore no-console
console.log(JSON.stringify({ length: signature.length, looks }));
