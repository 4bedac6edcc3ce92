// Runs jose's own tests with a token's Crypto in the place of the runtime's, which is all that jose knows:
// program.ts FOLDER MODULE LABEL PIN. The folder has qunit, and the tests as out/tap/run.js and out/src/index.js.
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { Module } from "../../session/tokens/module.ts";
import { tokenCrypto, TokenCryptoKey } from "../../webcrypto/mod.ts";

const [folder, path, label, pin] = process.argv.slice(2) as [string, string, string, string];
const module = await Module.load(path, { managed: false });
const crypto = await tokenCrypto(await module.findSlot(label), { pin });
for (const [name, value] of Object.entries({ crypto, CryptoKey: TokenCryptoKey })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
const load = (name: string) => import(pathToFileURL(join(folder, name)).href);
const QUnit = createRequire(pathToFileURL(join(folder, "package.json")))("qunit");
const [{ default: begin }, jose] = await Promise.all([load("out/tap/run.js"), load("out/src/index.js")]);
const { failed } = await new Promise<{ failed: number }>((resolve) => begin(QUnit, jose, jose, resolve));
process.exit(failed === 0 ? 0 : 1);
