// The least that loading as many files as the library's sources can take: each is as long as one of them and imports what that
// one imports, and there is nothing in it.
import * as esbuild from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** An import as esbuild tells it. */
type Import = esbuild.Metafile["inputs"][string]["imports"][number];

/** What names a file of the project in another. */
const fromFolderOf = (importer: string, path: string) =>
  `${"../".repeat(importer.split("/").length - 1) || "./"}${path}`;

/** A file as long as `text` in which nothing stands but imports. What is loaded late is named alone: Deno reads it, too. */
function idle(source: string, text: string, imports: readonly Import[]): string {
  const own = (isLate: boolean) =>
    imports.filter(({ external, kind }) => !external && isLate === (kind === "dynamic-import"))
      .map(({ path }) => JSON.stringify(fromFolderOf(source, path)));
  const late = own(true).map((path) => `() => import(${path})`);
  const head = `${own(false).map((path) => `import ${path};\n`).join("")}export const late = [${late}];\n`;
  return `${head}/* ${text.replaceAll("*/", "* ").slice(head.length + "/* */".length)}*/`;
}

/**
 * Writes them.
 *
 * @returns The path of the file that stands for the entry.
 */
export async function idleSources(entry: string, folder: string): Promise<string> {
  const { metafile: { inputs } } = await esbuild.build({
    bundle: true,
    entryPoints: [entry],
    format: "esm",
    logLevel: "warning",
    metafile: true,
    packages: "external",
    platform: "node",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    write: false,
  });
  for (const [source, { imports }] of Object.entries(inputs)) {
    const path = join(folder, source);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, idle(source, readFileSync(source, "utf8"), imports));
  }
  await esbuild.stop();
  return join(folder, entry);
}
