import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What a program in a folder of its own prints. */
function output(imported: string): string {
  const folder = temporaryFolder("program");
  writeFileSync(`${folder}/deno.json`, JSON.stringify({ links: [root], lock: false }));
  const names = "CookieJar, HttpSession, Module";
  writeFileSync(
    `${folder}/program.ts`,
    `import { ${names} } from ${JSON.stringify(imported)};\nconsole.log([${names}].map(({ name }) => name).join());\n`,
  );
  return execFileSync(process.execPath, ["run", "-A", "--no-check", "program.ts"], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("A program in another folder that links the clone", () => {
  it("imports mod.ts by its path, with what it needs from npm", () => {
    assertEquals(output(`${root}/mod.ts`), "CookieJar,HttpSession,Module\n");
  });
});

describe("What the tasks install", () => {
  it("is locked with its hash, every library that the manifests name and those they bring", () => {
    const read = (name: string) => readFileSync(`${root}/${name}`, "utf8");
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(read("package.json"));
    const npm: Record<string, { integrity: string }> = JSON.parse(read("deno.lock")).npm;
    for (const [name, version] of Object.entries(dependencies)) assertEquals(`${name}@${version}` in npm, true, name);
    assertEquals(Object.keys(npm).some((name) => /^tldts@\d+\.\d+\.\d+$/.test(name)), true);
    for (const [name, { integrity }] of Object.entries(npm)) {
      assertEquals(read("bun.lock").includes(`"${name}"`), true, name);
      assertEquals(read("bun.lock").includes(integrity), true, name);
    }
  });
});
