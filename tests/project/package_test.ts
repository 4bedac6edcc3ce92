import { assert, assertEquals } from "@std/assert";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { librarySources, projectRoot, readText } from "../_support/source_text.ts";

const manifest = JSON.parse(readText("deno.json"));
const npmManifest = JSON.parse(readText("package.json"));
const offlineMap: Record<string, string> = JSON.parse(readText("tests/offline.import_map.json")).imports;

let published: Promise<string[]> | null = null;

/** The files that would be published, as `deno publish` lists them. */
function publishedFiles(): Promise<string[]> {
  return published ??= listedFiles();
}

async function listedFiles(): Promise<string[]> {
  const options = ["publish", "--dry-run", "--allow-dirty", "--no-check", "--allow-slow-types"];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, options, {
    cwd: fileURLToPath(projectRoot),
    env: { ...process.env, NO_COLOR: "1" },
  });
  return [...`${stdout}\n${stderr}`.matchAll(/^ +file:\/\/(\S+) \(/gm)]
    .map((match) => decodeURIComponent(match[1]!).slice(decodeURIComponent(projectRoot.pathname).length))
    .sort();
}

describe("the package", () => {
  it("holds the library's sources and its papers, and nothing else", async () => {
    const files = await publishedFiles();
    const papers = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json"];
    assertEquals(files, [...librarySources(), ...papers].sort());
  });

  it("holds no compiled code and runs nothing when it is installed", async () => {
    assertEquals((await publishedFiles()).filter((file) => /\.(node|so|dylib|dll|wasm|a|o)$/.test(file)), []);
    assertEquals(npmManifest.scripts, undefined);
  });

  it("depends on the same versions on every runtime", () => {
    const fromDeno = Object.entries<string>(manifest.imports)
      .filter(([, target]) => target.startsWith("npm:"))
      .map((
        [name, target],
      ) => [name, target.startsWith(`npm:${name}@`) ? target.slice(`npm:${name}@`.length) : target]);
    // What tests and examples alone use stands beside what the library does.
    assertEquals(Object.fromEntries(fromDeno), { ...npmManifest.devDependencies, ...npmManifest.dependencies });
    assertEquals(npmManifest.version, manifest.version);
  });

  it("has the same name and entries where it is installed as a folder", () => {
    assertEquals(npmManifest.name, manifest.name);
    assertEquals(npmManifest.exports, { ...manifest.exports, "./package.json": "./package.json" });
  });

  it("resolves the same names offline", () => {
    for (const [name, target] of Object.entries<string>(manifest.imports)) {
      if (target.startsWith("npm:")) assertEquals(offlineMap[name], target);
    }
    for (const entry of Object.keys(manifest.exports)) {
      assert(offlineMap[entry.replace(".", manifest.name)], `${entry} is missing from tests/offline.import_map.json`);
    }
  });
});
