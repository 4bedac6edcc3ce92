// deno task bench [NAME...] [--json=FILE] [--docs]: measures this library against C and its peers, interleaved, as ratios.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setUp } from "../tools/setup.ts";
import { document } from "./document.ts";
import { reported } from "./report.ts";
import { surroundings } from "./surroundings.ts";

const benches: Record<string, () => Promise<void>> = {
  pkcs11: async () => await (await import("./pkcs11/run.ts")).benchPkcs11(),
  pkcs11js: async () => await (await import("./pkcs11/run.ts")).benchPkcs11js(),
  webcrypto: async () => await (await import("./webcrypto/run.ts")).benchWebcrypto(),
  http: async () => await (await import("./http/run.ts")).benchHttp(),
  "https-peers": async () => await (await import("./http/run.ts")).benchHttpsPeers(),
  https: async () => await (await import("./http/run_https.ts")).benchHttps(),
  signed: async () => await (await import("./http/run_signed.ts")).benchSigned(),
  "token-tls": async () => await (await import("./http/run_token_tls.ts")).benchTokenTls(),
  start: async () => await (await import("./start/run.ts")).benchStart(),
  scaling: async () => await (await import("./scaling/run.ts")).benchScaling(),
};

const { positionals, values: { docs, json } } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { docs: { type: "boolean", default: false }, json: { type: "string" } },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(benches);
for (const name of chosen) {
  if (Object.hasOwn(benches, name)) continue;
  throw new TypeError(`Cannot run the bench "${name}": it is none of ${Object.keys(benches).join(", ")}`);
}
await setUp("bench");
const around = await surroundings();
for (const name of chosen) {
  await benches[name]!();
  // After each, as later ones may fail, or take too long for whoever waits.
  const tables = reported().map((table) => ({ ...table, ...around }));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(tables, null, 1)}\n`);
  if (docs) document(tables);
}
