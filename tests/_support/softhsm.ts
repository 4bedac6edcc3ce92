// SoftHSM2 for tests: a token folder of this process's own, and fresh tokens in it.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { programPath, softhsmPath } from "../../tools/native_libraries.ts";
import { temporaryFolder } from "./temporary_folder.ts";
import { setNativeEnvironment } from "./native_environment.ts";

/** A token made for one test file. */
export interface TestToken {
  /** The module's path. */
  readonly module: string;
  /** The token's label; no other token of this process has it. */
  readonly label: string;
  /** The user's PIN. */
  readonly userPin: string;
  /** The security officer's PIN. */
  readonly soPin: string;
}

/** For `it(name, { skip: softhsmSkip }, …)`: the reason where SoftHSM2 is missing, else false. */
export const softhsmSkip: string | false = softhsmPath() === null ? "SoftHSM2 is not installed" : false;

let folder: string | null = null;
let count = 0;

/** SoftHSM2's module, with `SOFTHSM2_CONF` pointing to this process's own folder; null where it is not installed. */
export function softhsmModule(): string | null {
  const path = softhsmPath();
  if (path !== null) useOwnFolder();
  return path;
}

/** The folder with this process's tokens; it goes away with the process. */
export function softhsmFolder(): string {
  return useOwnFolder();
}

/** Makes an initialised token. Throws where SoftHSM2 is missing: decide that with {@linkcode softhsmSkip} first. */
export function createToken(label = `gp11 ${process.pid} ${++count}`): TestToken {
  const module = softhsmModule();
  const tool = programPath("softhsm2-util");
  if (module === null || tool === null) throw new Error("Cannot create a token: SoftHSM2 is not installed");
  const token = { module, label, userPin: "1234", soPin: "12345678" };
  const pins = ["--pin", token.userPin, "--so-pin", token.soPin];
  execFileSync(tool, ["--module", module, "--init-token", "--free", "--label", label, ...pins], { stdio: "pipe" });
  return token;
}

function useOwnFolder(): string {
  if (folder !== null) return folder;
  const created = temporaryFolder("softhsm");
  mkdirSync(`${created}/tokens`);
  const config = `${created}/softhsm2.conf`;
  writeFileSync(config, `directories.tokendir = ${created}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`);
  setNativeEnvironment("SOFTHSM2_CONF", config);
  folder = created;
  return created;
}
