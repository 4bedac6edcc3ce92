import { assert, assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createToken, softhsmSkip, type TestToken } from "../_support/softhsm.ts";
import { projectRoot, readText } from "../_support/source_text.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const readme = readText("README.md");
const modulePath = "/usr/lib/softhsm/libsofthsm2.so";

/** The flags of the README's first row, which are for a PKCS#11 module by path. */
function documentedFlags(module: string): string[] {
  const row = readme.split("\n").find((line) => line.startsWith("| a PKCS#11 module by path"));
  const flags = /`(--allow[^`]+)`/.exec(row ?? "")?.[1];
  assert(flags, "README.md has no flags for a PKCS#11 module by path");
  return flags.replace(modulePath, module).split(" ");
}

/** The first example, with the module, the label and the PIN of a token made for it. */
function firstExample({ label, module, userPin }: TestToken): string {
  const code = /```ts ignore\n([^]*?)```/.exec(readme)?.[1];
  const places = [modulePath, '"keys"', '"1234"'];
  assert(code !== undefined && places.every((place) => code.includes(place)), "README.md has no first example");
  return code.replace(modulePath, module).replace('"keys"', JSON.stringify(label)).replace(
    '"1234"',
    JSON.stringify(userPin),
  );
}

describe("the README", () => {
  const linux = process.platform === "linux" && process.arch === "x64";
  const skip = softhsmSkip || (linux ? false : "the README's paths are those of Linux on x86-64");

  it("has a first example that runs with exactly the flags it names", { skip }, async () => {
    const token = createToken();
    const file = `${temporaryFolder("readme")}/example.ts`;
    writeFileSync(file, firstExample(token));
    const importMap = `--import-map=${fileURLToPath(new URL("tests/offline.import_map.json", projectRoot))}`;
    const args = ["run", "--no-prompt", "--quiet", importMap, ...documentedFlags(token.module), file];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 240_000 });
    assertEquals(stdout, "true\n");
  });
});
