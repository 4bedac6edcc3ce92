// What the Web Cryptography API of a token costs beyond the session's own calls, on each runtime.
import { cpSync } from "node:fs";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { measureOnRuntimes } from "../on_runtimes.ts";
import { pkcs11jsFolder } from "../peers.ts";
import { benchToken } from "../token.ts";

const SECONDS = "1";
/** A folder outside the project for what is compiled or installed. */
const WORK = temporaryFolder("bench-webcrypto");

/** Runs the benchmark and prints its table. */
export async function benchWebcrypto(): Promise<void> {
  using token = benchToken();
  const peer = pkcs11jsFolder(`${WORK}/peer`);
  // Two libraries that do not know of each other cannot share one module.
  const copy = `${WORK}/peer_module.so`;
  cpSync(token.args[0]!, copy);
  await measureOnRuntimes(new URL("sign.ts", import.meta.url), {
    args: [...token.args, SECONDS],
    env: { ...token.env, ...peer === null ? {} : { PKCS11JS_FOLDER: peer, PEER_MODULE: copy } },
    rounds: 5,
    name: "webcrypto",
    unit: "µs per call",
    plot: "bars",
    title: "subtle.sign of a TokenCrypto: microseconds for a call, medians of the rounds",
    digits: 1,
  });
}
