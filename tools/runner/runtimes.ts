// The programs that run the suite: this Deno, and Bun and Node in the versions the project is tested with.
import { programPath } from "../native_libraries.ts";
import { run } from "./process.ts";

/** The runtimes the suite runs on. */
export const runtimeNames = ["deno", "bun", "node"] as const;
/** One of {@linkcode runtimeNames}. */
export type RuntimeName = (typeof runtimeNames)[number];

/** The version of Bun that is tested; another one on PATH is passed over. */
export const bunVersion = "1.4.4";
/** The version of Node that is fetched where PATH has none with `node:ffi`. */
export const nodeVersion = "26.10.0";

/** Resolves to the program of a runtime; npx fetches what PATH lacks. Throws when it cannot be had. */
export async function runtimeProgram(name: RuntimeName): Promise<string> {
  if (name === "deno") return Deno.execPath();
  const onPath = programPath(name);
  if (onPath && isTested(name, await versionOf(onPath))) return onPath;
  return await fetched(name);
}

/** The version a program says it is; what else it says where it does not start. */
async function versionOf(program: string): Promise<string> {
  return (await run([program, "--version"], { timeoutMs: 120_000 })).output.trim().replace(/^v/, "");
}

function isTested(name: "bun" | "node", version: string): boolean {
  return name === "bun" ? version === bunVersion : Number(/^(\d+)\.\d+\.\d+/.exec(version)?.[1]) >= 26;
}

async function fetched(name: "bun" | "node"): Promise<string> {
  const wanted = name === "bun" ? bunVersion : nodeVersion;
  const program = await fetchedRuntime(name, wanted);
  const version = await versionOf(program);
  if (!isTested(name, version)) throw new Error(`Cannot run ${name}@${wanted}: ${program} answers "${version}"`);
  return program;
}

/** Resolves to the program of one version of a runtime, fetched by npx. Throws when it cannot be had. */
export async function fetchedRuntime(name: RuntimeName, version: string): Promise<string> {
  const wanted = `${name}@${version}`;
  const npx = programPath("npx");
  if (!npx) throw new Error(`Cannot run the tests on ${name}: neither ${wanted} nor npx is on PATH`);
  const command = [npx, "-y", "-p", wanted, "-c", `command -v ${name}`];
  const { code, output } = await run(command, { timeoutMs: 600_000 });
  const program = output.split("\n").map((line) => line.trim()).filter((line) => line.endsWith(`/${name}`)).pop();
  if (code !== 0 || !program) throw new Error(`Cannot fetch ${wanted} with npx: exit code ${code}\n${output}`);
  return program;
}
