/**
 * The modules a command works with: those of `--module`, else those that p11-kit's configuration registers.
 *
 * @module
 */
import type { LogCallsOptions } from "../../session/log_calls/mod.ts";
import { loadModules } from "../../session/registered_modules.ts";
import { Module } from "../../session/tokens/module.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";

/** A module that could not be loaded. */
export interface ModuleFailure {
  /** Its name in the configuration. */
  readonly name: string;
  /** Why. */
  readonly error: unknown;
}

/** Does something with the modules of a command and closes them, which ends every session and login made with them. */
export async function withModules<T>(
  context: CommandContext,
  body: (modules: readonly Module[], failures: readonly ModuleFailure[]) => Promise<T>,
): Promise<T> {
  const failures: ModuleFailure[] = [];
  const modules = await openModules(context, failures);
  try {
    return await body(modules, failures);
  } finally {
    await Promise.all(modules.map((module) => module.close()));
  }
}

async function openModules(context: CommandContext, failures: ModuleFailure[]): Promise<Module[]> {
  const { options, signal, command } = context;
  const paths = options.list("module");
  const reserved = options.text("reserved");
  if (reserved !== undefined && paths.length !== 1) {
    throw new UsageError(
      `Cannot use --reserved: it is for one module, and --module names ${paths.length === 0 ? "none" : paths.length}`,
      command.name,
    );
  }
  const logCalls = callLog(context);
  if (paths.length > 0) return await loadAll(paths, { reserved, logCalls, signal });
  const modules = await loadModules({
    logCalls,
    signal,
    progname: "gp11",
    onError: (failure) => void failures.push(failure),
  });
  checkSome(modules, failures);
  return modules;
}

/**
 * Refuses to go on with no module at all: an empty table would say that there is no token.
 *
 * @throws {CommandError} Where none is registered, or all fail.
 */
export function checkSome(modules: readonly Module[], failures: readonly ModuleFailure[]): void {
  if (modules.length > 0) return;
  if (failures.length > 0) {
    throw new CommandError(
      "Cannot load a PKCS#11 module: all that p11-kit's configuration registers fail",
      failures.map(failureText).join("\n"),
      { cause: failures[0]!.error },
    );
  }
  throw new CommandError(
    "Cannot find a PKCS#11 module: p11-kit's configuration registers none",
    "Give its library with --module PATH; SoftHSM's is /usr/lib/softhsm/libsofthsm2.so on Debian.",
  );
}

async function loadAll(
  paths: readonly string[],
  options: { reserved: string | undefined; logCalls: LogCallsOptions | undefined; signal: AbortSignal },
): Promise<Module[]> {
  const results = await Promise.allSettled(paths.map((path) => Module.load(path, options)));
  const loaded = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  const failed = results.find((result) => result.status === "rejected");
  if (failed === undefined) return loaded;
  await Promise.all(loaded.map((module) => module.close()));
  throw failed.reason;
}

/** `--log-calls`: every call of a module as text on standard error, without secrets. */
function callLog({ options, surroundings }: CommandContext): LogCallsOptions | undefined {
  if (!options.has("log-calls")) return undefined;
  return { sink: (text) => void surroundings.errors.write(text).catch(() => {}) };
}

/** Tells of modules that were passed over. */
export async function noteFailures(context: CommandContext, failures: readonly ModuleFailure[]): Promise<void> {
  for (const failure of failures) await context.note(`the module ${failureText(failure)}`);
}

function failureText({ error, name }: ModuleFailure): string {
  return `${name} was left out: ${error instanceof Error ? error.message : String(error)}`;
}
