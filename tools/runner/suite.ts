// Runs one process of the suite and reads what it reports.
import { resolve } from "node:path";
import { newerNssFolder } from "../newer_nss.ts";
import { softhsmPath } from "../native_libraries.ts";
import { createTokenFolder } from "../token_folder.ts";
import { writeExamples } from "./examples.ts";
import { parseJUnit, type TestCase } from "./junit.ts";
import type { Suite } from "./plan.ts";
import { run, type RunResult } from "./process.ts";

/** What a process of the suite came to. */
export interface SuiteResult {
  /** The process. */
  readonly suite: Suite;
  /** Every test it reported. */
  readonly tests: readonly TestCase[];
  /** What went wrong outside the tests: a crash, a time-out, a file that did not load. */
  readonly problems: readonly string[];
  /** Milliseconds it took. */
  readonly ms: number;
}

const importMap = "--import-map=tests/offline.import_map.json";

/** The longest a single test may take, where the runtime takes a limit: it then names the test, and goes on. */
const testLimitMs = 540_000;
/** The longest a process may be silent. Every runtime prints a line for each test: only what makes no progress is ended. */
const silenceMs = 600_000;
/** The longest a file may take that prints for ever. */
const fileLimitMs = 3_600_000;

/** Below the packages, which no commit holds and no other user writes. */
const nodeCompileCache = resolve("node_modules/.cache/node-compile");

/** Runs a process of the suite with a token folder and a temporary folder of its own. */
export async function runSuite(suite: Suite, program: string): Promise<SuiteResult> {
  using folder = createTokenFolder();
  const report = `${folder.path}/report.xml`;
  const temporary = `${folder.path}/tmp`;
  await Deno.mkdir(temporary);
  // Servers that the tests start drop to a user of their own and read files from here.
  await Deno.chmod(folder.path, 0o755);
  const module = softhsmPath();
  const nss = newerNssFolder();
  const env = {
    NO_COLOR: "1",
    TMPDIR: temporary,
    SOFTHSM2_CONF: folder.config,
    // Node strips types from every source in every process: more than half of what a test file costs.
    ...(suite.runtime === "node" ? { NODE_COMPILE_CACHE: nodeCompileCache } : {}),
    ...(module ? { PKCS11_MODULE: module } : {}),
    ...(nss ? { GP11_NEWER_NSS: nss } : {}),
  };
  const limits = { silenceMs, timeoutMs: suite.files.length * fileLimitMs };
  // Inside the clone, whose settings then hold for them too.
  using examples = suite.documentation ? temporaryFolderIn(".tmp") : null;
  const files = examples ? [await writeExamples(suite.files, examples.path)] : suite.files;
  const result = await run([program, ...suiteArguments({ ...suite, files }, report)], { env, ...limits });
  let tests: TestCase[] = [];
  try {
    tests = parseJUnit(await Deno.readTextFile(report));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (suite.runtime === "node") tests = tests.map((test) => withCause(test, result));
  if (suite.runtime === "deno") tests = withReasons(tests, result.output);
  return { suite, tests, problems: problemsOf(suite, tests, result), ms: result.ms };
}

function temporaryFolderIn(parent: string): Disposable & { readonly path: string } {
  Deno.mkdirSync(parent, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: parent, prefix: "examples-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function suiteArguments(suite: Suite, report: string): string[] {
  const files = suite.files.map((file) => `./${file}`);
  switch (suite.runtime) {
    case "deno": {
      const config = suite.withoutConfig ? ["--no-config"] : [];
      return ["test", "-A", "--no-check", ...config, importMap, `--junit-path=${report}`, ...files];
    }
    case "bun":
      return ["test", `--timeout=${testLimitMs}`, "--reporter=junit", `--reporter-outfile=${report}`, ...files];
    case "node": {
      const node = ["--disable-warning=ExperimentalWarning", "--import", "./tests/_std/node_hooks.mjs"];
      const reporters = ["spec", "stdout", "junit", report]
        .map((value, index) => `--test-reporter${index % 2 ? "-destination" : ""}=${value}`);
      return [...node, "--test", "--test-concurrency=1", `--test-timeout=${testLimitMs}`, ...reporters, ...files];
    }
  }
}

function problemsOf(suite: Suite, tests: readonly TestCase[], result: RunResult): string[] {
  const ending = lastWords(result);
  if (result.timedOut) return [`stopped after ${Math.round(result.ms / 1000)} s, the last ones silent; ${ending}`];
  if (result.signal !== null || result.code >= 128) {
    return [`died by ${result.signal ?? `exit code ${result.code}`}; ${ending}`];
  }
  const problems = errorsOutsideTests(suite, result.output);
  if (problems.length === 0 && tests.length === 0) return [`ran no test; ${ending}`];
  for (const file of filesWithoutTests(suite, result.output)) {
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

/** Node reports a file that did not load, or died, as a failed test without a cause. */
function withCause(test: TestCase, result: RunResult): TestCase {
  return test.detail.includes("cause: 'test failed'")
    ? { ...test, detail: `${test.detail}\n${lastWords(result)}` }
    : test;
}

/** The reasons of skips, which Deno's report leaves out and tests/_std/node_test.ts prints. */
function withReasons(tests: readonly TestCase[], output: string): TestCase[] {
  const lines = output.matchAll(/^# skipped (\[.*\])$/gm);
  const reasons = new Map([...lines].map(([, pair]) => JSON.parse(pair!) as [name: string, reason: string]));
  return tests.map((test) => test.outcome === "skipped" ? { ...test, detail: reasons.get(test.name) ?? "" } : test);
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

/** Only Deno's output tells it for each file. */
function filesWithoutTests(suite: Suite, output: string): string[] {
  if (suite.runtime !== "deno" || suite.documentation) return [];
  const withTests = new Set(
    [...output.matchAll(/^running [1-9]\d* tests? from \.\/(\S+)$/gm)].map((match) => match[1]),
  );
  return suite.files.filter((file) => !withTests.has(file));
}
