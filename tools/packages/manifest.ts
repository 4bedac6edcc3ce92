/** The manifest of the npm package, made of the repository's two. */

/** What of deno.json the package needs. */
export interface DenoManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** What of package.json the package needs. */
export interface NpmManifest {
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const description =
  "Keys that live in hardware (PKCS#11, managed modules) and HTTP sessions done properly, for Deno, Bun and Node: no compiled addon, no install script.";
const keywords = ["pkcs11", "hsm", "smartcard", "tpm", "p11-kit", "http", "fetch", "cookies", "deno", "bun"];

/** Where the code and the types of an entry lie in the package. */
export function placesOf(source: string): { readonly code: string; readonly types: string } {
  const path = source.replace(/\.ts$/, "");
  return { code: `${path}.js`, types: path.replace(/^\.\//, "./types/") + ".d.ts" };
}

/** The package's package.json: no script, dependencies in exact versions. */
export function packageManifest(deno: DenoManifest, npm: NpmManifest): Record<string, unknown> {
  const entries = Object.entries(deno.exports).map(([entry, source]) => {
    const { code, types } = placesOf(source);
    return [entry, { types, default: code }];
  });
  return {
    name: deno.name,
    version: deno.version,
    description,
    keywords,
    license: deno.license,
    type: "module",
    engines: npm.engines,
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    dependencies: npm.dependencies,
  };
}
