// Encrypts a mebibyte again and again. Prints how many pages of memory the process had to ask the kernel for with each, once
// everything has been used.
import { readFileSync } from "node:fs";
import process from "node:process";
import { CKM } from "../../ffi/constants/mod.ts";
import { aesCbc } from "../../session/mechanisms/cipher.ts";
import { Module } from "../../session/tokens/module.ts";

const TIMES = 20;
const [path, pin] = process.argv.slice(2) as [string, string];
const module = await Module.load(path, { managed: false });
const session = await (await module.slots({ tokenPresent: true }))[0]!.openSession({ login: { pin } });
const key = await session.generateKey(CKM.AES_KEY_GEN, { valueLen: 32, token: false, encrypt: true });
const data = new Uint8Array(1 << 20);
const into = new Uint8Array(data.length + 16);
const mechanism = aesCbc({ iv: new Uint8Array(16) });

/** Field 10 of proc_pid_stat(5); the name before may have blanks. */
function pagesAskedFor(): number {
  return Number(readFileSync("/proc/self/stat", "latin1").split(") ")[1]!.split(" ")[7]);
}

const encrypt = () => session.encryptSync(key, mechanism, data, { into });
for (let each = 0; each < TIMES; each++) encrypt();
const before = pagesAskedFor();
for (let each = 0; each < TIMES; each++) encrypt();
process.stdout.write(JSON.stringify((pagesAskedFor() - before) / TIMES));
await module.close();
