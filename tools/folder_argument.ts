// The one argument of tasks that make a folder.
import { say } from "./say.ts";

/** The folder that was named, or the usual one. What looks like an option ends the task: no folder is meant by it. */
export function folderArgument(task: string, usual: string): string {
  const [folder = usual, ...more] = Deno.args;
  if (!folder.startsWith("-") && more.length === 0) return folder;
  say(`Usage: deno task ${task} [FOLDER]\n\nMakes FOLDER, or ${usual}.`);
  Deno.exit(folder === "--help" || folder === "-h" ? 0 : 2);
}
