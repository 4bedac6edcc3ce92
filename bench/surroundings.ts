// Where and with what a table was measured.
import { spawnSync } from "node:child_process";
import os from "node:os";
import { programPath } from "../tools/native_libraries.ts";
import { type RuntimeName, runtimeProgram } from "../tools/runner/runtimes.ts";

/** What a figure depends on besides the code. */
export interface Surroundings {
  /** The day, as 2026-01-31. */
  readonly measured: string;
  readonly machine: string;
  readonly versions: string;
}

/** The machine, the day and the versions of what is measured with. */
export async function surroundings(): Promise<Surroundings> {
  const processors = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const names: readonly RuntimeName[] = ["deno", "bun", "node"];
  const runtimes = await Promise.all(names.map(async (name) => [name, await runtimeProgram(name)] as const));
  const versions = [
    ...runtimes.map(([name, program]) => [name, versionOf(program, ["--version"])] as const),
    ["SoftHSM", versionOf(programPath("softhsm2-util") ?? "", ["--version"])] as const,
    ["nginx", versionOf("/usr/sbin/nginx", ["-v"])] as const,
  ];
  return {
    measured: new Date().toISOString().slice(0, 10),
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}, ${memory} GiB, ` +
      `${os.type()} ${os.release()} ${os.arch()}`,
    versions: versions.filter(([, version]) => version !== null).map((pair) => pair.join(" ")).join(", "),
  };
}

function versionOf(program: string, args: string[]): string | null {
  const { stderr, stdout } = spawnSync(program, args, { encoding: "utf8" });
  return /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? null;
}
