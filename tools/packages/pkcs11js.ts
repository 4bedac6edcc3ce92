/**
 * The npm package gp11-pkcs11js: the entry ./pkcs11js as one CommonJS file with types, for `require("pkcs11js")` of other
 * packages.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleCommonJs } from "./bundle.ts";
import { writeDeclarations } from "./declarations.ts";
import { type DenoManifest, type NpmManifest, pkcs11jsManifest, writeManifest } from "./manifest.ts";

const README = `# gp11-pkcs11js

npm's [pkcs11js](https://www.npmjs.com/package/pkcs11js) 2.1 by its names, arguments, results and errors, over
[@gp11/gp11](https://www.npmjs.com/package/@gp11/gp11): nothing is compiled and no script runs when it is installed. It
runs on Deno, Bun and Node. Packages that require pkcs11js get it by an override:

\`\`\`json
{ "overrides": { "pkcs11js": "npm:gp11-pkcs11js" } }
\`\`\`
`;

/** Writes the package into a folder. */
export async function writePkcs11jsPackage(folder: string): Promise<void> {
  const deno: DenoManifest = JSON.parse(readFileSync("deno.json", "utf8"));
  const npm: NpmManifest = JSON.parse(readFileSync("package.json", "utf8"));
  const entry = deno.exports["./pkcs11js"]!;
  mkdirSync(folder, { recursive: true });
  await bundleCommonJs(entry, join(folder, "index.js"));
  writeDeclarations([entry], join(folder, "types"));
  writeManifest(folder, pkcs11jsManifest(deno, npm));
  writeFileSync(join(folder, "README.md"), README);
  copyFileSync("LICENSE", join(folder, "LICENSE"));
}
