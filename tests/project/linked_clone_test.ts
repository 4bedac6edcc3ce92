import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { programOrSkip } from "../_support/runtime_programs.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const node = await programOrSkip("node");
const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What a program in a folder of its own prints; `config` is its deno.json, `args` are given to `deno run`. */
function output(imported: string, { config, args = [] }: { config?: unknown; args?: string[] }): string {
  const folder = temporaryFolder("program");
  if (config !== undefined) writeFileSync(`${folder}/deno.json`, JSON.stringify(config));
  const names = "CookieJar, HttpSession, Module";
  writeFileSync(
    `${folder}/program.ts`,
    `import { ${names} } from ${JSON.stringify(imported)};\nconsole.log([${names}].map(({ name }) => name).join());\n`,
  );
  return execFileSync(process.execPath, ["run", "-A", "--no-check", ...args, "program.ts"], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What is published of the clone, in a folder. */
function unpackedPackage(): string {
  const folder = temporaryFolder("unpacked");
  const { publish }: { publish: { include: string[] } } = JSON.parse(readFileSync(`${root}/deno.json`, "utf8"));
  for (const path of publish.include) cpSync(`${root}/${path}`, `${folder}/${path}`, { recursive: true });
  return folder;
}

describe("A program in another folder", () => {
  const printed = "CookieJar,HttpSession,Module\n";

  it("links the clone or an unpacked package, and imports mod.ts by its path or the package by its name", () => {
    for (const folder of [root, unpackedPackage()]) {
      for (const imported of [`${folder}/mod.ts`, "@gp11/gp11"]) {
        assertEquals(output(imported, { config: { links: [folder], lock: false } }), printed, imported);
      }
    }
  });

  it("runs without a deno.json of its own with that of the clone or of an unpacked package", () => {
    for (const folder of [root, unpackedPackage()]) {
      const args = ["--config", `${folder}/deno.json`, "--no-lock"];
      for (const imported of [`${folder}/mod.ts`, "@gp11/gp11"]) assertEquals(output(imported, { args }), printed);
    }
  });
});

describe("A clone that is installed by its folder", () => {
  const printed = "CookieJar,HttpSession,tokenCrypto\n";
  const program = `import { CookieJar, HttpSession } from "@gp11/gp11";
import { tokenCrypto } from "@gp11/gp11/webcrypto";
console.log([CookieJar, HttpSession, tokenCrypto].map(({ name }) => name).join());
`;

  /** The clone with what \`npm install\` in it leaves, and an empty folder with a program that uses it. */
  function folders() {
    const clone = unpackedPackage();
    cpSync(`${root}/package.json`, `${clone}/package.json`);
    symlinkSync(`${root}/node_modules`, `${clone}/node_modules`);
    const folder = temporaryFolder("user");
    writeFileSync(`${folder}/package.json`, JSON.stringify({ type: "module", private: true }));
    writeFileSync(`${folder}/program.ts`, program);
    const run = (file: string, ...args: string[]) =>
      execFileSync(file, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    return { clone, folder, run };
  }

  it("by npm is a link, which Bun and Node run", { skip: node.skip }, async () => {
    const { clone, run } = folders();
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--install-links=false", clone);
    assertEquals(run(await runtimeProgram("bun"), "program.ts"), printed);
    assertEquals(run(node.program, "program.ts"), printed);
  });

  it("by Bun is a copy, which Bun runs", async () => {
    const { clone, run } = folders();
    const bun = await runtimeProgram("bun");
    run(bun, "add", "--silent", clone);
    assertEquals(run(bun, "program.ts"), printed);
  });

  it("by a file: address in package.json is run by Deno", () => {
    const { clone, folder, run } = folders();
    const dependencies = { "@gp11/gp11": `file:${clone}` };
    writeFileSync(`${folder}/package.json`, JSON.stringify({ type: "module", private: true, dependencies }));
    run(process.execPath, "install", "--quiet", "--no-lock");
    assertEquals(run(process.execPath, "run", "-A", "--no-check", "--no-lock", "program.ts"), printed);
  });
});

describe("What the tasks install", () => {
  it("is locked with its hash, every library that the manifests name and those they bring", () => {
    const read = (name: string) => readFileSync(`${root}/${name}`, "utf8");
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(read("package.json"));
    const npm: Record<string, { integrity: string }> = JSON.parse(read("deno.lock")).npm;
    // Deno adds what a library finds of its peers.
    const withoutPeers = (name: string) => name.replace(/(@\d[^_@]*)_.+$/, "$1");
    const locked = Object.keys(npm).map(withoutPeers);
    for (const [name, version] of Object.entries(dependencies)) {
      const wanted = version.startsWith("npm:") ? version.slice("npm:".length) : `${name}@${version}`;
      assertEquals(locked.includes(wanted), true, name);
    }
    assertEquals(Object.keys(npm).some((name) => /^tldts@\d+\.\d+\.\d+$/.test(name)), true);
    for (const [name, { integrity }] of Object.entries(npm)) {
      assertEquals(read("bun.lock").includes(`"${withoutPeers(name)}"`), true, name);
      assertEquals(read("bun.lock").includes(integrity), true, name);
    }
  });
});
