// cli/tokens/all_or_nothing.ts: a command that fails after it has made something leaves nothing of it on the token.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeName } from "../../internal/runtime.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";
import { TokenCommands } from "../_support/token_commands.ts";

/** The command line, run where no package is: it fails where it first needs one. */
function withoutPackages(args: readonly string[], environment: Readonly<Record<string, string>>) {
  const folder = temporaryFolder("packageless");
  for (const part of ["cli.ts", "cli", "ffi", "http", "internal", "session", "webcrypto"]) {
    cpSync(fileURLToPath(new URL(`../../${part}`, import.meta.url)), `${folder}/${part}`, { recursive: true });
  }
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
  const options = {
    deno: ["run", "-A", "--no-check", "--quiet", "--no-remote", "--no-npm"],
    bun: ["--no-install"],
    node: ["--no-warnings"],
  }[runtimeName() as "bun" | "deno" | "node"];
  const env = { ...process.env, ...environment };
  const { status, stderr } = spawnSync(process.execPath, [...options, "cli.ts", ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { code: status, errors: stderr };
}

describe("a command that fails when it has made something", { skip: softhsmSkip }, () => {
  let commands: TokenCommands;
  before(() => void (commands = new TokenCommands()));

  const held = async () =>
    (await commands.json<{ type: string; label: string }[]>("objects TOKEN")).map((each) =>
      `${each.type} ${each.label}`
    )
      .sort();

  it("leaves no key: keygen", async () => {
    const { environment, token, uri } = commands;
    const args = ["--module", token.module, "keygen", uri, "--type", "ec", "--label", "half"];
    const { code, errors } = withoutPackages(args, environment);
    assertStringIncludes(errors, "Cannot load the package @noble/curves");
    assertEquals(code, 1);
    assertEquals(await held(), []);
  });

  it("leaves the certificate that was there, and no other: certificate", async () => {
    await commands.done("keygen TOKEN --type ec --label own");
    await commands.done("certificate TOKEN;object=own --subject CN=first --days 9 --store");
    const before = await held();
    const value = await commands.done("export TOKEN;object=own;type=cert");
    for (const replace of ["", " --replace"]) {
      const line =
        `certificate TOKEN;object=own --subject CN=second --days 9 --store${replace} --out FOLDER/none/second.crt`;
      assertEquals((await commands.run(line)).code, 1);
      assertEquals(await held(), before);
    }
    assertEquals(await commands.done("export TOKEN;object=own;type=cert"), value);
  });
});
