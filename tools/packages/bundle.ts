/** The code of the packages: few files, so that a process which starts reads little. */
import * as esbuild from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

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
 * Gives classes that speak of themselves their names back: esbuild calls `Slot` `_Slot` inside, and so do those who bundle
 * the package again: a name that is set outlives that. esbuild's own way, `keepNames`, calls a function for every class
 * and function of the package whenever a program starts.
 */
function withNames(text: string): string {
  return text.replaceAll(
    /\bclass\s+_(\w+)(?:\s+extends\s+[\w$.]+)?\s*\{/g,
    (head, name) => `${head}static{Object.defineProperty(this,"name",{value:"${name}",configurable:true})}`,
  );
}

/** The entries that use most of another, and are therefore packed as if they used all of it. */
const usesMostOf: Readonly<Record<string, readonly string[]>> = {
  "session/mod.ts": ["ffi/mod.ts"],
  "pkcs11js/mod.ts": ["ffi/mod.ts"],
  "webcrypto/mod.ts": ["session/mod.ts"],
  "opentelemetry/mod.ts": ["session/mod.ts"],
};

/** What a program has loaded that comes to load a file late, by how the file's path begins: the first that fits. */
const loadedBefore: readonly (readonly [start: string, entries: readonly string[]])[] = [
  ["http/", ["http/mod.ts"]],
  ["session/", ["session/mod.ts"]],
  // These use nothing of tokens: they are not to wait for it.
  ["cli/commands/completion.ts", []],
  ["cli/commands/help.ts", []],
  ["cli/commands/fetch.ts", ["session/mod.ts", "http/mod.ts"]],
  ["cli/commands/", ["session/mod.ts"]],
];

function entriesBefore(source: string): readonly string[] {
  const entries = loadedBefore.find(([start]) => source.startsWith(start))?.[1];
  if (entries === undefined) throw new Error(`Cannot pack ${source}: what is loaded before it is not known`);
  return entries;
}

/**
 * Has what is loaded late import the entries that are loaded before it, and an entry the one that it uses most of. Without
 * that each such file is one more way into the library to esbuild: of what they use, each part that other files use together
 * would be a file of its own, and a program would load fifty instead of thirteen, which on Node takes a third of its start.
 */
function behindEntries(late: ReadonlySet<string>): esbuild.Plugin {
  return {
    name: "behind-entries",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const source = relative(".", path);
        const entries = usesMostOf[source] ?? (late.has(source) ? entriesBefore(source) : []);
        if (entries.length === 0) return undefined;
        const imports = entries.map((entry) => `import ${JSON.stringify(resolve(entry))};\n`);
        return { contents: readFileSync(path, "utf8") + imports.join(""), loader: "ts" };
      });
    },
  };
}

/** The files that are loaded late, by `import()`. */
async function lateFiles(options: esbuild.BuildOptions): Promise<ReadonlySet<string>> {
  const { metafile } = await build({ ...options, metafile: true });
  const imports = Object.values(metafile!.inputs).flatMap((input) => input.imports);
  return new Set(
    imports.filter(({ external, kind }) => kind === "dynamic-import" && !external).map(({ path }) => path),
  );
}

/**
 * An ES module for each source, and what several share in files beside them; packages are imported. Comments and blanks are
 * left out: to load a module is to read each byte of it.
 */
export async function bundleModules(sources: readonly string[], outdir: string): Promise<void> {
  const options = {
    ...common,
    // No module of the package is a program: what `bin` names is, and in what a bundler makes each would think it were.
    define: { "require": REQUIRE, "import.meta.main": "false" },
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
  } as const satisfies esbuild.BuildOptions;
  const late = await lateFiles(options);
  const { outputFiles = [] } = await build({ ...options, plugins: [behindEntries(late)] });
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
