/**
 * The program: the command line of the process, its signals and its end.
 *
 * @module
 */
import process from "node:process";
import { main } from "./main.ts";
import { processSurroundings } from "./process_surroundings.ts";
import { InterruptedError } from "./terminal/errors.ts";

/** Milliseconds for the process to end by itself once all is done. */
const GRACE = 200;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the process's command line and sets its exit code. The first signal cancels what runs, so that logins end; the second
 * ends the process at once.
 *
 * @param args The arguments, without the program.
 */
export async function run(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      const reason = new InterruptedError(name);
      if (controller.signal.aborted) process.exit(reason.exitCode);
      controller.abort(reason);
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  try {
    process.exitCode = await main(args, processSurroundings(controller.signal));
  } finally {
    for (const remove of listeners) remove();
    // Bun never lets go of a terminal that was opened beside standard input. All output has been written by now.
    setTimeout(() => process.exit(), GRACE).unref();
  }
}
