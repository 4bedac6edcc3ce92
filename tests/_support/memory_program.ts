// Signs in rounds, in place and on worker threads, until one grows the process by less than a MB, or to the end. Prints
// how much each has grown it, in MB.
import process from "node:process";
import { CKM } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";

const [path, pin, operations, rounds, showsAll] = process.argv.slice(2) as [string, string, string, string, string?];
const data = new Uint8Array(32);
const module = await Module.load(path, { managed: false });
const session = await (await module.slots({ tokenPresent: true }))[0]!.openSession({ readWrite: true, login: { pin } });
const attributes = { valueLen: 32, token: false, sign: true };
const key = await session.generateKey(CKM.GENERIC_SECRET_KEY_GEN, attributes);
const growths: number[] = [];
/** In the first two its heaps find their size; in one without growth later it is told that nothing leaks. */
const isTold = () => Math.min(...growths.slice(2)) < 1;
for (let round = 0; round < Number(rounds) && (showsAll === "all" || !isTold()); round++) {
  const before = process.memoryUsage().rss;
  for (let i = 0; i < Number(operations) / 2; i++) session.signSync(key, CKM.SHA256_HMAC, data);
  for (let i = 0; i < Number(operations) / 2; i += 50) {
    await Promise.all(Array.from({ length: 50 }, () => session.sign(key, CKM.SHA256_HMAC, data)));
  }
  growths.push((process.memoryUsage().rss - before) / 2 ** 20);
}
await module.close();
process.stdout.write(JSON.stringify(growths));
