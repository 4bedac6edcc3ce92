/** Runs a program of the suite as a child process of the runtime that runs the suite. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const importMap = fileURLToPath(new URL("../offline.import_map.json", import.meta.url));
const nodeHooks = new URL("../_std/node_hooks.mjs", import.meta.url).href;

/**
 * Starts a TypeScript program with arguments and more environment; its standard output is a pipe, its errors on request.
 *
 * @param permissions What it may do on Deno.
 */
export function startProgram(
  program: URL,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  errors: "inherit" | "pipe" = "inherit",
  permissions: readonly string[] = ["-A"],
): ChildProcess {
  const options = programArguments(program, permissions);
  const env = { ...process.env, ...environment };
  if (permissions[0] !== "-A" && process.versions.deno) {
    // Through a shell and a variable: Deno gives children it knows for Deno every permission.
    return spawn("/bin/sh", ["-c", 'exec "$RUNTIME" "$@"', "sh", ...options, ...args], {
      stdio: ["ignore", "pipe", errors],
      env: { ...env, RUNTIME: process.execPath },
    });
  }
  return spawn(process.execPath, [...options, ...args], { stdio: ["ignore", "pipe", errors], env });
}

/** What the runtime is called with to run a program of the suite, before the program's own arguments. */
export function programArguments(program: URL, permissions: readonly string[] = ["-A"]): string[] {
  const path = fileURLToPath(program);
  return process.versions.bun
    ? [path]
    : process.versions.deno
    ? ["run", ...permissions, "--no-check", "--quiet", `--import-map=${importMap}`, path]
    : ["--no-warnings", "--import", nodeHooks, path];
}

/** Resolves when a child process has ended. */
export function programEnd(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("close", () => resolve()));
}

/** The first line that a child process writes, which may come in pieces. Rejects when the child ends without one. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout!.on("data", (piece) => {
      text += piece;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once("close", (code) => reject(new Error(`Cannot read a line: the program ended with ${code}`)));
  });
}
