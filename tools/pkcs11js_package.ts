// The npm package gp11-pkcs11js: the door ./pkcs11js as one CommonJS file with types, for `require("pkcs11js")` of other
// packages. `deno run -A tools/pkcs11js_package.ts FOLDER` writes it into a folder.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { run } from "./runner/process.ts";
import { runtimeProgram } from "./runner/runtimes.ts";
import { say } from "./say.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const ENTRY = "pkcs11js/mod.ts";

const README = `# gp11-pkcs11js

npm's [pkcs11js](https://www.npmjs.com/package/pkcs11js) 2.1 by its names, arguments, results and errors, over
[@gp11/gp11](https://jsr.io/@gp11/gp11): nothing is compiled and no script runs when it is installed. It runs on Deno,
Bun and Node. Packages that require pkcs11js get it by an override:

\`\`\`json
{ "overrides": { "pkcs11js": "npm:gp11-pkcs11js" } }
\`\`\`
`;

/** Writes the package into a folder. */
export async function writePkcs11jsPackage(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const output = join(folder, "index.js");
  const bun = await runtimeProgram("bun");
  // Not minified: what worker threads run is sent to them as the text of functions.
  const bundled = await run([bun, "build", join(root, ENTRY), "--target=node", "--format=cjs", `--outfile=${output}`], {
    env: { NO_COLOR: "1" },
    timeoutMs: 120_000,
  });
  if (bundled.code !== 0) throw new Error(`Cannot bundle ${ENTRY}: ${bundled.output}`);
  const names = Object.keys(await import("../pkcs11js/mod.ts")).filter((name) => name !== "default");
  // Never run: it tells importers that are ES modules which names there are.
  const told = `0 && (module.exports = {\n  ${names.join(",\n  ")}\n});\n`;
  writeFileSync(output, `${readFileSync(output, "utf8")}${told}`);
  writeTypes(join(folder, "types"));
  const { version, license } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const manifest = {
    name: "gp11-pkcs11js",
    version,
    description: "npm's pkcs11js with nothing to compile: PKCS#11 on Deno, Bun and Node",
    license,
    main: "index.js",
    types: `types/${ENTRY.replace(/ts$/, "d.ts")}`,
    files: ["index.js", "types"],
    engines: JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines,
  };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, "README.md"), README);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
}

/** The declarations of the entry and of every file they name. */
function writeTypes(folder: string): void {
  const waiting = [ENTRY];
  const known = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const source = readFileSync(join(root, file), "utf8");
    const { outputText, diagnostics } = ts.transpileDeclaration(source, {
      fileName: file,
      compilerOptions: { isolatedDeclarations: true, stripInternal: true },
    });
    if (diagnostics?.length) throw new Error(`Cannot declare ${file}: ${ts.formatDiagnostics(diagnostics, host)}`);
    const declared = outputText.replace(/(from "|import\(")(\.\.?\/[^"]+)\.ts"/g, (_, before, name) => {
      const target = relative(".", join(dirname(file!), `${name}.ts`));
      if (!known.has(target)) waiting.push(target);
      known.add(target);
      return `${before}${name}.js"`;
    });
    const target = join(folder, file.replace(/ts$/, "d.ts"));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, declared);
  }
}

const host: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => root,
  getNewLine: () => "\n",
};

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined) throw new Error("Usage: deno run -A tools/pkcs11js_package.ts FOLDER");
  await writePkcs11jsPackage(folder);
  say(`gp11-pkcs11js lies in ${folder}`);
}
