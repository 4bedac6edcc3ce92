// deno task pack: the npm package, as the registry would get it.
//
//   deno task pack            into dist/
//   deno task pack FOLDER     into another folder
import * as esbuild from "esbuild";
import ts from "typescript";
import { join, resolve } from "node:path";
import { type DenoManifest, type NpmManifest, packageManifest } from "./packages/manifest.ts";
import { run } from "./runner/process.ts";
import { say } from "./say.ts";

const papers = ["README.md", "LICENSE", "CHANGELOG.md"];

/** Makes the package in a folder and answers the path of its archive. */
export async function pack(folder: string): Promise<string> {
  const deno: DenoManifest & { publish: { include: string[] } } = await readJson("deno.json");
  const npm: NpmManifest = await readJson("package.json");
  const work = await Deno.makeTempDir({ prefix: "gp11-pack-" });
  try {
    await bundle(Object.values(deno.exports), work);
    await writeDeclarations(deno.publish.include, `${work}/types`);
    for (const paper of papers) await Deno.copyFile(paper, `${work}/${paper}`);
    await Deno.writeTextFile(`${work}/package.json`, `${JSON.stringify(packageManifest(deno, npm), null, 2)}\n`);
    await Deno.mkdir(folder, { recursive: true });
    return await archive(work, folder);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** One file for each entry, and what several share in files beside them: a process reads few files when it starts. */
async function bundle(sources: readonly string[], outdir: string): Promise<void> {
  try {
    await esbuild.build({
      entryPoints: [...sources],
      outdir,
      outbase: ".",
      bundle: true,
      splitting: true,
      chunkNames: "shared/[hash]",
      format: "esm",
      platform: "node",
      packages: "external",
      target: "es2024",
      keepNames: true,
      logLevel: "warning",
      tsconfigRaw: "{}",
    });
  } finally {
    await esbuild.stop();
  }
}

/** The declarations of the sources; they import each other as `.js`, as every compiler reads them. */
async function writeDeclarations(roots: readonly string[], outDir: string): Promise<void> {
  const sources: string[] = [];
  for (const root of roots) for await (const path of sourcesBelow(root)) sources.push(path);
  const program = ts.createProgram(sources, {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.Preserve,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    declaration: true,
    emitDeclarationOnly: true,
    noCheck: true,
    rootDir: ".",
    outDir,
  });
  program.emit(
    undefined,
    (path, text) => {
      ts.sys.writeFile(path, text.replace(/((?:\bfrom |\bimport\()"\.[^"\n]*)\.ts"/g, '$1.js"'));
    },
    undefined,
    true,
  );
}

async function* sourcesBelow(path: string): AsyncGenerator<string> {
  if ((await Deno.stat(path)).isDirectory) {
    for await (const { name } of Deno.readDir(path)) yield* sourcesBelow(`${path}/${name}`);
  } else if (path.endsWith(".ts")) yield path;
}

async function archive(package_: string, folder: string): Promise<string> {
  const command = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", resolve(folder), package_];
  const { code, output } = await run(command, { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`Cannot make the package: npm pack ended with ${code}\n${output}`);
  return join(resolve(folder), output.trim().split("\n").at(-1)!);
}

if (import.meta.main) {
  const path = await pack(Deno.args[0] ?? "dist");
  say(`${path}: ${((await Deno.stat(path)).size / 1024).toFixed(0)} KiB`);
}
