/**
 * From a command line to an exit code.
 *
 * @module
 */
import { productToken } from "../http/protocol/headers.ts";
import { parseArguments, type ParsedArguments } from "./arguments.ts";
import type { CommandContext } from "./contract/command.ts";
import { commandHelp, generalHelp } from "./contract/help_text.ts";
import { reportFailure } from "./failure.ts";
import { commands, globalOptions } from "./table/mod.ts";
import { ExitCode, UsageError } from "./terminal/errors.ts";
import type { CliSurroundings } from "./terminal/surroundings.ts";
import { painterOf, safeJson, safeText } from "./terminal/text.ts";

/**
 * Does what a command line says. Nothing of the process is touched: streams, environment and terminal are those that are
 * given.
 *
 * @param args The arguments, without the program.
 * @param surroundings What it has around it.
 * @returns The exit code: 0 done, 1 failed, 2 wrong usage, from 128 on interrupted.
 */
export async function main(args: readonly string[], surroundings: CliSurroundings): Promise<number> {
  let isJson = args.includes("--json");
  try {
    const parsed = parseArguments(args, commands, globalOptions);
    isJson = parsed.options.has("json");
    await dispatch(parsed, surroundings);
    return ExitCode.DONE;
  } catch (error) {
    // What an interrupted command fails with on its way out is no news.
    const { aborted, reason } = surroundings.signal;
    return await reportFailure(aborted ? reason : error, surroundings, isJson);
  }
}

async function dispatch(parsed: ParsedArguments, surroundings: CliSurroundings): Promise<void> {
  const { options, command } = parsed;
  const { output } = surroundings;
  const paint = painterOf(output, surroundings);
  const style = { paint, columns: output.columns };
  if (options.has("version")) return await output.write(`${productToken.replace("/", " ")}\n`);
  if (options.has("help")) {
    return await output.write(
      command === null ? generalHelp(commands, globalOptions, style) : commandHelp(command, globalOptions, style),
    );
  }
  if (command === null) throw new UsageError("Cannot run: no command is named");
  const { run } = await command.load();
  surroundings.signal.throwIfAborted();
  const context: CommandContext = {
    command,
    commands,
    globals: globalOptions,
    options,
    arguments: parsed.arguments,
    surroundings,
    signal: surroundings.signal,
    paint,
    report: ({ json, text }) => output.write(options.has("json") ? `${safeJson(json)}\n` : text),
    note: (text) =>
      surroundings.errors.write(`${painterOf(surroundings.errors, surroundings)("dim", safeText(text))}\n`),
  };
  await run(context);
}
