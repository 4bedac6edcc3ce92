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

/**
 * A token in a folder of its own, for child processes with this environment: processes that start at the same time on
 * one token sometimes get CKR_GENERAL_ERROR from SoftHSM2.
 */
export function createSeparateToken(
  label = "separate",
): { readonly token: TestToken; readonly environment: Record<string, string> } {
  const environment = { SOFTHSM2_CONF: writeConfig(temporaryFolder("softhsm")) };
  return { token: initialiseToken(label, environment), environment };
}

/** Makes an initialised token. Throws where SoftHSM2 is missing: decide that with {@linkcode softhsmSkip} first. */
export function createToken(label = `gp11 ${process.pid} ${++count}`, userPin?: string): TestToken {
  useOwnFolder();
  return initialiseToken(label, {}, userPin);
}

function initialiseToken(
  label: string,
  environment: Readonly<Record<string, string>> = {},
  userPin = "1234",
): TestToken {
  const module = softhsmPath();
  const tool = programPath("softhsm2-util");
  if (module === null || tool === null) throw new Error("Cannot create a token: SoftHSM2 is not installed");
  const token = { module, label, userPin, soPin: "12345678" };
  const pins = ["--pin", token.userPin, "--so-pin", token.soPin];
  execFileSync(tool, ["--module", module, "--init-token", "--free", "--label", label, ...pins], {
    stdio: "pipe",
    env: { ...process.env, ...environment },
  });
  return token;
}

function useOwnFolder(): string {
  if (folder !== null) return folder;
  const created = temporaryFolder("softhsm");
  setNativeEnvironment("SOFTHSM2_CONF", writeConfig(created));
  folder = created;
  return created;
}

function writeConfig(folder: string): string {
  mkdirSync(`${folder}/tokens`);
  const config = `${folder}/softhsm2.conf`;
  writeFileSync(config, `directories.tokendir = ${folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n`);
  return config;
}
