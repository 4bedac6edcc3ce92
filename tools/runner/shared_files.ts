// Test files that share a process on Deno and Node: a module that loads them one after the other, and how far it came.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The module, and what it writes down while it runs. */
export interface SharedFiles {
  /** The module's path. */
  readonly entry: string;
  /** Where it writes how far it has come: that outlasts a crash. */
  readonly progress: string;
}

/** Writes the module into a folder. The files then share the library, and whatever else they load. */
export async function writeEntry(files: readonly string[], folder: string): Promise<SharedFiles> {
  const root = pathToFileURL(`${Deno.cwd()}/`);
  const runner = new URL("tests/_std/node_test.ts", root);
  const shared = { entry: join(folder, "suite.mjs"), progress: join(folder, "progress") };
  const given = [files, root, shared.progress].map((value) => JSON.stringify(value)).join(", ");
  const lines = [`import { runFiles } from ${JSON.stringify(runner)};`, `await runFiles(${given});`, ""];
  await Deno.writeTextFile(shared.entry, lines.join("\n"));
  await Deno.writeTextFile(shared.progress, "");
  return shared;
}

/** How far a process came with the files it shares. */
export interface Progress {
  /** The file that ran last, or was loaded last where none ran; null when not even that was. */
  readonly last: string | null;
  /** The files whose tests began. */
  readonly begun: ReadonlySet<string>;
}

/** Reads what the module has written down. */
export async function readProgress({ progress }: SharedFiles): Promise<Progress> {
  const lines = (await Deno.readTextFile(progress)).matchAll(/^(loads|begins) (.*)$/gm);
  const begun = new Set<string>();
  let loaded: string | null = null;
  for (const [, what, file] of lines) {
    if (what === "begins") begun.add(file!);
    else loaded = file!;
  }
  return { last: [...begun].at(-1) ?? loaded, begun };
}
