// Runs test files in one process and reads what it reports.
import { isAbsolute, resolve } from "node:path";
import { newerNssFolder } from "../newer_nss.ts";
import { softhsmPath } from "../native_libraries.ts";
import { createTokenFolder } from "../token_folder.ts";
import { writeExamples } from "./examples.ts";
import { parseJUnit, type TestCase } from "./junit.ts";
import type { Suite } from "./plan.ts";
import { run } from "./process.ts";
import { type Progress, readProgress, writeEntry } from "./shared_files.ts";
import { deathOf, problemsOf, skippedGroups, withReasons } from "./suite_output.ts";

/** What a process came to. */
export interface ProcessResult {
  /** Every test it reported. */
  readonly tests: readonly TestCase[];
  /** What went wrong outside the tests: a crash, a time-out, a file that did not load. */
  readonly problems: readonly string[];
  /** How it was ended before its time; null when it ended of itself. */
  readonly death: string | null;
  /** How far it came with files that share it; null where they do not. */
  readonly progress: Progress | null;
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

/** Runs the files of a suite in one process with a token folder and a temporary folder of its own. */
export async function runProcess(suite: Suite, program: string): Promise<ProcessResult> {
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
  const shared = sharesProcess(suite) ? await writeEntry(suite.files, folder.path) : null;
  const files = examples
    ? [await writeExamples(suite.files, examples.path)]
    : shared
    ? [shared.entry]
    : suite.files.map((file) => isAbsolute(file) ? file : `./${file}`);
  const result = await run([program, ...suiteArguments(suite, files, report)], { env, ...limits });
  const reported = withReasons(parseJUnit(await textOf(report), suite.files), result);
  const tests = [...reported, ...(deathOf(result) === null ? skippedGroups(suite, reported) : [])];
  return {
    tests,
    problems: problemsOf(suite, tests, result),
    death: deathOf(result),
    progress: shared && await readProgress(shared),
    ms: result.ms,
  };
}

/** Whether one module loads the files; Bun runs all it is given in one place by itself. */
function sharesProcess({ runtime, apart, documentation }: Suite): boolean {
  return runtime !== "bun" && !apart && !documentation;
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function temporaryFolderIn(parent: string): Disposable & { readonly path: string } {
  Deno.mkdirSync(parent, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: parent, prefix: "examples-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

function suiteArguments(suite: Suite, files: readonly string[], report: string): string[] {
  switch (suite.runtime) {
    case "deno": {
      const config = suite.withoutConfig ? ["--no-config"] : [];
      return ["test", "-A", "--no-check", ...config, importMap, `--junit-path=${report}`, ...files];
    }
    case "bun":
      return ["test", `--timeout=${testLimitMs}`, "--reporter=junit", `--reporter-outfile=${report}`, ...files];
    case "node": {
      const hooks = ["node_hooks", ...(sharesProcess(suite) ? ["node_shared_hooks"] : [])];
      const node = [
        "--disable-warning=ExperimentalWarning",
        ...hooks.map((name) => `--import=./tests/_std/${name}.mjs`),
      ];
      const reporters = ["spec", "stdout", "junit", report]
        .map((value, index) => `--test-reporter${index % 2 ? "-destination" : ""}=${value}`);
      const isolation = sharesProcess(suite) ? ["--test-isolation=none"] : [];
      return [
        ...node,
        "--test",
        "--test-concurrency=1",
        ...isolation,
        `--test-timeout=${testLimitMs}`,
        ...reporters,
        ...files,
      ];
    }
  }
}
