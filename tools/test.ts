// deno task test: sets up what is missing, then runs the suite on Deno, Bun and Node and counts it on one last line.
//
//   deno task test                                  everything
//   deno task test --only=bun tests/http            one runtime, the files whose path contains the text
import { planSuites, type Suite } from "./runner/plan.ts";
import { Report } from "./runner/report.ts";
import { type RuntimeName, runtimeNames, runtimeProgram } from "./runner/runtimes.ts";
import { rowsWithoutRun } from "./runner/seed_map_check.ts";
import { runSuite } from "./runner/suite.ts";
import { say } from "./say.ts";
import { setUp } from "./setup.ts";

/** Processes at a time: one more than there are cores, as most of them wait for timers and sockets half of their time. */
const atOnce = navigator.hardwareConcurrency + 1;
/** How often a long run says that it is alive. */
const pulseMs = 30_000;

const usage = `Usage: deno task test [--only=deno,bun,node] [--no-doc] [part of a path]…`;

function parseArguments(args: readonly string[]) {
  let runtimes: readonly RuntimeName[] = runtimeNames;
  let documentation = true;
  const paths: string[] = [];
  for (const arg of args) {
    if (arg.startsWith("--only=")) {
      const names = arg.slice("--only=".length).split(",");
      const unknown = names.find((name) => !runtimeNames.some((known) => known === name));
      if (unknown !== undefined) {
        throw new TypeError(`Cannot run on "${unknown}": it is none of ${runtimeNames.join(", ")}`);
      }
      runtimes = runtimeNames.filter((known) => names.includes(known));
    } else if (arg === "--no-doc") documentation = false;
    else if (arg.startsWith("-")) throw new TypeError(`Cannot read the option "${arg}"\n${usage}`);
    else paths.push(arg);
  }
  return { runtimes, documentation, paths };
}

async function runAll(suites: readonly Suite[], programs: Map<RuntimeName, string>, report: Report): Promise<void> {
  const waiting = [...suites];
  const running = new Map<Suite, number>();
  const lane = async () => {
    for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
      running.set(suite, performance.now());
      report.add(await runSuite(suite, programs.get(suite.runtime)!));
      running.delete(suite);
    }
  };
  const pulse = setInterval(() => {
    const now = performance.now();
    const parts = [...running].map(([suite, start]) =>
      `${suite.runtime} ${suite.area} ${Math.round((now - start) / 1000)} s`
    );
    say(`...  ${parts.join(", ")}; ${waiting.length} waiting`);
  }, pulseMs);
  try {
    await Promise.all(Array.from({ length: atOnce }, lane));
  } finally {
    clearInterval(pulse);
  }
}

/** The seed map promises tests that run: only a run of everything can tell. */
function addSeedMap(report: Report, runtimes: readonly RuntimeName[]): void {
  const problems = rowsWithoutRun(report.results, runtimes);
  if (problems.length === 0) return;
  report.add({ suite: { runtime: "deno", area: "seed map", files: [] }, tests: [], problems, ms: 0 });
}

async function main(): Promise<number> {
  const selection = parseArguments(Deno.args);
  const missing = await setUp("tests");
  const withoutRuntime = (runtime: RuntimeName) => missing.find((need) => need.runtime === runtime);
  const runtimes = selection.runtimes.filter((runtime) => !withoutRuntime(runtime));
  const suites = planSuites({ ...selection, runtimes });

  const programs = new Map<RuntimeName, string>();
  for (const runtime of new Set(suites.map((suite) => suite.runtime))) {
    programs.set(runtime, await runtimeProgram(runtime));
  }
  const report = new Report();
  await runAll(suites, programs, report);
  if (selection.paths.length === 0) addSeedMap(report, runtimes);
  for (const runtime of selection.runtimes) {
    const need = withoutRuntime(runtime);
    if (need) say(`Not run on ${runtime}: ${need.what} is missing`);
  }
  return report.close();
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main();
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n0 passed, 1 failed`);
    Deno.exitCode = 1;
  }
}
