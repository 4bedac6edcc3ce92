// What the reader sees: a line per process, failures in full, skips with their reasons, and the closing count.
import { say } from "../say.ts";
import type { TestCase } from "./junit.ts";
import type { SuiteResult } from "./suite.ts";

/** Tests from this many milliseconds on are named as slow, the slowest first. */
const slowMs = 5000;
const mostSlow = 25;

/** Adds up the results of the suite and prints them. */
export class Report {
  readonly #results: SuiteResult[] = [];

  /** What every process came to so far. */
  get results(): readonly SuiteResult[] {
    return this.#results;
  }

  /** Takes the result of a process: one line, and every failure in full. */
  add(result: SuiteResult): void {
    this.#results.push(result);
    const counts = countOutcomes(result.tests);
    const failed = counts.failed + result.problems.length;
    const line = [
      `${failed > 0 ? "FAIL" : "ok  "} ${label(result).padEnd(20)} ${String(counts.passed).padStart(5)} passed`,
      failed > 0 ? `${failed} failed` : "",
      counts.skipped > 0 ? `${counts.skipped} skipped` : "",
      `${(result.ms / 1000).toFixed(1)} s`,
    ];
    say(line.filter((part) => part !== "").join("   "));
    for (const test of failures(result)) say(`\n--- ${title(result, test)}\n${test.detail.trimEnd()}\n`);
    for (const problem of result.problems) say(`\n--- ${label(result)} ${problem}\n`);
  }

  /** Prints what failed and what was skipped, then `N passed, N failed` alone on the last line. Returns the exit code. */
  close(): number {
    let passed = 0, failed = 0, skipped = 0;
    for (const result of this.#results) {
      const counts = countOutcomes(result.tests);
      passed += counts.passed;
      failed += counts.failed + result.problems.length;
      skipped += counts.skipped;
    }
    if (this.#results.length === 0) say("No test file was chosen");
    this.#saySlowest();
    this.#saySkips();
    this.#sayFailures();
    say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
    return failed > 0 || passed === 0 ? 1 : 0;
  }

  /** Where the time of a long run goes. */
  #saySlowest(): void {
    const slow = this.#results.flatMap((result) => result.tests.map((test) => ({ result, test })))
      .filter(({ test }) => test.ms > slowMs)
      .sort((a, b) => b.test.ms - a.test.ms).slice(0, mostSlow);
    if (slow.length === 0) return;
    const lines = slow.map(({ result, test }) =>
      `  ${(test.ms / 1000).toFixed(1).padStart(6)} s  ${title(result, test)}`
    );
    say(`\nSlowest:\n${lines.join("\n")}\n`);
  }

  #sayFailures(): void {
    const lines = this.#results.flatMap((result) => [
      ...failures(result).map((test) => title(result, test)),
      ...result.problems.map((problem) => `${label(result)} ${problem.split(";")[0]}`),
    ]);
    if (lines.length > 0) say(`\nFailed:\n${lines.map((line) => `  ${line}`).join("\n")}\n`);
  }

  #saySkips(): void {
    const skips = this.#results.flatMap((result) => result.tests.filter(isSkipped).map((test) => ({ result, test })));
    // Bun's report leaves the reason out; Deno's and Node's have it for the same test.
    const reasons = new Map(skips.filter(({ test }) => test.detail).map(({ test }) => [test.name, test.detail]));
    const groups = new Map<string, string[]>();
    for (const { result, test } of skips) {
      const reason = reasons.get(test.name) ?? reasonOfBlock(test.name, reasons) ??
        "Bun's report has no reasons; a run with Node tells it";
      groups.set(reason, [...groups.get(reason) ?? [], title(result, test)]);
    }
    if (groups.size > 0) say("\nSkipped:");
    for (const [reason, tests] of groups) {
      say(`  ${tests.length} × ${reason}`);
      for (const test of tests.slice(0, 4)) say(`      ${test}`);
      if (tests.length > 4) say(`      and ${tests.length - 4} more`);
    }
    if (groups.size > 0) say("");
  }
}

function reasonOfBlock(name: string, reasons: Map<string, string>): string | undefined {
  return [...reasons].find(([other]) => name.startsWith(`${other} > `))?.[1];
}

function countOutcomes(tests: readonly TestCase[]): Record<TestCase["outcome"], number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const test of tests) counts[test.outcome]++;
  return counts;
}

function failures(result: SuiteResult): TestCase[] {
  return result.tests.filter((test) => test.outcome === "failed");
}

function isSkipped(test: TestCase): boolean {
  return test.outcome === "skipped";
}

function label({ suite }: SuiteResult): string {
  return `${suite.runtime} ${suite.area}`;
}

function title(result: SuiteResult, test: TestCase): string {
  // Deno's steps carry no file; a failure's stack names it.
  const file = test.file?.replace(`${Deno.cwd()}/`, "").replace(/^\.\//, "") ??
    /\b(tests\/\S+_test\.ts):\d+/.exec(test.detail)?.[1];
  return `${label(result)}: ${file && !test.name.startsWith(file) ? `${file}: ` : ""}${test.name}`;
}
