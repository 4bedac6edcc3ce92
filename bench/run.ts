// deno task bench [NAME...] [--json=FILE] [--docs]: measures this library against C and its peers, interleaved, as ratios.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { say } from "../tools/say.ts";
import { setUp } from "../tools/setup.ts";
import { benchLines, chosenBenches } from "./benches.ts";
import { document } from "./document.ts";
import { endOnSignals } from "./measure.ts";
import { reported } from "./report.ts";
import { surroundings } from "./surroundings.ts";

const usage = `Usage: deno task bench [NAME]… [--json=FILE] [--docs]
  --json=FILE  writes the tables as data, too
  --docs       makes docs/benchmarks.md anew

A NAME is that of a benchmark, or of one of its tables:
${benchLines().join("\n")}

Without a name all of them run, which takes most of an hour on an idle machine.`;

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
  return { ...values, chosen: chosenBenches(names) };
}

async function measure({ chosen, docs, json }: ReturnType<typeof parseArguments>): Promise<void> {
  endOnSignals();
  await setUp("bench");
  const around = await surroundings();
  for (const bench of chosen) {
    await bench.run();
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
  Deno.exitCode = 2;
}
if (chosen?.help) say(usage);
else if (chosen !== null) await measure(chosen);
