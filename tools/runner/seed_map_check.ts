// Whether the tests that docs/seed-map.md names really ran, on each runtime its rows name.
import { readSeedMap } from "../seed_map.ts";
import type { TestCase } from "./junit.ts";
import type { RuntimeName } from "./runtimes.ts";
import type { SuiteResult } from "./suite.ts";

/**
 * A line for each row of the map whose test did not run on a runtime that did. A test skipped for a reason counts as run,
 * and so does one of a group that was, of which the report tells the group alone; one that failed is counted already;
 * a process that was stopped or died is a failure of its own, what it would have run is not counted again.
 */
export function rowsWithoutRun(results: readonly SuiteResult[], runtimes: readonly RuntimeName[]): string[] {
  const ran = new Map<RuntimeName, Set<string>>(runtimes.map((runtime) => [runtime, new Set<string>()]));
  const lost = new Set<string>();
  const skipped = new Set<string>();
  for (const { suite, tests, problems } of results) {
    for (const file of problems.length > 0 ? suite.files : []) lost.add(`${suite.runtime} ${file}`);
    for (const test of tests) {
      ran.get(suite.runtime)?.add(lastName(test.name));
      if (test.outcome === "skipped" && isGroup(test)) skipped.add(`${suite.runtime} ${test.file}`);
    }
  }
  const rows = [...readSeedMap().values()].flat();
  return rows.flatMap(({ manual, test, runtimes: wanted }) =>
    runtimes
      .filter((runtime) => test && wanted.includes(runtime) && !ran.get(runtime)?.has(lastName(test.name)))
      .filter((runtime) => ![lost, skipped].some((files) => files.has(`${runtime} ${test?.file}`)))
      .map((runtime) => `${manual}: "${test?.name}" did not run on ${runtime}`)
  );
}

/** Whether what a report tells of is no single test, but a group of tests. */
function isGroup({ name, file }: TestCase): boolean {
  if (file === null) return false;
  const own = lastName(name).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return !new RegExp(`\\bit\\(\\s*["'\`]${own}["'\`]`).test(Deno.readTextFileSync(file));
}

/** A test's own name, without its describe blocks. */
function lastName(name: string): string {
  return name.split(" > ").at(-1) ?? name;
}
