// The sources as a program compiles them whose other packages bring newer types of Node than this project has.
import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readText } from "../_support/source_text.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const newer = "npm:@types/node@26.6.7";

function deno(args: readonly string[], cwd: string): { readonly passed: boolean; readonly output: string } {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8", env });
  return { passed: status === 0, output: `${stdout}${stderr}` };
}

function reasonToSkip(): string | false {
  if (!("Deno" in globalThis)) return "programs of other runtimes compile the package's declarations";
  const { passed } = deno(["cache", "--no-lock", "--quiet", newer], temporaryFolder("cached"));
  return passed ? false : `${newer} is neither in the cache nor can it be fetched`;
}

describe("with newer types of Node than its own", { skip: reasonToSkip() }, () => {
  it("every entry passes the type check of a program on Deno", () => {
    const folder = temporaryFolder("program");
    const { exports }: { exports: Record<string, string> } = JSON.parse(readText("deno.json"));
    writeFileSync(`${folder}/deno.json`, JSON.stringify({ links: [root], lock: false }));
    const imports = Object.keys(exports).map((entry) => `import "@gp11/gp11${entry.slice(1)}";\n`);
    // It has no code; what is imported of it makes its types those of the program.
    const types = `import manifest from "${newer}/package.json" with { type: "json" };\nvoid manifest;\n`;
    writeFileSync(`${folder}/program.ts`, `${types}${imports.join("")}`);
    const { passed, output } = deno(["check", "--quiet", "program.ts"], folder);
    assertEquals(output.trim(), "");
    assertEquals(passed, true);
  });
});
