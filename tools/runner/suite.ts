// Runs the files of a suite, and goes on without the file that ends the process they share.
import type { TestCase } from "./junit.ts";
import type { Suite } from "./plan.ts";
import { type ProcessResult, runProcess } from "./suite_process.ts";

/** What the files of a suite came to. */
export interface SuiteResult {
  /** The suite. */
  readonly suite: Suite;
  /** Every test that was reported. */
  readonly tests: readonly TestCase[];
  /** What went wrong outside the tests: a crash, a time-out, a file that did not load. */
  readonly problems: readonly string[];
  /** Milliseconds it took. */
  readonly ms: number;
}

/** What is done after a process has ended. */
interface Aftermath {
  /** The tests that count. */
  readonly tests: readonly TestCase[];
  readonly problems: readonly string[];
  /** Files to run again, those of a list in one process. */
  readonly left: readonly (readonly string[])[];
}

/** Runs a suite. A file that ends the process is a failure; the others then run without it. */
export async function runSuite(suite: Suite, program: string): Promise<SuiteResult> {
  const tests: TestCase[] = [];
  const problems: string[] = [];
  const waiting = [suite.files];
  let ms = 0;
  for (let files = waiting.shift(); files; files = waiting.shift()) {
    const result = await runProcess({ ...suite, files }, program);
    const after = aftermath(files, result);
    ms += result.ms;
    tests.push(...after.tests);
    problems.push(...after.problems);
    if (!suite.documentation) waiting.push(...after.left);
  }
  return { suite, tests, problems, ms };
}

function aftermath(files: readonly string[], result: ProcessResult): Aftermath {
  const { progress, death, tests, problems } = result;
  if (progress === null) {
    // Nothing tells which file it was: alone, each tells for itself.
    const left = death !== null && files.length > 1 ? files.map((file) => [file]) : [];
    return { tests: left.length > 0 ? [] : tests, problems, left };
  }
  const { last, begun } = progress;
  if (last === null) return { tests, problems, left: [] };
  if (death !== null) {
    // The report is written at the end: all but the file that ended the process run again.
    const others = files.filter((file) => file !== last);
    return {
      tests: [],
      problems: problems.map((problem) => problem.replace(death, `${death} while ${last} ran`)),
      left: others.length > 0 ? [others] : [],
    };
  }
  const kept = tests.filter((test) => test.file === null || test.file === last || begun.has(test.file));
  const lost = files.filter((file) => file !== last && !begun.has(file));
  if (lost.length === 0) return { tests, problems, left: [] };
  return { tests: kept, problems: [...problems, `${last} ended before others could begin`], left: [lost] };
}
