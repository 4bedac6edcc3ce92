// deno task check: everything about the sources that can be told without running them. All checks run; all failures are shown.
import { existsSync } from "node:fs";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

const importMap = "--import-map=tests/offline.import_map.json";
const folders = [
  "ffi",
  "session",
  "http",
  "webcrypto",
  "pkcs11js",
  "opentelemetry",
  "cli",
  "internal",
  "tests",
  "tools",
  "examples",
  "bench",
];

/** The public entries, as deno.json exports them. */
function entries(): string[] {
  const manifest: { exports: Record<string, string> } = JSON.parse(Deno.readTextFileSync("deno.json"));
  return Object.values(manifest.exports);
}

/** All files below a folder whose name ends so. */
function* sources(folder: string, ending = ".ts"): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory && entry.name !== "node_modules") yield* sources(path, ending);
    else if (entry.isFile && entry.name.endsWith(ending)) yield path;
  }
}

/** The names of the files; `deno fmt` itself does the rest. */
function unformatted(output: string): string {
  return [...output.matchAll(/^from (.+):$/gm)].map((match) => `${match[1]} is not formatted`).join("\n");
}

async function main(): Promise<number> {
  const files = folders.filter((folder) => existsSync(folder)).flatMap((folder) => [...sources(folder)]);
  const documented = [
    "README.md",
    ...sources("docs", ".md"),
    ...entries(),
    ...files.filter((file) => !/^tests|^tools/.test(file)),
  ];
  const checks: [name: string, ...args: string[]][] = [
    ["format", "fmt", "--check"],
    ["lint", "lint", "--quiet"],
    ["types", "check", "--quiet", importMap, ...entries(), ...files],
    ["examples", "check", "--quiet", "--doc-only", importMap, ...documented],
    ["documentation", "doc", "--lint", ...entries()],
    ["package", "publish", "--dry-run", "--allow-dirty", "--quiet"],
  ];
  let failed = 0;
  for (const [name, ...args] of checks) {
    const result = await run([Deno.execPath(), ...args], { env: { NO_COLOR: "1" }, timeoutMs: 240_000 });
    const ok = result.code === 0;
    if (!ok) failed++;
    say(`${ok ? "ok  " : "FAIL"} ${name.padEnd(14)} ${(result.ms / 1000).toFixed(1)} s`);
    if (!ok) say(`\n${name === "format" ? unformatted(result.output) : result.output.trimEnd()}\n`);
  }
  return failed === 0 ? 0 : 1;
}

Deno.exitCode = await main();
