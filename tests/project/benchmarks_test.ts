// About bench/document.ts: the page of benchmarks says what its data say.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { measuredTables, page } from "../../bench/document.ts";

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

  it("says what it takes where it is asked, and where it is given something else", () => {
    const { status, stdout: usage } = run("--help");
    assertEquals(status, 0);
    assertMatch(usage, /^Usage: deno task bench \[pkcs11\|.+\]… \[--json=FILE\] \[--docs\]\n/);
    for (const wrong of ["--jsno=a", "pkcs12"]) {
      const { status, stdout, stderr } = run(wrong);
      assertEquals([status, stderr], [1, ""]);
      assert(stdout.includes(wrong.split("=")[0]!) && stdout.endsWith(usage), stdout);
    }
  });

  it("has every name of the guide, and the guide every name of it", () => {
    const names = /\[(pkcs11\|.+?)\]/.exec(run("--help").stdout)![1]!.split("|");
    const guide = readFileSync(new URL("performance.md", docs), "utf8");
    const rows = [.../\| Name +\| Measures[^]+?\n\n/.exec(guide)![0].matchAll(/^\| (`[^|]+)\|/gm)];
    assertEquals(
      rows.flatMap(([, cell]) => [...cell!.matchAll(/`(.+?)`/g)].map(([, name]) => name!)).sort(),
      names.sort(),
    );
  });
});
