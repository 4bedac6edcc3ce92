// Programs of the runtimes, for tests that start them.
import { type RuntimeName, runtimeProgram } from "../../tools/runner/runtimes.ts";

/** A runtime's program, and why tests that need it are skipped; `skip` is false where it runs. */
export async function programOrSkip(
  name: RuntimeName,
): Promise<{ readonly program: string; readonly skip: string | false }> {
  const program = await runtimeProgram(name).catch(() => "");
  return { program, skip: program === "" && `${name} does not run on this machine` };
}
