// Every program of the two guides and the lifecycle example run as they stand.
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startProgram } from "../../_support/child_program.ts";

const modules = new URL("../../../http/mod.ts", import.meta.url).href;

/** Runs a program and gives its exit code and output. */
async function outcome(program: URL): Promise<[number | null, string]> {
  const child = startProgram(program, []);
  let output = "";
  child.stdout!.on("data", (chunk) => output += chunk);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return [code, output];
}

const expected: Record<string, string[]> = {
  "guide-fetch-users": [
    "/1 /2 /3 /4 /5 /6 shop/2.1\n4 connections were enough\n",
    "true true\ntrue\n",
    "no cookie\nseen=1\n4 requests\n",
    "100000 bytes\n",
    "100 %\nthanks\n",
    'Error: the line is dead\nbytes=4- "v1"\n0123456789\n',
  ],
  "http-ways": [
    "daemon/info\ndaemon/images\n200 daemon/containers\ndaemon/volumes\n",
  ],
  "guide-libsoup-users": [
    "wrote-headers 0\nwrote-body 0\ngot-headers 200\ngot-chunk 200\ngot-body 200\nfinished 200\ncallback 200 hello\n",
    "200 answer 3\n7 Connection terminated unexpectedly\n200\n",
    "200 welcome\n",
    "false true\n200 /new DELETE\n",
  ],
};

describe("the guides", () => {
  for (const [guide, outputs] of Object.entries(expected)) {
    it(`docs/${guide}.md runs and prints what it says`, async () => {
      const text = await readFile(new URL(`../../../docs/${guide}.md`, import.meta.url), "utf8");
      const programs = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
      assertEquals(programs.length, outputs.length);
      const folder = await mkdtemp(fileURLToPath(new URL("../../.guides-", import.meta.url)));
      try {
        // One process for all programs of a guide: each is a module, and a line tells where its output ends.
        let driver = "";
        for (const [index, program] of programs.entries()) {
          await writeFile(
            `${folder}/program${index}.ts`,
            program.replaceAll('"@gp11/gp11/http"', JSON.stringify(modules)),
          );
          driver += `await import("./program${index}.ts");\nconsole.log("----");\n`;
        }
        await writeFile(`${folder}/all.ts`, driver);
        const [code, output] = await outcome(pathToFileURL(`${folder}/all.ts`));
        assertEquals(code, 0);
        const printed = output.split("----\n").slice(0, -1);
        // How many pieces a body has is the runtime's affair: the last line of those that tell how far it is counts.
        assertEquals(printed.map((text) => text.replace(/^(?:\d+ (?:bytes|%)\n)*(\d+ (?:bytes|%)\n)/, "$1")), outputs);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  it("examples/http/lifecycle.ts prints the life of a request", async () => {
    const [code, output] = await outcome(new URL("../../../examples/http/lifecycle.ts", import.meta.url));
    assertEquals(code, 0);
    assert(output.endsWith("result   200: down the hole (3 attempts)\n"), output);
    assert(output.includes('session  authenticate        Basic "burrow"'), output);
  });
});
