// What a process of the suite says outside its report: how it died, what it could not load, why tests were skipped.
import { resolve } from "node:path";
import type { TestCase } from "./junit.ts";
import type { Suite } from "./plan.ts";
import type { RunResult } from "./process.ts";

/** How a process was ended before its time; null when it ended of itself. */
export function deathOf(result: RunResult): string | null {
  if (result.timedOut) return `stopped after ${Math.round(result.ms / 1000)} s, the last ones silent`;
  if (result.signal === null && result.code < 128) return null;
  return `died by ${result.signal ?? `exit code ${result.code}`}`;
}

/** What went wrong outside the tests. */
export function problemsOf(suite: Suite, tests: readonly TestCase[], result: RunResult): string[] {
  const ending = lastWords(result);
  const death = deathOf(result);
  if (death !== null) return [`${death}; ${ending}`];
  const problems = errorsOutsideTests(suite, result.output);
  if (problems.length === 0 && tests.length === 0) return [`ran no test; ${ending}`];
  for (const file of filesWithoutTests(suite, tests, result.output)) {
    if (!problems.some((problem) => problem.startsWith(`./${file} `))) problems.push(`${file} holds no test`);
  }
  const failed = tests.some((test) => test.outcome === "failed");
  if (problems.length === 0 && !failed && result.code !== 0) {
    problems.push(`ended with exit code ${result.code}; ${ending}`);
  }
  return problems;
}

function lastWords(result: RunResult): string {
  return `its last words:\n${result.output.trimEnd().split("\n").slice(-60).join("\n")}`;
}

/** The tests with what the output tells of them and the report does not. */
export function withReasons(tests: readonly TestCase[], result: RunResult): TestCase[] {
  const told = reasonsOfSkips(result.output);
  const firstCancelled = tests.find(({ detail }) => detail.includes("failureType: 'cancelledByParent'"));
  return tests.map((test) => {
    // Node reports a file that did not load, or died, without a cause, and tests whose hook failed.
    if (test.detail.includes("cause: 'test failed'") || test === firstCancelled) {
      return { ...test, detail: `${test.detail}\n${lastWords(result)}` };
    }
    if (test.outcome !== "skipped" || test.detail !== "") return test;
    return { ...test, detail: told.get(`${test.file} > ${test.name}`) ?? told.get(test.name) ?? "" };
  });
}

/** By the whole name of the test: tests/_std/node_test.ts prints what Deno's report leaves out. */
function reasonsOfSkips(output: string): Map<string, string> {
  const lines = output.matchAll(/^# skipped (\[.*\])$/gm);
  return new Map([...lines].map(([, pair]) => JSON.parse(pair!) as [name: string, reason: string]));
}

/** What neither Deno's nor Bun's report holds: errors thrown while a file loads or between two tests. */
function errorsOutsideTests(suite: Suite, output: string): string[] {
  if (suite.runtime === "deno") {
    const errors = output.matchAll(/^(\S+ \(uncaught error\))\n(error: [^]*?)\nThis error was not caught/gm);
    return [...errors].map(([, title, error]) => `${title};\n${error}`);
  }
  const count = suite.runtime === "bun" ? Number(/^ (\d+) errors?$/m.exec(output)?.[1] ?? 0) : 0;
  const errors = [...output.matchAll(/^# (Unhandled error[^\n]*)\n-+\n([^]*?)\n-+$/gm)]
    .map(([, title, error]) => `${title};\n${error}`);
  return errors.length > 0 || count === 0 ? errors : [`${count} errors outside the tests; ${output}`];
}

/** A group with a reason to be skipped, and its name as it stands in the source. */
const SKIPPABLE_GROUP = /\bdescribe\(\s*("(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`),\s*\{[^}]*\bskip\b/g;

/** Bun's report leaves out groups that are skipped as a whole: they are told as Deno's and Node's tell them. */
export function skippedGroups(suite: Suite, tests: readonly TestCase[]): TestCase[] {
  if (suite.runtime !== "bun") return [];
  return suite.files.flatMap((file) => {
    const groups = new Set(
      tests.filter((test) => test.file !== null && resolve(test.file) === resolve(file))
        .flatMap(({ name }) => name.split(" > ").slice(0, -1)),
    );
    return [...Deno.readTextFileSync(file).matchAll(SKIPPABLE_GROUP)].map((match) => match[1]!)
      .filter((literal) => ![...groups].some((group) => namePattern(literal).test(group)))
      .map((literal) => ({ name: literal.slice(1, -1), file, outcome: "skipped", detail: "", ms: 0 }));
  });
}

/** What a name comes to where it runs: parts of it may be worked out there. */
function namePattern(literal: string): RegExp {
  const parts = literal.slice(1, -1).split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/\\(.)/g, "$1"));
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
}

function filesWithoutTests(suite: Suite, tests: readonly TestCase[], output: string): string[] {
  // Node 22 tells of no file: a process of one needs none to be told.
  if (suite.documentation || (suite.files.length === 1 && tests.length > 0)) return [];
  // Where a report does not tell the file of every test, Deno's output tells which files have some.
  const printed = output.matchAll(/^running [1-9]\d* tests? from \.\/(\S+)$/gm);
  const withTests = [...tests.map((test) => test.file), ...[...printed].map((match) => match[1])];
  const paths = new Set(withTests.map((file) => resolve(file ?? "")));
  return suite.files.filter((file) => !paths.has(resolve(file)));
}
