/** Runs what a tool does: the code it ends with, or 1 and the text of its error. */
import { say } from "./say.ts";

/** Runs the main function of a tool with the arguments of the command line. */
export async function runMain(main: (args: string[]) => number | Promise<number>): Promise<void> {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
