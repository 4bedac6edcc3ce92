// tools/pack.ts: the npm package, installed into empty folders and used as people use it.
import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { pack } from "../../tools/pack.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { createSeparateToken, softhsmSkip } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const program = `import { CookieJar, HttpMessage, HttpSession, Module, Pkcs11Error } from "@gp11/gp11";
import { CKM, type Session } from "@gp11/gp11/session";
import { AuthBasic } from "@gp11/gp11/http";
import { Cryptoki } from "@gp11/gp11/ffi";

const digest = (session: Session): Promise<Uint8Array> => session.digest(CKM.SHA256, new Uint8Array(3));
const [path = ""] = process.argv.slice(2);
const module = await Module.load(path);
const [slot] = await module.slots({ tokenPresent: true });
const length: number = (await digest(await slot!.openSession())).length;
await module.close();
const http: HttpSession = new HttpSession({ maxConns: 3 });
const message = new HttpMessage("GET", "http://127.0.0.1:1/");
http.sendMessageSync(message);
await http.close();
const names: string = [CookieJar, Pkcs11Error, AuthBasic, Cryptoki, HttpMessage].map(({ name }) => name).join();
console.log(names, length, message.statusCode, message.error !== null);
`;
const printed = "CookieJar,Pkcs11Error,AuthBasic,Cryptoki,HttpMessage 32 4 true\n";

describe("the npm package", () => {
  let archive = "";
  let folder = "";
  let node = "";
  let bun = "";

  const run = (command: readonly string[], cwd = folder, environment: Readonly<Record<string, string>> = {}) => {
    const [file = "", ...args] = command;
    const env = { ...process.env, NO_COLOR: "1", ...environment };
    try {
      return execFileSync(file, args, { cwd, encoding: "utf8", stdio: "pipe", env });
    } catch (error) {
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      throw new Error(`${command.join(" ")}\n${stdout}${stderr}`, { cause: error });
    }
  };

  /** What the compiler finds fault with in the program and in the package; other packages may need what this one does not. */
  const errors = (module: ts.ModuleKind, moduleResolution: ts.ModuleResolutionKind, lib: readonly string[]) => {
    const typeRoots = [`${folder}/node_modules/@types`];
    const base = { strict: true, noEmit: true, target: ts.ScriptTarget.ESNext, types: ["node"], typeRoots };
    const options = { ...base, module, moduleResolution, lib: lib.map((name) => `lib.${name}.d.ts`) };
    const compiled = ts.createProgram([`${folder}/program.ts`], options);
    const own = compiled.getSourceFiles().filter((file) =>
      !compiled.isSourceFileDefaultLibrary(file) && !/\/node_modules\/(?!@gp11\/)/.test(file.fileName)
    );
    assert(own.some(({ fileName }) => fileName.endsWith("/@gp11/gp11/types/mod.d.ts")));
    const found = own.flatMap((file) => [
      ...compiled.getSyntacticDiagnostics(file),
      ...compiled.getSemanticDiagnostics(file),
    ]);
    return [...compiled.getOptionsDiagnostics(), ...compiled.getGlobalDiagnostics(), ...found]
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  };

  before(async () => {
    [node, bun] = [await runtimeProgram("node"), await runtimeProgram("bun")];
    archive = await pack(temporaryFolder("packed"));
    folder = realpathSync(temporaryFolder("installed"));
    writeFileSync(`${folder}/package.json`, JSON.stringify({ type: "module", private: true }));
    run(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", archive]);
    mkdirSync(`${folder}/node_modules/@types`);
    const types = fileURLToPath(new URL("../../node_modules/@types/node", import.meta.url));
    symlinkSync(types, `${folder}/node_modules/@types/node`);
    writeFileSync(`${folder}/program.ts`, program);
  });

  const installed = (path: string) => readFileSync(`${folder}/node_modules/@gp11/gp11/${path}`, "utf8");

  it("runs nothing when it is installed, and names its dependencies in exact versions", () => {
    const manifest = JSON.parse(installed("package.json"));
    assertEquals([manifest.scripts, manifest.gypfile, manifest.bundleDependencies], [undefined, undefined, undefined]);
    for (const version of Object.values<string>(manifest.dependencies)) {
      assertEquals(/^\d+\.\d+\.\d+$/.test(version), true);
    }
    assertNotMatch(installed("types/mod.d.ts"), /\.ts"/);
  });

  it("is used from Node, Bun and Deno, and as one compiled file", { skip: softhsmSkip }, () => {
    const { token, environment } = createSeparateToken();
    const quiet = "--disable-warning=ExperimentalWarning";
    const use = (...command: string[]) => run([...command, token.module], folder, environment);
    assertEquals(use(node, quiet, "program.ts"), printed);
    assertEquals(use(bun, "program.ts"), printed);
    assertEquals(use(process.execPath, "run", "-A", "--no-lock", "program.ts"), printed);
    run([bun, "build", "--compile", "program.ts", "--outfile", "compiled"]);
    assertEquals(use(`${folder}/compiled`), printed);
  });

  it("is added by Bun to an empty folder", () => {
    const empty = temporaryFolder("added");
    writeFileSync(`${empty}/package.json`, JSON.stringify({ type: "module" }));
    run([bun, "add", archive], empty);
    writeFileSync(
      `${empty}/name.ts`,
      'import { HttpSession } from "@gp11/gp11/http";\nconsole.log(HttpSession.name);\n',
    );
    assertEquals(run([bun, "name.ts"], empty), "HttpSession\n");
  });

  it("is linked by a deno.json as a folder", () => {
    const linked = temporaryFolder("linked");
    mkdirSync(`${linked}/package`);
    run(["tar", "xzf", archive, "-C", linked], linked);
    const imports = { "@gp11/gp11/session": pathToFileURL(`${linked}/package/session/mod.js`).href };
    writeFileSync(`${linked}/deno.json`, JSON.stringify({ imports }));
    writeFileSync(`${linked}/name.ts`, 'import { Session } from "@gp11/gp11/session";\nconsole.log(Session.name);\n');
    assertEquals(run([process.execPath, "run", "-A", "--no-lock", "name.ts"], linked), "Session\n");
  });

  it("has types that a strict program is compiled against: nodenext, with Node's types", () => {
    assertEquals(errors(ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext, ["esnext"]), []);
  });

  it("has types that a strict program is compiled against: bundler, with the DOM library", () => {
    const dom = ["esnext", "dom", "dom.iterable", "dom.asynciterable"];
    assertEquals(errors(ts.ModuleKind.Preserve, ts.ModuleResolutionKind.Bundler, dom), []);
  });
});
