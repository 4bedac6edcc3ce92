// The peers whose first signature and first request are measured: JavaScript ones on each runtime, others by themselves.
import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { say } from "../../tools/say.ts";
import { compiled, installed, pkcs11jsFolder } from "../peers.ts";

/** The peer whose start is 1. */
export const ADDON = "signature, pkcs11js";
/** The program that does nothing, of the runtime or of C: its name stands before those of other languages. */
export const EMPTY = "empty";
const EMPTY_PYTHON = `${EMPTY}, Python`;
const PYTHON = "/usr/bin/python3";

/** A program, and where it lies. */
export interface Program {
  readonly name: string;
  readonly path: string;
  /** What it is given behind the number of times. */
  readonly args: readonly string[];
  /** The runtimes it is written for; by default all. */
  readonly on?: readonly string[];
  /** What runs it; by default the runtime, and nothing where it is an executable. */
  readonly runBy?: readonly string[];
  /** The name of the program whose figures are taken off. */
  readonly empty?: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Copies a program beside the packages it imports. */
function beside(folder: string, file: string, name: string): string {
  copyFileSync(here("program.mjs"), join(folder, "program.mjs"));
  copyFileSync(here(file), join(folder, name));
  return join(folder, name);
}

/**
 * Programs over packages of npm. Those over the addon are missing, with a line that says so, where it cannot be built.
 *
 * @param work A folder outside the project.
 * @param token Module, label and PIN.
 * @param url What is requested.
 */
export function javaScriptPeers(work: string, token: readonly string[], url: string): Program[] {
  const addon = pkcs11jsFolder(join(work, "pkcs11js"));
  const signing = addon === null ? [] : [
    { name: ADDON, path: beside(addon, "pkcs11js.mjs", "addon.mjs"), args: token },
    { name: "signature, graphene-pk11", path: beside(addon, "peers/graphene.mjs", "graphene.mjs"), args: token },
    {
      name: "async signature, node-webcrypto-p11",
      path: beside(addon, "peers/webcrypto_p11.mjs", "webcrypto_p11.mjs"),
      args: token,
    },
  ];
  const folder = join(work, "http");
  installed(new URL("../http/peers", import.meta.url), folder);
  const path = beside(folder, "peers/requests.mjs", "requests.mjs");
  const requesting = ["undici", "ky", "got", "axios"].map((name) => (
    { name: `request, ${name}`, path, args: [name, url] }
  ));
  return [...signing, ...requesting];
}

/** The programs in C and Python; one whose library is missing is left out, with a line that says so. */
export function nativePeers(work: string, token: readonly string[], url: string): Program[] {
  const cryptoki = ["-w", "-I/usr/include/p11-kit-1", "-ldl"];
  const gck = ["-w", "-DGCK_API_SUBJECT_TO_CHANGE"];
  return [
    ...inC(work, { name: EMPTY, file: "empty.c", args: [] }),
    ...inC(work, { name: "signature, C", file: "cryptoki.c", flags: cryptoki, args: token }),
    ...inC(work, { name: "signature, libgck", file: "gck.c", library: "gck-1", flags: gck, args: token }),
    ...inPython(token),
    ...inC(work, { name: "request, libsoup 3", file: "libsoup.c", library: "libsoup-3.0", args: [url] }),
    ...inC(work, { name: "request, libcurl", file: "curl.c", library: "libcurl", args: [url] }),
  ];
}

/** A program in C, and the library it is written for. */
interface ProgramInC {
  readonly name: string;
  readonly file: string;
  readonly library?: string;
  readonly flags?: readonly string[];
  readonly args: readonly string[];
}

function inC(work: string, { args, file, flags = [], library, name }: ProgramInC): Program[] {
  const source = new URL(`peers/${file}`, import.meta.url);
  const path = compiled(
    { source, flags, ...library === undefined ? {} : { library } },
    join(work, file.replace(".c", "")),
  );
  return path === null ? [] : [{ name, path, args, runBy: [] }];
}

function inPython(token: readonly string[]): Program[] {
  if (spawnSync(PYTHON, ["-c", "import PyKCS11"]).status !== 0) {
    say("PyKCS11 is not installed: its row is left out");
    return [];
  }
  const python = { runBy: [PYTHON, "-B"], empty: EMPTY_PYTHON };
  return [
    { ...python, name: EMPTY_PYTHON, path: here("peers/empty.py"), args: [] },
    { ...python, name: "signature, PyKCS11", path: here("peers/pykcs11.py"), args: token },
  ];
}
