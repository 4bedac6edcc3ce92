// A program for Deno that signs in place and on worker threads; whoever starts it says what it may do.
import process from "node:process";
import { CKM } from "../../ffi/constants/mod.ts";
import { Module } from "../../session/tokens/module.ts";
import type { ModuleOptions } from "../../session/managed/options.ts";

const [path, pin, managed] = process.argv.slice(2) as [string, string, string];
const data = new Uint8Array(32);
const options: ModuleOptions = managed === "auto" ? {} : { managed: managed === "gp11" ? "gp11" : false };
const module = Module.loadSync(path, options);
const [slot] = module.slotsSync({ tokenPresent: true });
await using session = await slot!.openSession({ readWrite: true, login: { pin } });
const key = session.generateKeySync(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, token: false, sign: true });
const signature = session.signSync(key, CKM.SHA256_HMAC, data);
const [first, second] = await Promise.all([1, 2].map(() => session.sign(key, CKM.SHA256_HMAC, data)));
if (String(first) !== String(signature) || String(second) !== String(signature)) throw new Error("wrong signature");
await module.close();
process.stdout.write(`signed ${module.managed}\n`);
