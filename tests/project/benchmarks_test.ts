// About bench/document.ts: the page of benchmarks says what its data say.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { benches, chosenBenches } from "../../bench/benches.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";
import { measuredTables, page } from "../../bench/document.ts";
import { measureRounds, medianRows } from "../../bench/measure.ts";

const docs = new URL("../../docs/", import.meta.url);

describe("the page of benchmarks", () => {
  it("is what its data make of it, with every picture", () => {
    const tables = measuredTables();
    assert(tables.length > 5);
    assertEquals(readFileSync(new URL("benchmarks.md", docs), "utf8"), page(tables));
    for (const { name, plot } of tables) {
      assertEquals(existsSync(new URL(`benchmarks/${name}.svg`, docs)), plot !== undefined, name);
    }
  });
});

describe("deno task bench", { skip: "Deno" in globalThis ? false : "it runs on Deno alone" }, () => {
  const script = fileURLToPath(new URL("../../bench/run.ts", import.meta.url));
  const map = fileURLToPath(new URL("../offline.import_map.json", import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["run", "-A", "--no-check", `--import-map=${map}`, script, ...args], {
      encoding: "utf8",
    });

  it("keeps the rates of a contestant that fails in a later round, and of the others", async () => {
    const mark = `${temporaryFolder("rounds")}/once`;
    const failing = `test -e ${mark} && exit 139; touch ${mark}; echo '{"calls": 2}'`;
    const rounds = await measureRounds([
      { name: "peer", command: ["sh", "-c", failing] },
      { name: "own", command: ["sh", "-c", `echo '{"calls": 4}'`] },
    ], 3);
    assertEquals(rounds.map((rates) => [...rates.keys()]), [["peer", "own"], ["own"], ["own"]]);
    assertEquals(medianRows(rounds, ["calls"], ["peer", "own"]), [{ name: "calls", cells: [2, 4] }]);
  });

  it("says what it takes where it is asked, and where it is given something else", () => {
    const { status, stdout: usage } = run("--help");
    assertEquals(status, 0);
    assertMatch(usage, /^Usage: deno task bench \[NAME\]… \[--json=FILE\] \[--docs\]\n/);
    for (const wrong of ["--jsno=a", "pkcs12"]) {
      const { status, stdout, stderr } = run(wrong);
      assertEquals([status, stderr], [2, ""]);
      assert(stdout.includes(wrong.split("=")[0]!) && stdout.endsWith(usage), stdout);
    }
  });

  it("lists every benchmark with what it measures, and every table of the page with the benchmark that reports it", () => {
    const usage = run("--help").stdout;
    for (const [name, { measures, tables }] of Object.entries(benches)) {
      assert(usage.includes(`  ${name} `) && usage.includes(measures), name);
      if (tables !== undefined) assert(usage.includes(`tables: ${tables.join(", ")}\n`), name);
    }
    const reported = Object.entries(benches).flatMap(([name, { tables }]) => tables ?? [name]);
    assertEquals(measuredTables().map(({ name }) => name).sort(), reported.sort());
  });

  it("leaves no folder behind when it is stopped", async () => {
    const [folder, scratch] = [temporaryFolder("stopped-bench"), temporaryFolder("scratch")];
    const from = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
    writeFileSync(
      `${folder}/bench.ts`,
      `import { endOnSignals, measureRounds } from ${from("bench/measure.ts")};
      import { benchToken } from ${from("bench/token.ts")};
      import { temporaryFolder } from ${from("tests/_support/temporary_folder.ts")};
      endOnSignals();
      temporaryFolder("work");
      ${softhsmSkip ? "" : "using token = benchToken();"}
      console.log("ready");
      await measureRounds([{ name: "sleeper", command: ["sleep", "1000"] }], 1);`,
    );
    const args = ["run", "-A", "--no-check", `--import-map=${map}`, `${folder}/bench.ts`];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const bench = spawn(process.execPath, args, {
        env: { ...process.env, TMPDIR: scratch },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const closed = once(bench, "close");
      await once(bench.stdout!, "data");
      assert(readdirSync(scratch).length > 0);
      bench.kill(signal);
      await closed;
      assertEquals(readdirSync(scratch), []);
    }
  });

  it("runs for a table's name the benchmark that reports it, once, in the benchmarks' order", () => {
    const [http, pkcs11, start] = ["http", "pkcs11", "start"].map((name) => benches[name]!);
    assertEquals(chosenBenches(["start-bun", "http-node", "http", "start-ratio-node"]), [http!, start!]);
    assertEquals(chosenBenches(["pkcs11"]), [pkcs11!]);
    assertEquals(chosenBenches([]), Object.values(benches));
  });
});
