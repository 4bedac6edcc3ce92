// Every program of docs/keys-and-certificates.md runs as it stands, on a token of SoftHSM2; those that stand in examples/ are
// the same there.
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip } from "../../_support/softhsm.ts";

const root = new URL("../../../", import.meta.url);

/** The programs in the guide's order; those with a name are examples. */
const outputs: readonly (readonly [name: string | null, output: string])[] = [
  ["sign_release", "Verified OK\n"],
  ["import_certificate", "CN=mail.example true\ntrue\n"],
  ["small_ca", "CN=server.example by CN=Example CA: server.example, 192.0.2.1\n"],
  ["rotate_key", "3\ntrue\n"],
  ["watch_reader", "inserted keys\n"],
  [null, "ES256 20\n"],
];

const guide = readFileSync(new URL("docs/keys-and-certificates.md", root), "utf8");
const programs = [...guide.matchAll(/```ts ignore\n([\s\S]*?)```/g)].map((match) => match[1]!);

describe("docs/keys-and-certificates.md", () => {
  it("has the programs of examples/, word for word", () => {
    assertEquals(programs.length, outputs.length);
    for (const [index, [name]] of outputs.entries()) {
      if (name === null) continue;
      const example = readFileSync(new URL(`examples/keys/${name}.ts`, root), "utf8");
      assertEquals(example.slice(example.indexOf(" */\n") + 4), programs[index], name);
    }
  });

  it("has programs that run and print what they should", { skip: softhsmSkip }, async () => {
    const { token, environment } = createSeparateToken();
    const more = ["--init-token", "--free", "--label", "keys", "--pin", "1234", "--so-pin", "12345678"];
    execFileSync("softhsm2-util", ["--module", token.module, ...more], { env: { ...process.env, ...environment } });
    const folder = mkdtempSync(`${fileURLToPath(root)}.keys-guide-`);
    try {
      // One process for all of them: each is a module, and a line tells where its output ends.
      const paths = outputs.map(([name], index) =>
        name === null ? `./program${index}.ts` : `../examples/keys/${name}.ts`
      );
      for (const [index, [name]] of outputs.entries()) {
        const program = programs[index]!.replace('"@gp11/gp11"', '"../mod.ts"');
        if (name === null) writeFileSync(`${folder}/program${index}.ts`, program);
      }
      writeFileSync(
        `${folder}/all.ts`,
        paths.map((path) => `await import("${path}");\nconsole.log("----");\n`).join(""),
      );
      const child = startProgram(pathToFileURL(`${folder}/all.ts`), [], {
        ...environment,
        PKCS11_MODULE: token.module,
      });
      const printed = await text(child.stdout!);
      await programEnd(child);
      assertEquals(printed.split("----\n").slice(0, -1), outputs.map(([, output]) => output));
      assertEquals(child.exitCode, 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
