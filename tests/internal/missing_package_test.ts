// internal/builtin_modules.ts: where a package that is loaded on first use is missing, that is what a program is told.
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { describe, it } from "node:test";
import { runtimeName } from "../../internal/runtime.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const add = { deno: "deno add npm:", bun: "bun add ", node: "npm install " }[runtimeName() as "deno" | "bun" | "node"];

const program = `
import { generateKeyPairSync } from "node:crypto";
import { readKeySync } from "./session/keys/forms/read_key.ts";
import { CookieJar } from "./http/features/cookies/cookie_jar.ts";
import { parseStructuredList } from "./http/protocol/syntax.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ways = {
  public: () => readKeySync(publicKey.export({ format: "der", type: "spki" }), undefined),
  private: () => readKeySync(privateKey.export({ format: "der", type: "pkcs8" }), undefined),
  list: () => parseStructuredList("a"),
  cookies: () => new CookieJar().setCookie("a=1", "http://a.example/"),
};
for (const [name, way] of Object.entries(ways)) {
  try {
    way();
    console.log(name, "done");
  } catch (error) {
    console.log(name, error.message, error.cause !== undefined);
  }
}
`;

describe("A package that is not installed", () => {
  it("is named, with what installs it, in place of what the program's input would be wrong in", () => {
    const folder = temporaryFolder("missing");
    for (const part of ["ffi", "http", "internal", "session"]) {
      cpSync(fileURLToPath(new URL(`../../${part}`, import.meta.url)), `${folder}/${part}`, { recursive: true });
    }
    writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
    writeFileSync(`${folder}/program.ts`, program);
    const before = {
      deno: ["run", "-A", "--no-check", "--quiet", "--no-remote", "--no-npm"],
      bun: ["--no-install"],
      node: ["--no-warnings"],
    }[runtimeName() as "deno" | "bun" | "node"];
    const text = execFileSync(process.execPath, [...before, "program.ts"], { cwd: folder, encoding: "utf8" });
    const told = (name: string) =>
      `Cannot load the package ${name}: it is not installed here, or damaged; "${add}${name}" installs it true`;
    assertEquals(text.trim().split("\n"), [
      `public ${told("@noble/curves")}`,
      `private ${told("@noble/curves")}`,
      `list ${told("structured-headers")}`,
      `cookies ${told("tough-cookie")}`,
    ]);
  });
});
