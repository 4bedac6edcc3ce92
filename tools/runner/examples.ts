// The examples of the documentation as one test file: each is a module and a test of its own, and all share a process that
// loads the library once. `deno test --doc` starts anew for each.
import { join } from "node:path";

/** An example: the lines of a fenced block of TypeScript. */
interface Example {
  /** The line its code begins at, counted from 1. */
  readonly line: number;
  /** Its code. */
  readonly code: string;
}

const OPENING = /^[\s*]*```(?:ts|typescript)\s*$/;
const CLOSING = /^[\s*]*```\s*$/;

/** Whether a text has an example that runs; those that say `ignore` do not. */
export function hasExample(text: string): boolean {
  return text.split("\n").some((line) => OPENING.test(line));
}

/** The examples in a paper, or in the comments of a source. */
export function examplesIn(text: string, isSource: boolean): Example[] {
  const examples: Example[] = [];
  let lines: string[] | null = null;
  let from = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (lines === null) {
      if (!OPENING.test(line)) continue;
      lines = [];
      from = index + 2;
    } else if (CLOSING.test(line)) {
      examples.push({ line: from, code: lines.join("\n") });
      lines = null;
    } else lines.push(isSource ? line.replace(/^\s*\* ?/, "") : line);
  }
  return examples;
}

/** Writes the examples of the files and a test that runs them into a folder; answers the path of the test. */
export async function writeExamples(files: readonly string[], folder: string): Promise<string> {
  const tests: string[] = [];
  for (const file of files) {
    for (const { line, code } of examplesIn(await Deno.readTextFile(file), file.endsWith(".ts"))) {
      const name = `example_${tests.length}.ts`;
      await Deno.writeTextFile(join(folder, name), `${code}\nexport {};\n`);
      tests.push(`Deno.test(${JSON.stringify(`${file}:${line}`)}, async () => void await import("./${name}"));\n`);
    }
  }
  const path = join(folder, "examples_test.ts");
  await Deno.writeTextFile(path, tests.join(""));
  return path;
}
