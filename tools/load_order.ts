// Writes load_order.ts beside the entries that load many files: run it after a file was added, moved or imported anew.
import { evaluationOrder } from "../tests/_support/loaded_files.ts";
import { run } from "./runner/process.ts";

/** The entries that have one. Those of `./webcrypto` and `./opentelemetry` are loaded with one of these. */
export const orderedEntries = ["session", "http", "pkcs11js"] as const;

/** Where the order of an entry stands. */
export const loadOrderFile = (entry: string): string => `${entry}/load_order.ts`;

/** The text of that file. */
export function loadOrder(entry: string): string {
  const files = evaluationOrder(`${entry}/mod.ts`, loadOrderFile(entry));
  const imports = files.map((file) =>
    `import "${file.startsWith(`${entry}/`) ? file.replace(entry, ".") : `../${file}`}";\n`
  );
  return `/**
 * What \`./${entry}\` loads, in the order in which it is evaluated; \`tools/load_order.ts\` writes it. Deno reads the source map of
 * each file that is the first to name another one. Here they are named first, where the map is small: that takes a tenth
 * off a start from sources.
 *
 * @module
 */
${imports.join("")}`;
}

if (import.meta.main) {
  for (const entry of orderedEntries) await Deno.writeTextFile(loadOrderFile(entry), loadOrder(entry));
  await run([Deno.execPath(), "fmt", "--quiet", ...orderedEntries.map(loadOrderFile)], { timeoutMs: 60_000 });
}
