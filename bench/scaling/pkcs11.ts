// What one signature costs with more sessions at work, and one object with more objects on the token: microseconds for each.
// Runs on Deno, Bun and Node.
import { CKM, CKO, Module } from "../../session/mod.ts";
import { data32, rateAsync, report, setting } from "../pkcs11/rows.ts";

/** Objects that are read in all for each figure, at least. */
const READ = 20_000;
const { module: path, label, pin, seconds } = setting();
const module = await Module.load(path, { managed: false });
const slot = await module.findSlot(label);
const first = await slot.openSession({ readWrite: true, login: { pin } });
const costs: Record<string, number> = {};

const key = await first.generateKey(CKM.GENERIC_SECRET_KEY_GEN, { token: false, valueLen: 32, sign: true });
const sessions = [first];
for (const count of [1, 2, 4, 8, 16, 32, 64]) {
  while (sessions.length < count) sessions.push(await slot.openSession());
  const loops = sessions.map((session) => () => session.sign(key, CKM.SHA256_HMAC, data32));
  costs[`sessions ${count}`] = 1e6 / await rateAsync(seconds, loops);
}

const common = { class: CKO.DATA, token: false, private: false, application: "bench", value: data32 };
const match = { class: CKO.DATA, application: "bench" };
let present = 0;
for (const count of [10, 100, 1000, 10_000, 100_000]) {
  for (; present < count; present++) first.createObjectSync({ ...common, label: `object ${present}` });
  const times: number[] = [];
  for (let read = 0; read < READ || times.length < 3; read += count) {
    const started = performance.now();
    const found = await first.findObjects(match, { read: ["label"] });
    times.push(performance.now() - started);
    if (found.length !== count) throw new Error(`Cannot measure: ${found.length} objects of ${count} were found`);
  }
  costs[`objects ${count}`] = times.sort((a, b) => a - b)[times.length >> 1]! * 1000 / count;
}
report(costs);
await module.close();
