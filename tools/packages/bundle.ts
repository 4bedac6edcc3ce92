/** The code of the packages: few files, so that a process which starts reads little. */
import * as esbuild from "esbuild";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** No name is shortened: what worker threads run is sent to them as the text of functions. */
const common = {
  bundle: true,
  platform: "node",
  target: "es2024",
  logLevel: "warning",
  tsconfigRaw: "{}",
} as const satisfies esbuild.BuildOptions;

/** What `require` is called while esbuild works: it would put a function of its own in its place, and bundlers look for it. */
const REQUIRE = "requireAsItIs";

/** Bun takes a file that begins so as it is: it parses and prints others before it runs them. */
const AS_IT_IS = "// @bun";

/**
 * Gives classes that speak of themselves their names back: esbuild calls `Slot` `_Slot` inside. Its own way, `keepNames`,
 * calls a function for every class and function of the package whenever a program starts.
 */
function withNames(text: string): string {
  return text.replaceAll(
    /\bclass\s+_(\w+)(?:\s+extends\s+[\w$.]+)?\s*\{/g,
    (head, name) => `${head}static{Object.defineProperty(this,"name",{value:"${name}",configurable:true})}`,
  );
}

/**
 * An ES module for each source, and what several share in files beside them; packages are imported. Comments and blanks are
 * left out: to load a module is to read each byte of it.
 */
export async function bundleModules(sources: readonly string[], outdir: string): Promise<void> {
  const { outputFiles = [] } = await build({
    ...common,
    define: { require: REQUIRE },
    write: false,
    entryPoints: [...sources],
    outdir,
    outbase: ".",
    splitting: true,
    chunkNames: "shared/[hash]",
    format: "esm",
    packages: "external",
    minifyWhitespace: true,
    lineLimit: 120,
    banner: { js: AS_IT_IS },
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, withNames(text).replaceAll(REQUIRE, "require"));
  }
}

/** One CommonJS file with all that it needs. */
export async function bundleCommonJs(source: string, outfile: string): Promise<void> {
  await build({ ...common, entryPoints: [source], outfile, format: "cjs", keepNames: true });
}

async function build(options: esbuild.BuildOptions): Promise<esbuild.BuildResult> {
  try {
    return await esbuild.build(options);
  } finally {
    await esbuild.stop();
  }
}
