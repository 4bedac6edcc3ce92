/** The manifests of the npm packages, made of the repository's two. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What of deno.json the packages need. */
export interface DenoManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** What of package.json the packages need. */
export interface NpmManifest {
  readonly description: string;
  readonly keywords: readonly string[];
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The file that npm starts for the command line. */
export const COMMAND = "bin/gp11.js";

/** The declarations name types of Node's modules: compilers of programs on Bun and Node have them, or are told here. */
const typesOfNode = {
  peerDependencies: { "@types/node": ">=22" },
  peerDependenciesMeta: { "@types/node": { optional: true } },
};

/** Where the code and the types of an entry lie in the package. */
export function placesOf(source: string): { readonly code: string; readonly types: string } {
  const path = source.replace(/\.ts$/, "");
  return { code: `${path}.js`, types: path.replace(/^\.\//, "./types/") + ".d.ts" };
}

/** The manifest of @gp11/gp11: no script, dependencies in exact versions. */
export function packageManifest(deno: DenoManifest, npm: NpmManifest): Record<string, unknown> {
  const entries = Object.entries(deno.exports).map(([entry, source]) => {
    const { code, types } = placesOf(source);
    return [entry, { types, default: code }];
  });
  return {
    name: deno.name,
    ...told(deno, npm),
    description: npm.description,
    keywords: npm.keywords,
    type: "module",
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    ...("./cli" in deno.exports ? { bin: { gp11: COMMAND } } : {}),
    dependencies: npm.dependencies,
    ...typesOfNode,
  };
}

/** The manifest of gp11-pkcs11js: a CommonJS package that needs no other. */
export function pkcs11jsManifest(deno: DenoManifest, npm: NpmManifest): Record<string, unknown> {
  return {
    name: "gp11-pkcs11js",
    ...told(deno, npm),
    description: "npm's pkcs11js with nothing to compile: PKCS#11 on Deno, Bun and Node",
    keywords: ["pkcs11", "pkcs11js", "hsm", "smartcard"],
    main: "./index.js",
    types: placesOf(deno.exports["./pkcs11js"]!).types,
    ...typesOfNode,
  };
}

/** Where the repository is that a workflow runs in; null where none runs: nothing else says it. */
export function repositoryUrl(): string | null {
  const { GITHUB_REPOSITORY, GITHUB_SERVER_URL } = process.env;
  return GITHUB_REPOSITORY ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}` : null;
}

/** What both say. A workflow adds the repository it runs in: npm compares it with that of the provenance. */
function told({ license, version }: DenoManifest, { engines }: NpmManifest): Record<string, unknown> {
  const url = repositoryUrl();
  return { version, license, ...(url === null ? {} : { repository: { type: "git", url: `git+${url}.git` } }), engines };
}

/** Writes package.json. */
export function writeManifest(folder: string, manifest: Record<string, unknown>): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}
