// Runs a file of the Web Platform Tests for Web Cryptography with a token's Crypto in the place of the runtime's:
// webcrypto.ts FOLDER FILE MODULE LABEL PIN.
import process from "node:process";
import { Module } from "../../session/tokens/module.ts";
import { TokenCrypto, tokenCrypto, TokenCryptoKey } from "../../webcrypto/mod.ts";
import { runFile, setGlobals } from "./harness.ts";

const [folder, file, path, label, pin] = process.argv.slice(2) as [string, string, string, string, string];
const module = await Module.load(path, { managed: false });
const crypto = await tokenCrypto(await module.findSlot(label), { pin });
setGlobals({ crypto, Crypto: TokenCrypto, CryptoKey: TokenCryptoKey, SubtleCrypto: crypto.subtle.constructor });
await runFile({
  folder,
  file,
  // RSA keys take long: ten tests of each file are enough.
  location: `https://web-platform.test/${file}${file.includes("successes_RSA") ? "?1-10" : ""}`,
  // One file does not wait for the keys it brings in.
  prepared: (text) => text.replace("    importKeys().then((keys) => {", "    return importKeys().then((keys) => {"),
});
await crypto.close();
await module.close();
process.exit(0);
