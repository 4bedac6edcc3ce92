// deno task pack:dnt: @gp11/gp11 as dnt makes it (Deno's own transformation for npm), and the test of the package over it.
// dnt is on JSR alone: where JSR cannot be reached this says so. `deno task pack` is the road that releases go.
//
//   deno task pack:dnt [FOLDER]     into dist/dnt/
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { archives } from "./pack.ts";
import { type DenoManifest, type NpmManifest, packageManifest } from "./packages/manifest.ts";
import { writePapers } from "./packages/papers.ts";
import { run } from "./runner/process.ts";
import { runMain } from "./run_main.ts";
import { say } from "./say.ts";

/** Its name and version; deno.lock does not hold it, as nothing else may want JSR. */
const DNT: string = "jsr:@deno/dnt@0.43.2";

/** What of dnt is used. */
interface Dnt {
  emptyDir(folder: string): Promise<void>;
  build(options: {
    readonly entryPoints: readonly { readonly kind?: "bin" | "export"; readonly name: string; readonly path: string }[];
    readonly outDir: string;
    readonly shims: Record<never, never>;
    readonly package: Record<string, unknown>;
    readonly compilerOptions: { readonly lib: readonly string[]; readonly target: string };
    readonly scriptModule: false;
    readonly skipNpmInstall: boolean;
    readonly skipSourceOutput: boolean;
    readonly test: boolean;
    readonly typeCheck: false;
  }): Promise<void>;
}

async function library(): Promise<Dnt> {
  try {
    return await import(DNT);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`Cannot run ${DNT}: JSR cannot be reached (${reason}). \`deno task pack\` needs npm alone`, {
      cause: error,
    });
  }
}

/** Makes the package and answers the path of its archive. */
async function packWithDnt(folder: string): Promise<string> {
  const dnt = await library();
  const deno: DenoManifest = JSON.parse(readFileSync("deno.json", "utf8"));
  const npm: NpmManifest = JSON.parse(readFileSync("package.json", "utf8"));
  const outDir = join(folder, "package");
  await dnt.emptyDir(outDir);
  // dnt writes where the code and the types of its entries lie.
  const { bin: _bin, exports: _exports, ...manifest } = packageManifest(deno, npm);
  await dnt.build({
    entryPoints: Object.entries(deno.exports).map(([name, path]) => ({ name, path })),
    outDir,
    shims: {},
    package: manifest,
    compilerOptions: { lib: ["ESNext", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], target: "Latest" },
    scriptModule: false,
    skipNpmInstall: true,
    skipSourceOutput: true,
    test: false,
    typeCheck: false,
  });
  writePapers(outDir, deno.version);
  const [archive] = await archives([outDir], folder);
  return archive!;
}

async function main(folder: string): Promise<number> {
  const archive = await packWithDnt(resolve(folder));
  say(archive);
  const test = ["test", "-A", "--no-check", "--import-map=tests/offline.import_map.json"];
  const { code } = await run([Deno.execPath(), ...test, "tests/project/npm_package_test.ts"], {
    env: { GP11_PACKAGE: archive },
    inherit: true,
  });
  return code;
}

await runMain(([folder = "dist/dnt"]) => main(folder));
