// tools/pack.ts: the npm packages, installed into empty folders and used as people use them. GP11_PACKAGE names another archive
// of @gp11/gp11 that is to do as well.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { pack } from "../../tools/pack.ts";
import { runtimeProgram } from "../../tools/runner/runtimes.ts";
import { compilerSettings, InstalledTypes } from "../_support/installed_types.ts";
import { programOrSkip, run } from "../_support/runtime_programs.ts";
import { createSeparateToken, softhsmSkip } from "../_support/softhsm.ts";
import { temporaryFolder } from "../_support/temporary_folder.ts";

const node = await programOrSkip("node");

const program = `import * as root from "@gp11/gp11";
import * as sessions from "@gp11/gp11/session";
import * as https from "@gp11/gp11/http";
import * as ffi from "@gp11/gp11/ffi";
import * as webcrypto from "@gp11/gp11/webcrypto";
import * as addon from "@gp11/gp11/pkcs11js";
import pkcs11js from "gp11-pkcs11js";

const { HttpMessage, HttpSession, Module } = root;
const digest = (session: sessions.Session): Promise<Uint8Array> => session.digest(sessions.CKM.SHA256, new Uint8Array(3));
const [path = ""] = process.argv.slice(2);
const module = await Module.load(path);
const [slot] = await module.slots({ tokenPresent: true });
const length: number = (await digest(await slot!.openSession())).length;
await using token = await webcrypto.tokenCrypto(slot!);
const { byteLength } = await token.subtle.digest("SHA-384", new Uint8Array(3));
await module.close();
const both = [addon.PKCS11, pkcs11js.PKCS11].map((Addon) => {
  const made = new Addon();
  made.load(path);
  made.C_Initialize();
  const { length } = made.C_GetSlotList(true);
  made.C_Finalize();
  return length > 0;
});
const http: root.HttpSession = new HttpSession({ maxConns: 3 });
const message = new HttpMessage("GET", "http://127.0.0.1:1/");
http.sendMessageSync(message);
await http.close();
const entries = [root, sessions, https, ffi, webcrypto, addon, pkcs11js].flatMap((entry) => Object.entries(entry));
const isClass = (value: unknown) => typeof value === "function" && String(value).startsWith("class");
const renamed = entries.filter(([key, value]) => isClass(value) && value.name !== key).map(([key]) => key);
console.log(renamed, length, byteLength, both.join(), message.statusCode, message.error !== null);
`;
const printed = "[] 32 48 true,true 4 true\n";

/** What may be read of the package when an entry is imported: files and bytes of it cost a program its start. */
const most: Readonly<Record<string, { readonly files: number; readonly kilobytes: number }>> = {
  "@gp11/gp11": { files: 14, kilobytes: 1452 },
  "@gp11/gp11/session": { files: 10, kilobytes: 690 },
};

/** A program that tells the sizes of the package's files that Node has read for its import, and with a signature. */
const counted = `import { statSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const sizes = [];
registerHooks({
  load(url, context, next) {
    if (url.includes("/@gp11/")) sizes.push(statSync(fileURLToPath(url)).size);
    return next(url, context);
  },
});
const [entry, path, pin] = process.argv.slice(2);
const { CKM, Module } = await import(entry);
const imported = [...sizes];
const module = await Module.load(path);
const session = module.slotsSync({ tokenPresent: true })[0].openSessionSync({ login: { pin } });
const key = session.generateKeySync(CKM.GENERIC_SECRET_KEY_GEN, { valueLen: 32, sign: true });
session.signSync(key, CKM.SHA256_HMAC, new Uint8Array(32));
await session.sign(key, CKM.SHA256_HMAC, new Uint8Array(32));
await module.close();
console.log(JSON.stringify({ imported, signed: sizes }));
`;

/** A program that has every entry, and hands a token to what takes the runtime's own Web Cryptography. */
const types = (entries: readonly string[]) =>
  `${entries.map((entry, index) => `export * as entry${index} from ${JSON.stringify(entry)};`).join("\n")}
import type { TokenCrypto, TokenCryptoKey } from "@gp11/gp11/webcrypto";
declare const token: TokenCrypto, key: TokenCryptoKey;
export const asCrypto: typeof crypto = token;
export const signature: Promise<ArrayBuffer> = crypto.subtle.sign("HMAC", key, new Uint8Array(1));
export const made: Promise<TokenCryptoKey> = token.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
`;

describe("the npm package", () => {
  let archive = "";
  let folder = "";

  const inFolder = (command: readonly string[], cwd = folder, environment: Readonly<Record<string, string>> = {}) =>
    run(command, cwd, environment);

  before(async () => {
    const packed = await pack(temporaryFolder("packed"));
    archive = process.env.GP11_PACKAGE ?? packed.gp11;
    folder = realpathSync(temporaryFolder("installed"));
    writeFileSync(`${folder}/package.json`, JSON.stringify({ type: "module", private: true }));
    inFolder(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", archive, packed.pkcs11js]);
    mkdirSync(`${folder}/node_modules/@types`);
    const types = fileURLToPath(new URL("../../node_modules/@types/node", import.meta.url));
    symlinkSync(types, `${folder}/node_modules/@types/node`);
    writeFileSync(`${folder}/program.ts`, program);
  });

  const manifestOf = (name: string) => JSON.parse(readFileSync(`${folder}/node_modules/${name}/package.json`, "utf8"));

  it("runs nothing when it is installed, and names its dependencies in exact versions", () => {
    for (const name of ["@gp11/gp11", "gp11-pkcs11js"]) {
      const { bundleDependencies, dependencies = {}, gypfile, scripts } = manifestOf(name);
      assertEquals([scripts, gypfile, bundleDependencies], [undefined, undefined, undefined]);
      for (const version of Object.values<string>(dependencies)) {
        assertMatch(version, /^(?:npm:[\w-]+@)?\d+\.\d+\.\d+$/);
      }
    }
  });

  it(
    "has Node load none of its own large modules, nor its HTTP client, when it is imported",
    { skip: node.skip },
    () => {
      const script = `const known = new Set(process.moduleLoadList);
      await import("@gp11/gp11");
      const loaded = process.moduleLoadList.filter((name) => !known.has(name) && name.startsWith("NativeModule "));
      console.log(loaded.map((name) => name.slice(13)).filter((name) => name !== "internal/file").join());`;
      const imported = inFolder([node.program, "--input-type=module", "--eval", script]);
      assertEquals(imported.trim(), "");
    },
  );

  it(
    "has a first signature read no more of it than the import did, which is no more than is known",
    { skip: softhsmSkip || node.skip },
    () => {
      const { token, environment } = createSeparateToken();
      writeFileSync(`${folder}/counted.mjs`, counted);
      const quiet = "--disable-warning=ExperimentalWarning";
      for (const [entry, { files, kilobytes }] of Object.entries(most)) {
        const command = [node.program, quiet, "counted.mjs", entry, token.module, token.userPin];
        const read: { imported: number[]; signed: number[] } = JSON.parse(inFolder(command, folder, environment));
        const bytes = read.imported.reduce((sum, size) => sum + size);
        assertEquals(read.signed, read.imported, entry);
        assert(read.imported.length <= files, `${entry}: ${read.imported.length} files are read`);
        assert(bytes <= kilobytes * 1000, `${entry}: ${bytes} bytes are read`);
      }
    },
  );

  it("is used from Node, Bun and Deno, and as one compiled file", { skip: softhsmSkip || node.skip }, async () => {
    const bun = await runtimeProgram("bun");
    const { token, environment } = createSeparateToken();
    const quiet = "--disable-warning=ExperimentalWarning";
    const use = (...command: string[]) => inFolder([...command, token.module], folder, environment);
    assertEquals(use(node.program, quiet, "program.ts"), printed);
    assertEquals(use(bun, "program.ts"), printed);
    assertEquals(use(process.execPath, "run", "-A", "--no-lock", "program.ts"), printed);
    const [command = "", ...more] = Object.values<string>(manifestOf("@gp11/gp11").bin ?? {});
    assertEquals([command, more, existsSync(`${folder}/node_modules/.bin/gp11`)], ["bin/gp11.js", [], true]);
    // What is written to standard error, too: Node has nothing to warn of there.
    const programs = temporaryFolder("programs");
    symlinkSync(node.program, `${programs}/node`);
    const script = 'PATH="$1:$PATH" && shift && npm_config_update_notifier=false npx --no gp11 "$@" 2>&1';
    const slots = JSON.parse(use("sh", "-c", script, "sh", programs, "slots", "--json", "--module"));
    assert(slots.length > 0);
    for (const options of [[], ["--bytecode", "--format=esm"]]) {
      inFolder([bun, "build", "--compile", ...options, "program.ts", "--outfile", "compiled"]);
      assertEquals(use(`${folder}/compiled`), printed);
    }
  });

  it("is added by Bun to an empty folder", async () => {
    const bun = await runtimeProgram("bun");
    const empty = temporaryFolder("added");
    writeFileSync(`${empty}/package.json`, JSON.stringify({ type: "module" }));
    inFolder([bun, "add", archive], empty);
    writeFileSync(
      `${empty}/name.ts`,
      'import { HttpSession } from "@gp11/gp11/http";\nconsole.log(HttpSession.name);\n',
    );
    assertEquals(inFolder([bun, "name.ts"], empty), "HttpSession\n");
  });

  it("is linked by a deno.json as a folder", () => {
    const linked = temporaryFolder("linked");
    mkdirSync(`${linked}/package`);
    inFolder(["tar", "xzf", archive, "-C", linked], linked);
    const imports = { "@gp11/gp11/session": pathToFileURL(`${linked}/package/session/mod.js`).href };
    writeFileSync(`${linked}/deno.json`, JSON.stringify({ imports }));
    writeFileSync(`${linked}/name.ts`, 'import { Session } from "@gp11/gp11/session";\nconsole.log(Session.name);\n');
    assertEquals(inFolder([process.execPath, "run", "-A", "--no-lock", "name.ts"], linked), "Session\n");
  });

  describe("has types that a strict compiler finds nothing in", () => {
    let installed: InstalledTypes;
    before(() => {
      const { exports: entries }: { exports: Record<string, unknown> } = manifestOf("@gp11/gp11");
      const names = Object.keys(entries).filter((entry) => entry !== "./package.json");
      writeFileSync(
        `${folder}/types.ts`,
        types([...names.map((entry) => entry.replace(/^\./, "@gp11/gp11")), "gp11-pkcs11js"]),
      );
      installed = new InstalledTypes(folder);
    });

    for (const [name, setting] of compilerSettings) {
      it(`in every entry: ${name}`, () => assertEquals(installed.errors("types.ts", setting), []));
    }
  });
});
