// Programs of the runtimes, for tests that start them.
import { execFileSync } from "node:child_process";
import process from "node:process";
import { type RuntimeName, runtimeProgram } from "../../tools/runner/runtimes.ts";

/** A runtime's program, and why tests that need it are skipped; `skip` is false where it runs. */
export async function programOrSkip(
  name: RuntimeName,
): Promise<{ readonly program: string; readonly skip: string | false }> {
  const program = await runtimeProgram(name).catch(() => "");
  return { program, skip: program === "" && `${name} does not run on this machine` };
}

/** What a command prints; the error of one that fails shows the command and all that it has printed. */
export function run(
  command: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): string {
  const [file = "", ...args] = command;
  const env = { ...process.env, NO_COLOR: "1", ...environment };
  try {
    return execFileSync(file, args, { cwd, encoding: "utf8", stdio: "pipe", env });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command.join(" ")}\n${stdout}${stderr}`, { cause: error });
  }
}
