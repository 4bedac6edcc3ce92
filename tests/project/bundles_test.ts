// Bundles by the commands of docs/packages.md, run where no package can be found; tools/bundlers names the bundlers.
import { assert, assertEquals } from "@std/assert";
import { cpSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { pack } from "../../tools/pack.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { programOrSkip, run } from "../_support/runtime_programs.ts";
import { createSeparateToken, softhsmSkip } from "../_support/softhsm.ts";
import { librarySources, readText } from "../_support/source_text.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const node = await programOrSkip("node");
const bun = await runtimeProgram("bun");
const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

const page = readText("docs/packages.md");

/** The line of the page that makes a file. */
function documentedCommand(made: string): string {
  const line = page.split("\n").find((each) => /^(?:bun|npx|deno) /.test(each) && each.includes(made));
  assert(line !== undefined, `docs/packages.md does not say how ${made} is made`);
  return line;
}

/** The text of the page's file of settings. */
function documentedFile(name: string): string {
  const [, text] = page.split(`\`\`\`js\n// ${name}\n`);
  assert(text !== undefined, `docs/packages.md has no ${name}`);
  return text.split("\n```")[0]!;
}

const onBun = [bun, "--no-install"];
const onDeno = [process.execPath, "run", "-A", "--no-npm", "--no-remote", "--no-lock"];
const onNode = [node.program, "--disable-warning=ExperimentalWarning"];

/** What is made, by the command that makes it, and the runtimes that run it. */
const bundles: readonly {
  readonly made: string;
  readonly command?: string;
  readonly settings?: string;
  readonly started: readonly (readonly string[])[];
  readonly file?: string;
}[] = [
  { made: "program", command: documentedCommand("--outfile program"), started: [[]] },
  { made: "program.bun.js", started: [onBun] },
  { made: "program.bun.mjs", started: [onNode, onBun] },
  { made: "program.esbuild.mjs", started: [onNode, onBun, onDeno] },
  { made: "program.esbuild.cjs", started: [onNode, onBun, onDeno] },
  { made: "program.deno.js", started: [onDeno] },
  {
    made: "program.rollup",
    command: "npx rollup --config",
    settings: "rollup.config.mjs",
    started: [onNode],
    file: "main.mjs",
  },
  {
    made: "program.webpack",
    command: "npx webpack --mode=none",
    settings: "webpack.config.mjs",
    started: [onNode],
    file: "main.cjs",
  },
];

/** What the program prints when nothing is missing. */
const printed = [
  "command line function",
  ...["cookies", "cache", "structured fields", "fetch", "websocket", "redis", "sqlite", "synchronous"],
  ...["P-256", "P-224", "secp256k1", "brainpoolP256r1", "Ed25519", "Ed448", "ML-DSA-44", "ML-KEM-768"],
];

/** A folder with the bundlers, or why there is none. */
function bundlersOrSkip(): { readonly folder: string; readonly skip: string | false } {
  const folder = temporaryFolder("bundled");
  for (const name of ["package.json", "package-lock.json"]) {
    cpSync(`${root}/tools/bundlers/${name}`, `${folder}/${name}`);
  }
  try {
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], folder);
    return { folder, skip: false };
  } catch {
    return { folder, skip: "the bundlers of tools/bundlers are neither in npm's cache nor can they be fetched" };
  }
}

describe("a bundle that is run where no package is", { skip: node.skip || softhsmSkip }, () => {
  const { folder, skip } = bundlersOrSkip();
  const programs = temporaryFolder("programs");
  const elsewhere = temporaryFolder("elsewhere");
  const { token, environment } = createSeparateToken();

  before(async () => {
    if (skip) return;
    const { gp11 } = await pack(temporaryFolder("packed"));
    run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", gp11], folder);
    cpSync(`${root}/tests/_support/bundled_library.ts`, `${folder}/main.ts`);
    // rollup and webpack read JavaScript, and not the newest.
    const esbuild = `${folder}/node_modules/.bin/esbuild`;
    run([esbuild, "main.ts", "--outfile=main.js", "--target=es2022", "--format=esm"], folder);
    symlinkSync(node.program, `${programs}/node`);
    symlinkSync(bun, `${programs}/bun`);
    symlinkSync(process.execPath, `${programs}/deno`);
  });

  for (const { made, command = documentedCommand(made), settings, started, file } of bundles) {
    it(`finds all that is loaded late: ${made}`, { skip }, () => {
      if (settings !== undefined) writeFileSync(`${folder}/${settings}`, documentedFile(settings));
      const PATH = `${programs}:${folder}/node_modules/.bin:${process.env.PATH}`;
      run(["sh", "-c", command.replace(/^npx /, "")], folder, { PATH });
      renameSync(`${folder}/${made}`, `${elsewhere}/${made}`);
      const path = [elsewhere, made, ...file === undefined ? [] : [file]].join("/");
      for (const start of started) {
        const lines = run([...start, path, token.module], elsewhere, environment).trim().split("\n");
        assertEquals(lines, printed, start.join(" "));
      }
    });
  }
});

describe("the command line that is compiled in a clone", { skip: softhsmSkip }, () => {
  it("makes and exports keys of curves where no package is", () => {
    const { token, environment } = createSeparateToken();
    const elsewhere = temporaryFolder("compiled");
    run([bun, "build", "--compile", "cli.ts", "--outfile", `${elsewhere}/gp11`], root);
    const gp11 = (...args: string[]) =>
      run([`${elsewhere}/gp11`, ...args, "--module", token.module], elsewhere, {
        ...environment,
        GP11_PIN: token.userPin,
      });
    const uri = `pkcs11:token=${token.label}`;
    assert(gp11("keygen", uri, "--type", "ec", "--label", "k", "--json").includes("BEGIN PUBLIC KEY"));
    assert(gp11("export", `${uri};object=k;type=public`).includes("BEGIN PUBLIC KEY"));
  });
});

describe("what is loaded late", () => {
  const files = librarySources().filter((path) => path !== "http/sync/sync_program.ts");

  it("is named where it is required, so that a bundler sees it", () => {
    for (const path of files) {
      const text = readText(path);
      if (path !== "internal/builtin_modules.ts") assert(!text.includes("createRequire("), path);
      for (
        const [, location, name] of text.matchAll(
          /requiredAt\(\s*import\.meta\.resolve\(([^)]*)\),\s*("[^"]*"),?\s*\)/g,
        )
      ) {
        assertEquals(location, name, path);
        const either = new RegExp(`typeof require === "function"\\s*\\? require\\(${name}\\)\\s*: requiredAt\\(`);
        assert(either.test(text), `${path} does not require ${name} in place`);
        assert(text.includes(`import(${name})`), `${path} does not import ${name}`);
      }
      // The program of the worker that sends synchronously is told the address of its module.
      const unnamed = path === "http/sync/sync_bootstrap.ts" ? null : /(?<!#)\bimport\((?!")/.exec(text);
      assertEquals(unnamed, null, path);
    }
  });
});
