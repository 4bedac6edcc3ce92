import { assertLess } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { programEnd, startProgram } from "../../_support/child_program.ts";
import { createSeparateToken, softhsmSkip as skip } from "../../_support/softhsm.ts";

const program = new URL("../../_support/memory_program.ts", import.meta.url);
const largeData = new URL("../../_support/large_data_program.ts", import.meta.url);
/** Pages in a mebibyte. */
const MEBIBYTE = 256;
/** Operations of a round; with `GP11_MEMORY_OPERATIONS` any number, and the growth is shown. */
const operations = process.env["GP11_MEMORY_OPERATIONS"] ?? "10000";

const glibcSkip = skip || (process.platform === "linux" ? false : "only glibc gives memory back at once");

describe("Memory", () => {
  it(
    "many operations grow the process only until its heaps have found their size",
    { skip, timeout: 240_000 },
    async () => {
      const { token, environment } = createSeparateToken();
      const showsAll = process.env["GP11_MEMORY_OPERATIONS"] ? ["all"] : [];
      const output = await outputOf(program, [token.module, token.userPin, operations, "14", ...showsAll], environment);
      const growths = JSON.parse(output) as number[];
      if (process.env["GP11_MEMORY_OPERATIONS"]) process.stderr.write(`MB in each round: ${output}\n`);
      // A leak grows in every round: 100 bytes for each operation would be 1 MB.
      assertLess(Math.min(...growths.slice(2)), 1);
    },
  );

  it("what a module frees after large data serves it again", { skip: glibcSkip, timeout: 60_000 }, async () => {
    const { token, environment } = createSeparateToken();
    const pages = JSON.parse(await outputOf(largeData, [token.module, token.userPin], environment)) as number;
    // Without it the module's four copies of a mebibyte come from the kernel each time.
    assertLess(pages, MEBIBYTE / 2);
  });
});

async function outputOf(program: URL, args: string[], environment: Record<string, string>): Promise<string> {
  const child = startProgram(program, args, environment);
  let output = "";
  child.stdout!.on("data", (chunk: unknown) => output += String(chunk));
  await programEnd(child);
  return output;
}
