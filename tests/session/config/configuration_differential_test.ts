import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { loadConfiguration, registeredModules } from "../../../session/config/mod.ts";
import { ConfigurationError } from "../../../session/errors.ts";
import { compileP11KitProgram, p11KitOracleSkip, runLines } from "../../_support/c_program.ts";
import { compileMockModule } from "../../_support/mock_module.ts";
import { pseudoRandom } from "../../_support/pseudo_random.ts";
import { temporaryFolder } from "../../_support/temporary_folder.ts";

const OPTIONS = [
  "priority",
  "critical",
  "managed",
  "trust-policy",
  "log-calls",
  "remote",
  "enable-in",
  "x-a",
  "x-b",
  "x-init-reserved",
]; // deno-fmt-ignore
const NOBODY = 65534;

interface Case {
  /** Files by folder and name: "system.conf", "user.conf", "package/a.module" … */
  readonly files: Readonly<Record<string, string>>;
  readonly progname?: string;
  readonly user?: boolean;
}

function write(root: string, { files }: Case): void {
  for (const folder of ["package", "system", "user"]) mkdirSync(`${root}/${folder}`, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${root}/${name}`, text);
  chmodSync(root, 0o755);
}

function paths(root: string) {
  return {
    systemConf: `${root}/system.conf`,
    userConf: `${root}/user.conf`,
    packageModules: `${root}/package`,
    systemModules: `${root}/system`,
    userModules: `${root}/user`,
  };
}

function ours(root: string, { progname = "prog", user = false }: Case): string {
  try {
    const configuration = loadConfiguration(paths(root), { user });
    const { modules } = registeredModules(configuration, { progname });
    const lines = modules.map(({ name, options }) => {
      const value = (key: string) => options.get(key) ?? configuration.globals.get(key);
      return [name, ...OPTIONS.flatMap((key) => value(key) === undefined ? [] : [`${key}=${value(key)}`])].join("|") +
        ";";
    });
    return `${lines.join("")}global=${configuration.globals.get("x-global") ?? ""}`;
  } catch (error) {
    if (error instanceof ConfigurationError) return "FAIL";
    throw error;
  }
}

let program: string | undefined;
function oracle(): string {
  return program ??= compileP11KitProgram("config_oracle");
}

/** Reads every configuration in both, and compares what came of it. */
function compare(cases: readonly Case[]): void {
  const base = temporaryFolder("config");
  chmodSync(base, 0o755);
  const roots = cases.map((one, at) => {
    write(`${base}/${at}`, one);
    return `${base}/${at}`;
  });
  const lines = cases.map(({ progname = "prog", user = false }, at) => {
    const files = paths(roots[at]!);
    return [
      user ? NOBODY : 0,
      progname,
      files.systemConf,
      files.userConf,
      files.packageModules,
      files.systemModules,
      files.userModules,
    ].join("\t"); // deno-fmt-ignore
  });
  const answers = runLines(oracle(), lines);
  for (const [at, one] of cases.entries()) {
    const where = `${JSON.stringify(one)}\n`;
    assertEquals(where + ours(roots[at]!, one), where + answers[at]);
  }
}

/** Three libraries, as libp11-kit takes two names of one library for one module. */
let libraries: string[] | undefined;
function library(index: number): string {
  if (libraries === undefined) {
    const { path } = compileMockModule("configured");
    const folder = temporaryFolder("libraries");
    chmodSync(folder, 0o755);
    libraries = ["a", "b", "c", "d"].map((name) => `${folder}/${name}.so`);
    for (const copy of libraries) copyFileSync(path, copy);
  }
  return libraries[index]!;
}

const skip = p11KitOracleSkip || (process.getuid?.() !== 0 && "only root can read a configuration as another user");

describe("p11-kit configuration against libp11-kit", { skip }, () => {
  it("agrees about the lines of a file", () => {
    const [a] = [library(0)];
    const bodies = [
      `module: ${a}`,
      `  module :\t${a}  `,
      `module: ${a}\r\nx-a: 1\r\n`,
      `# comment\n\nmodule: ${a}\n #another\nx-a: # no comment`,
      `module: ${a}\nx-a: one\nx-a: two`,
      `module: ${a}\nx-a`,
      `[section]\nmodule: ${a}`,
      `[section\nmodule: ${a}`,
      `module: ${a}\n[`,
      `module: ${a}\n[]`,
      `module: ${a}\n-----BEGIN X-----\nabc\n-----END X-----\n`,
      `module: ${a}\n-----BEGIN X-----\n`,
      `module: ${a}\n -----BEGIN: X\n`,
      `module: ${a}\nx-a: b: c`,
      `module: ${a}\n: x\nx-a:`,
      `module: ${a}\nx-a:\u00a0b`,
      "",
      "\n\n",
      "x-a: 1",
      `module: ${a}\nx-a: b\0c`,
      `module: ${a}\nx-a: \u00fc`,
      `module: ${a}\nno colon here`,
      `module: ${a}\n\v\fx-a: 5\v`,
    ]; // deno-fmt-ignore
    compare(bodies.map((body) => ({ files: { "system/one.module": body } })));
  });

  it("agrees about user-config and who wins", () => {
    const module = (x: string) => `module: ${library(0)}\nx-a: ${x}\n`;
    const files = {
      "package/m.module": module("package") + "x-b: b",
      "system/m.module": module("system") + "priority: 3",
      "user/m.module": module("user"),
      "user/u.module": `module: ${library(1)}`,
      "package/p.module": `module: ${library(2)}`,
    }; // deno-fmt-ignore
    const modes = [undefined, "none", "merge", "only", "override", "wrong", ""];
    const conf = (mode: string | undefined, who: string) =>
      `x-global: ${who}\n${mode === undefined ? "" : `user-config: ${mode}\n`}`;
    const cases: Case[] = [];
    for (const system of modes) {
      for (const user of modes) {
        const both = { ...files, "system.conf": conf(system, "system"), "user.conf": conf(user, "user") };
        cases.push({ files: both, user: true }, { files: both });
      }
    }
    compare(cases);
  });

  it("agrees about enable-in, disable-in, priorities and names", () => {
    const many = (line: string) => ({ "system/m.module": `module: ${library(0)}\n${line}` });
    const lines = [
      "enable-in: prog",
      "enable-in: other",
      "enable-in: other, prog",
      "enable-in: other prog more",
      "enable-in: progs",
      "enable-in:",
      "disable-in: prog",
      "disable-in: other",
      "disable-in:",
      "enable-in: prog\ndisable-in: prog",
      "enable-in: other\ndisable-in: other",
      "disable-in: p11-kit-proxy",
      "enable-in: p11-kit-proxy",
      "enable-in: a,prog,b",
      "enable-in: a\tprog",
    ]; // deno-fmt-ignore
    compare([
      ...lines.map((line) => ({ files: many(line) })),
      {
        files: {
          "system/b.module": `module: ${library(0)}\npriority: 5`,
          "system/a.module": `module: ${library(1)}\npriority: 5x`,
          "system/z.module": `module: ${library(2)}\npriority: -1`,
          "system/y.module": `module: ${library(3)}\npriority: none`,
        },
      },
      { files: { "system/no-suffix": `module: ${library(0)}`, "system/.dot.module": `module: ${library(1)}` } },
      { files: { "system/.module": `module: ${library(0)}`, "system/with space.module": `module: ${library(1)}` } },
    ]);
  });

  it("agrees about folders that are missing, unreadable or hold what is no file", () => {
    const root = temporaryFolder("folders");
    chmodSync(root, 0o755);
    const make = (name: string, prepare: (folder: string) => void) => {
      write(`${root}/${name}`, { files: { "system/m.module": `module: ${library(0)}` } });
      prepare(`${root}/${name}`);
      return `${root}/${name}`;
    };
    const roots = [
      make("subfolder", (folder) => mkdirSync(`${folder}/system/inside.module`)),
      make("dangling", (folder) => symlinkSync("/nowhere", `${folder}/system/dangling.module`)),
      make("conf-folder", (folder) => mkdirSync(`${folder}/system.conf`)),
      make("file-for-folder", (folder) => writeFileSync(`${folder}/other`, "")),
    ];
    const lines = roots.map((one) =>
      [0, "prog", `${one}/system.conf`, `${one}/user.conf`, `${one}/other`, `${one}/system`, `${one}/user`].join("\t")
    );
    const answers = runLines(oracle(), lines);
    for (const [at, one] of roots.entries()) {
      const configured = { ...paths(one), packageModules: `${one}/other` };
      let mine: string;
      try {
        const { modules } = registeredModules(loadConfiguration(configured, { user: false }), { progname: "prog" });
        mine = `${modules.map(({ name }) => `${name};`).join("")}global=`;
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        mine = "FAIL";
      }
      assertEquals(`${one}: ${mine}`, `${one}: ${answers[at]}`);
    }
  });

  it("agrees about 150 random configurations", () => {
    const random = pseudoRandom(1964);
    const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
    const body = (index: number) => {
      const lines = [`module: ${library(index)}`];
      const values = ["yes", "no", "1", "-2", "prog", "other, prog", "", "a b"];
      for (let n = random(5); n > 0; n--) {
        lines.push(`${pick(["priority", "x-a", "x-b", "enable-in", "disable-in"])}: ${pick(values)}`);
      }
      if (random(12) === 0) lines.push(pick(["broken", "[x]", "# fine", "\t"]));
      return lines.join(pick(["\n", "\r\n"]));
    };
    const cases = Array.from({ length: 150 }, () => {
      const files: Record<string, string> = {};
      for (const folder of ["package", "system", "user"]) {
        for (let index = 0; index < 3; index++) {
          if (random(3) > 0) files[`${folder}/m${index}.module`] = body(index);
        }
      }
      const modes = ["", "user-config: merge", "user-config: only", "user-config: none", "x-global: s"];
      if (random(2)) files["system.conf"] = pick(modes);
      if (random(2)) files["user.conf"] = pick(modes);
      return { files, user: random(2) === 1 };
    });
    compare(cases);
  });
});
