// deno task bench [NAME...] [--json=FILE] [--docs]: measures this library against C and its peers, interleaved, as ratios.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { say } from "../tools/say.ts";
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

const usage = `Usage: deno task bench [${Object.keys(benches).join("|")}]… [--json=FILE] [--docs]
  --json=FILE  writes the tables as data, too
  --docs       makes docs/benchmarks.md anew
Without a name all of them run, which takes some minutes on an idle machine.`;

function parseArguments(args: string[]) {
  const { positionals: names, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      docs: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      json: { type: "string" },
    },
  });
  const unknown = names.find((name) => !Object.hasOwn(benches, name));
  if (unknown !== undefined) throw new TypeError(`Cannot run the bench "${unknown}": there is none of this name`);
  return { ...values, chosen: names.length > 0 ? names : Object.keys(benches) };
}

async function measure({ chosen, docs, json }: ReturnType<typeof parseArguments>): Promise<void> {
  await setUp("bench");
  const around = await surroundings();
  for (const name of chosen) {
    await benches[name]!();
    // After each, as later ones may fail, or take too long for whoever waits.
    const tables = reported().map((table) => ({ ...table, ...around }));
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(tables, null, 1)}\n`);
    if (docs) document(tables);
  }
}

let chosen: ReturnType<typeof parseArguments> | null = null;
try {
  chosen = parseArguments(Deno.args);
} catch (error) {
  say(`${(error as Error).message}\n${usage}`);
  Deno.exitCode = 1;
}
if (chosen?.help) say(usage);
else if (chosen !== null) await measure(chosen);
