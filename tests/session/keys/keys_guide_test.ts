// Every program of docs/keys-and-certificates.md runs as it stands, on a token of SoftHSM2; those that stand in examples/ are
// the same there.
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { guidePrograms, printedOnToken } from "../../_support/guide_programs.ts";
import { softhsmSkip } from "../../_support/softhsm.ts";

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

const programs = guidePrograms("docs/keys-and-certificates.md");

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
    const examples = outputs.map(([name], index) =>
      name === null ? programs[index]! : new URL(`examples/keys/${name}.ts`, root)
    );
    assertEquals(await printedOnToken(examples), outputs.map(([, output]) => output));
  });
});
