/** The code of the packages: few files, so that a process which starts reads little. */
import * as esbuild from "esbuild";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Nothing is minified: what worker threads run is sent to them as the text of functions. */
const common = {
  bundle: true,
  platform: "node",
  target: "es2024",
  logLevel: "warning",
  tsconfigRaw: "{}",
} as const satisfies esbuild.BuildOptions;

/** What `require` is called while esbuild works: it would put a function of its own in its place, and bundlers look for it. */
const REQUIRE = "requireAsItIs";

/** An ES module for each source, and what several share in files beside them; packages are imported. */
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
    keepNames: true,
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll(REQUIRE, "require"));
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
