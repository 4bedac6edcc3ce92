/** The code of the packages: few files, so that a process which starts reads little. */
import * as esbuild from "esbuild";

/** Nothing is minified: what worker threads run is sent to them as the text of functions. */
const common = {
  bundle: true,
  platform: "node",
  target: "es2024",
  logLevel: "warning",
  tsconfigRaw: "{}",
} as const satisfies esbuild.BuildOptions;

/** An ES module for each source, and what several share in files beside them; packages are imported. */
export function bundleModules(sources: readonly string[], outdir: string): Promise<void> {
  return build({
    ...common,
    entryPoints: [...sources],
    outdir,
    outbase: ".",
    splitting: true,
    chunkNames: "shared/[hash]",
    format: "esm",
    packages: "external",
    keepNames: true,
  });
}

/** One CommonJS file with all that it needs. */
export function bundleCommonJs(source: string, outfile: string): Promise<void> {
  return build({ ...common, entryPoints: [source], outfile, format: "cjs", keepNames: true });
}

async function build(options: esbuild.BuildOptions): Promise<void> {
  try {
    await esbuild.build(options);
  } finally {
    await esbuild.stop();
  }
}
