// What a program pays for this library before its first signature and its first request, and what it holds after a thousand:
// from sources and as the npm package, beside pkcs11js and the runtime's fetch. Each figure is above an empty program of the
// same round.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startNginx } from "../../tests/_support/nginx.ts";
import { temporaryFolder } from "../../tests/_support/temporary_folder.ts";
import { writeGp11Package } from "../../tools/packages/gp11.ts";
import { type Contestant, measureRounds, median, type Rounds } from "../measure.ts";
import { type Runtime, runtimes } from "../on_runtimes.ts";
import { compiled } from "../peers.ts";
import { type BenchRow, report } from "../report.ts";
import { benchToken } from "../token.ts";
import { ownDenoCaches } from "./deno_caches.ts";
import { idleSources } from "./idle_sources.ts";
import { onlyWhatRuns } from "./only_what_runs.ts";
import { ADDON, EMPTY, javaScriptPeers, nativePeers, type Program } from "./peers.ts";

const ROUNDS = 5;
const MANY = "1000";
/** A folder outside the project for what is compiled, packed and installed. */
const WORK = temporaryFolder("bench-start");

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** What shows the floor is written for each runtime by itself. */
const FLOOR = ["Deno", "Bun"];

/**
 * Installs the package as npm would have it, and copies the programs there. They import it by its path: by its name the
 * import map of the tests gives Deno the sources.
 */
async function install(programs: readonly string[]): Promise<void> {
  const library = join(WORK, "node_modules/@gp11/gp11");
  await writeGp11Package(library);
  const { dependencies } = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));
  for (const name of [...Object.keys(dependencies), "tldts", "tldts-core", "@noble/hashes"]) {
    const target = here(`../../node_modules/${name}`);
    if (!existsSync(target)) continue;
    mkdirSync(dirname(join(WORK, "node_modules", name)), { recursive: true });
    symlinkSync(target, join(WORK, "node_modules", name));
  }
  writeFileSync(join(WORK, "package.json"), JSON.stringify({ type: "module", private: true }));
  for (const name of programs) {
    const text = readFileSync(here(`${name}.mjs`), "utf8");
    writeFileSync(
      join(WORK, `${name}.mjs`),
      text.replace(/"\.\.\/\.\.\/(.*mod)\.ts"/, (_, entry) => JSON.stringify(join(library, `${entry}.js`))),
    );
  }
}

/** A program as one executable with the engine's code of it, as an application made by Bun may be. */
async function compiledByBun(program: string): Promise<string> {
  const [bun] = (await runtimes()).find(([name]) => name === "Bun")![1];
  const options = ["--compile", "--bytecode", "--format=esm", `--outfile=${program}`];
  execFileSync(bun!, ["build", ...options, `${program}.mjs`], { cwd: WORK, stdio: "ignore" });
  return join(WORK, program);
}

/**
 * The program that signs, on each runtime with what is left of the library when all that does not run there is taken out:
 * alone, and beside files of which as many are read as of the sources.
 */
async function withOnlyWhatRuns(
  args: readonly string[],
  env: Record<string, string>,
  idle: string,
): Promise<Program[]> {
  const text = readFileSync(here("session_signature.mjs"), "utf8").replace("../../session/mod.ts", "./library.mjs");
  const programs: Program[] = [];
  for (const [runtime, [program = "", ...flags]] of await runtimes(true)) {
    const folder = join(WORK, "only-what-runs", runtime);
    const [path, library, beside] = [
      join(folder, "signature.mjs"),
      join(folder, "library.mjs"),
      join(folder, "beside.mjs"),
    ];
    mkdirSync(folder, { recursive: true });
    for (const name of ["program.mjs", "sign.mjs"]) copyFileSync(here(name), join(folder, name));
    const left = await onlyWhatRuns((telling) => {
      writeFileSync(library, telling);
      writeFileSync(path, `${text}\nconsole.log(JSON.stringify([...globalThis.ran]));\n`);
      const options = { env: { ...Deno.env.toObject(), ...env }, encoding: "utf8" } as const;
      return JSON.parse(execFileSync(program, [...flags, path, MANY, ...args], options).trim().split("\n").at(-1)!);
    });
    writeFileSync(library, left);
    writeFileSync(path, text);
    writeFileSync(beside, `import ${JSON.stringify(idle)};\n${text}`);
    programs.push({ name: "signature, ./session, only what runs", path, args, on: [runtime] });
    programs.push({ name: "signature, only what runs beside idle sources", path: beside, args, on: [runtime] });
  }
  return programs;
}

/** A key of the token that the programs sign with. */
async function makeKey(args: readonly string[], env: Record<string, string>): Promise<void> {
  const [[, [deno = "", ...flags]]] = await runtimes(true) as [Runtime];
  execFileSync(deno, [...flags, here("make_key.mjs"), ...args], { env: { ...Deno.env.toObject(), ...env } });
}

const figures = [
  ["wall ms", "1", "wall ms"],
  ["CPU ms", "1", "CPU ms"],
  ["peak MiB", "1", "peak MiB"],
  [`MiB after ${MANY}`, MANY, "resident MiB"],
] as const;

/** The median of a figure above an empty program's of the same round; null where there is none. */
function above(rounds: Rounds, name: string, empty: string, figure: string): number | null {
  return median(rounds, (rates) => {
    const [own, none] = [rates.get(name)?.[figure], rates.get(empty)?.[figure]];
    return own === undefined || none === undefined ? undefined : own - none;
  }) ?? null;
}

/** Runs the benchmark and reports its tables. */
export async function benchStart(): Promise<void> {
  using token = benchToken();
  const signing = ["signature", "session_signature", "async_signature", "session_async_signature"];
  await install(["program", "sign", "import", "session_import", ...signing, "request", "fetch"]);
  const measured = compiled({ source: new URL("measured.c", import.meta.url), flags: [] }, join(WORK, "measured"))!;
  await makeKey(token.args, token.env);
  await using nginx = await startNginx({ files: { "small.txt": "Hello, world\n" } });
  const url = `${nginx.origin}/small.txt`;
  const idle = await idleSources("mod.ts", join(WORK, "idle"));
  writeFileSync(join(WORK, "idle.mjs"), readFileSync(here("import.mjs"), "utf8").replace("../../mod.ts", idle));
  // Those from sources lie in the project: Deno translates sources for a program of other settings anew each time.
  const programs: Program[] = [
    { name: EMPTY, path: here("empty.mjs"), args: [] },
    { name: "idle worker thread", path: here("worker.mjs"), args: [], on: FLOOR },
    { name: "signature, bare FFI", path: here("bare.mjs"), args: token.args, on: FLOOR },
    { name: "import alone, idle sources", path: join(WORK, "idle.mjs"), args: [] },
    { name: "import alone, package", path: join(WORK, "import.mjs"), args: [] },
    { name: "import alone, ./session, package", path: join(WORK, "session_import.mjs"), args: [] },
    { name: "signature, sources", path: here("signature.mjs"), args: token.args },
    { name: "signature, ./session, sources", path: here("session_signature.mjs"), args: token.args },
    { name: "signature, package", path: join(WORK, "signature.mjs"), args: token.args },
    { name: "signature, ./session, package", path: join(WORK, "session_signature.mjs"), args: token.args },
    {
      name: "signature, compiled",
      path: await compiledByBun("signature"),
      args: token.args,
      on: ["Bun"],
      runBy: [],
    },
    {
      name: "signature, ./session, compiled",
      path: await compiledByBun("session_signature"),
      args: token.args,
      on: ["Bun"],
      runBy: [],
    },
    ...await withOnlyWhatRuns(token.args, token.env, idle),
    { name: "async signature, sources", path: here("async_signature.mjs"), args: token.args },
    { name: "async signature, ./session, package", path: join(WORK, "session_async_signature.mjs"), args: token.args },
    { name: "request, sources", path: here("request.mjs"), args: [url] },
    { name: "request, package", path: join(WORK, "request.mjs"), args: [url] },
    { name: "request, runtime's fetch", path: here("fetch.mjs"), args: [url] },
  ];
  programs.push(...javaScriptPeers(WORK, token.args, url));
  const env = { ...token.env, ...await ownDenoCaches(join(WORK, "deno")) };
  for (const [runtime, command] of await runtimes(true)) {
    const written = programs.filter(({ on }) => on === undefined || on.includes(runtime));
    const contestants = twice(written, measured, command);
    // The first round fills the runtime's caches of compiled code.
    const [, ...rounds] = await measureRounds(contestants, ROUNDS + 1, env);
    const rows = reportStart(runtime, written, rounds);
    reportRatios(runtime, rows);
  }
  const native = nativePeers(WORK, token.args, url);
  const [, ...rounds] = await measureRounds(twice(native, measured), ROUNDS + 1, token.env);
  reportStart("native", native, rounds);
}

/** Each program with its work once and many times. */
function twice(programs: readonly Program[], measured: string, runtime: readonly string[] = []): Contestant[] {
  return programs.flatMap(({ args, name, path, runBy = runtime }) =>
    ["1", MANY].map((count) => ({
      name: `${name}, ${count}`,
      command: [measured, ...runBy, path, count, ...args],
    }))
  );
}

/** Reports what the programs take above the empty ones, and gives the rows. */
function reportStart(where: string, programs: readonly Program[], rounds: Rounds): readonly BenchRow[] {
  const isEmpty = ({ name }: Program) => name.startsWith(EMPTY);
  const rows = programs.filter((each) => !isEmpty(each) && rounds[0]!.has(`${each.name}, 1`))
    .map(({ empty = EMPTY, name }) => ({
      name,
      cells: figures.map(([, count, figure]) => above(rounds, `${name}, ${count}`, `${empty}, ${count}`, figure)),
    }));
  report({
    name: `start-${where.toLowerCase()}`,
    title: where === "native"
      ? "Start without a JavaScript runtime: what a program takes above an empty one, medians of the rounds"
      : `Start on ${where}: what a program takes above an empty one, medians of the rounds`,
    unit: "ms and MiB",
    digits: 1,
    columns: figures.map(([title]) => title),
    rows,
  });
  return rows;
}

/** How often a first signature takes what it takes with the addon. */
function reportRatios(runtime: string, rows: readonly BenchRow[]): void {
  const addon = rows.find(({ name }) => name === ADDON);
  if (addon === undefined) return;
  report({
    name: `start-ratio-${runtime.toLowerCase()}`,
    title: `First signature on ${runtime}, above an empty program, as a ratio to pkcs11js`,
    unit: "ratio to pkcs11js",
    plot: "bars",
    digits: 2,
    columns: ["wall", "CPU"],
    rows: rows.filter(({ name }) => name.includes("signature") && name !== ADDON).map(({ cells, name }) => ({
      name,
      cells: [0, 1].map((at) => cells[at] == null || !addon.cells[at] ? null : cells[at]! / addon.cells[at]!),
    })),
  });
}
