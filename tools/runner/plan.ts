// What is to be run: the test files by area and runtime, cut into processes of a bearable size.
import { hasExample } from "./examples.ts";
import type { RuntimeName } from "./runtimes.ts";

/** One process of the suite. */
export interface Suite {
  /** The runtime it runs on. */
  readonly runtime: RuntimeName;
  /** The area it belongs to, shown in the report. */
  readonly area: string;
  /** The test files, or the documented sources when `documentation` is set. */
  readonly files: readonly string[];
  /** Run the examples inside these files instead of tests. */
  readonly documentation?: true;
  /** Load each file as if there were no other. */
  readonly apart?: true;
  /** Leave deno.json out: older versions refuse its newer fields. */
  readonly withoutConfig?: true;
}

/** What the command line chose. */
export interface Selection {
  /** The runtimes to run on. */
  readonly runtimes: readonly RuntimeName[];
  /** Parts of paths; a file runs when one of them occurs in its path. Empty: every file. */
  readonly paths: readonly string[];
  /** Run the examples of the documentation. */
  readonly documentation: boolean;
}

/** Areas whose tests are about the project or about Deno alone. */
const denoOnly = new Set(["deno", "project"]);

/** A crash takes down the files of its process only, and two cores stay busy to the end. */
const filesPerProcess = 16;

const leaks = "Deno's sanitizers look at all that is open where it runs";
const gnutls = "GnuTLS keeps the modules that it was given as long as its process lives";
const servers = "it starts servers while it is loaded, to know what to test, and puts them into the environment";

/** Files that are loaded as if there were no other, and why. */
const loadedApart: ReadonlyMap<string, string> = new Map([
  ["tests/cli/client_key_test.ts", gnutls],
  ["tests/deno/http_leaks_test.ts", leaks],
  ["tests/deno/pkcs11_leaks_test.ts", leaks],
  ["tests/session/tls/token_certificate_test.ts", gnutls],
  ["tests/session/tls/token_tls_databases_test.ts", gnutls],
  ["tests/session/tls/token_tls_failures_test.ts", gnutls],
  ["tests/cli/tpm_commands_test.ts", servers],
  ["tests/session/keys/keys_in_tpm_test.ts", servers],
]);

const documentedFolders = ["ffi", "session", "http", "webcrypto", "opentelemetry", "docs"];
const documentedFiles = ["mod.ts", "cli.ts", "README.md"];

/** Areas whose files take longest; what begins first is not waited for at the end. */
const slowAreas: readonly string[] = ["project", "session"];

function rank({ area }: Suite): number {
  const place = slowAreas.indexOf(area);
  return place < 0 ? slowAreas.length : place;
}

/** The processes to run, the longest first. */
export function planSuites(selection: Selection): Suite[] {
  const suites: Suite[] = [];
  for (const [area, files] of testFilesByArea(selection.paths)) {
    for (const runtime of selection.runtimes) {
      if (runtime !== "deno" && denoOnly.has(area)) continue;
      const apart = files.filter((file) => loadedApart.has(file));
      // Node has a process for each; Bun's and Deno's files share what the libraries of theirs keep.
      if (runtime !== "node") {
        suites.push(...apart.map((file) => ({ runtime, area, files: [file], apart: true as const })));
      } else if (apart.length > 0) suites.push({ runtime, area, files: apart, apart: true });
      const together = files.filter((file) => !apart.includes(file));
      for (const chunk of evenChunks(together, filesPerProcess)) suites.push({ runtime, area, files: chunk });
    }
  }
  suites.sort((a, b) => rank(a) - rank(b) || b.files.length - a.files.length);
  if (selection.documentation && selection.runtimes.includes("deno")) {
    const files = documentedSources(selection.paths);
    if (files.length > 0) suites.unshift({ runtime: "deno", area: "documentation", files, documentation: true });
  }
  return suites;
}

function testFilesByArea(paths: readonly string[]): Map<string, string[]> {
  const areas = new Map<string, string[]>();
  for (const file of filesBelow("tests")) {
    const area = file.split("/")[1]!;
    const isTest = file.endsWith("_test.ts") && !area.startsWith("_");
    if (!isTest || !isChosen(file, paths)) continue;
    areas.set(area, [...areas.get(area) ?? [], file]);
  }
  return areas;
}

/** Only files with an example to run: a file without one would be loaded for nothing. */
function documentedSources(paths: readonly string[]): string[] {
  const files = [...documentedFiles, ...documentedFolders.flatMap((folder) => [...filesBelow(folder)])];
  return files.filter((file) => {
    if (!/\.(ts|md)$/.test(file) || !isChosen(file, paths)) return false;
    try {
      return hasExample(Deno.readTextFileSync(file));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

function isChosen(file: string, paths: readonly string[]): boolean {
  return paths.length === 0 || paths.some((path) => file.includes(path.replace(/^\.\//, "")));
}

function* filesBelow(folder: string): Generator<string> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

function evenChunks<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most);
  const size = Math.ceil(items.length / Math.max(count, 1));
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
    .filter((chunk) => chunk.length > 0);
}
