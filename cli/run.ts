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

/** Milliseconds after which whoever has interrupted is told that the token is still at work. */
const PATIENCE = 1000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the process's command line and sets its exit code. The first signal cancels what runs, so that logins end; the second
 * ends the process at once.
 *
 * @param args The arguments, without the program.
 */
export async function run(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const removers: (() => void)[] = [];
  const removeAll = () => removers.forEach((remove) => remove());
  let telling: ReturnType<typeof setTimeout> | undefined;
  let end = (): void => process.exit();
  for (const name of SIGNALS) {
    const listener = () => {
      const reason = new InterruptedError(name);
      const interrupt = () => endAtOnce(name, reason.exitCode, removeAll);
      if (controller.signal.aborted) return interrupt();
      end = interrupt;
      telling = setTimeout(tellPatience, PATIENCE);
      telling.unref();
      controller.abort(reason);
    };
    process.on(name, listener);
    removers.push(() => process.off(name, listener));
  }
  try {
    process.exitCode = await main(args, processSurroundings(controller.signal));
  } finally {
    clearTimeout(telling);
    removeAll();
    // Bun never lets go of a terminal that was opened beside standard input, and nothing of a pipe that was waited for.
    // All output has been written by now.
    setTimeout(() => end(), GRACE).unref();
  }
}

function tellPatience(): void {
  process.stderr.write("waiting for the token to end its call; once more ends the program at once\n");
}

/** Node waits for threads inside a call when it exits; the signal itself does not. Deno goes on catching signals. */
function endAtOnce(name: typeof SIGNALS[number], exitCode: number, removeAll: () => void): void {
  removeAll();
  process.kill(process.pid, name);
  setTimeout(() => process.exit(exitCode), GRACE);
}
