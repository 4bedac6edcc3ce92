/**
 * What a command line says: which command, with what.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import type { CommandDescription, OptionDescription } from "./contract/command.ts";
import { OptionValues } from "./contract/option_values.ts";
import { UsageError } from "./terminal/errors.ts";
import { suggestion } from "../internal/expected.ts";

/** A command line that makes sense. */
export interface ParsedArguments {
  /** The command; `null` where none is named, and only help or the version can be meant. */
  readonly command: CommandDescription | null;
  /** Its options. */
  readonly options: OptionValues;
  /** Its arguments. */
  readonly arguments: readonly string[];
}

type Tokens = NonNullable<ReturnType<typeof parseArgs>["tokens"]>;
type OptionToken = Extract<Tokens[number], { kind: "option" }>;

/**
 * Reads a command line. Options may stand before and behind the command, and an option of one name takes a value in every
 * command or in none, so that all can be told from arguments before the command is known.
 *
 * @throws {UsageError} When it makes no sense; what may have been meant is suggested.
 */
export function parseArguments(
  args: readonly string[],
  commands: readonly CommandDescription[],
  globals: readonly OptionDescription[],
): ParsedArguments {
  const every = new Map([...globals, ...commands.flatMap(({ options }) => options)].map((each) => [each.name, each]));
  const tokens = tokensOf(args, [...every.values()]);
  const words = tokens.filter((token) => token.kind === "positional").map(({ value }) => value);
  const given = tokens.filter((token) => token.kind === "option");
  const [name, ...rest] = words;
  const command = name === undefined ? null : commands.find((each) => each.name === name);
  const known = command ? [...command.options, ...globals] : [...every.values()];
  for (const token of given) checkOption(token, known, command?.name);
  if (command === undefined) {
    const near = suggestion(name!, commands.map((each) => each.name));
    throw new UsageError(`Cannot run ${JSON.stringify(name)}: there is no such command${near}`);
  }
  const options = new OptionValues(valuesOf(given, known, command?.name), command?.name ?? "");
  if (command !== null && !options.has("help")) checkComplete(command, options, rest);
  return { command, options, arguments: rest };
}

function tokensOf(args: readonly string[], options: readonly OptionDescription[]): Tokens {
  const config: ParseArgsConfig["options"] = {};
  for (const { name, short, value } of options) {
    config[name] = { type: value === undefined ? "boolean" : "string", ...short === undefined ? {} : { short } };
  }
  return parseArgs({ args: [...args], options: config, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** Where PINs are taken from, by what people of other tools would call their option. */
const SECRETS: readonly (readonly [names: RegExp, places: string])[] = [
  [/^(so|admin|officer)-?pin/, "set GP11_SO_PIN, or give a file with --so-pin-source where a command takes that"],
  [/^new-?pin/, "set GP11_NEW_PIN, or give a file with --new-pin-source where a command takes that"],
  [/^pass(phrase|word|in|out)?(-|$)/, "set GP11_PASSPHRASE for the key in a file, GP11_PIN for a token"],
  [/pin(-|$)/, "set GP11_PIN, write ?pin-source=file:PATH behind the URI, or type it when asked"],
];

/** What is near an option that there is none of; a secret has no option, as others could read it there. */
function advice(rawName: string, known: readonly OptionDescription[]): string {
  if (!rawName.startsWith("--")) return "";
  const place = SECRETS.find(([names]) => names.test(rawName.slice(2)))?.[1];
  if (place !== undefined) return `; others could read a secret on the command line: ${place}`;
  return suggestion(rawName, known.map(({ name }) => `--${name}`));
}

function checkOption(token: OptionToken, known: readonly OptionDescription[], command: string | undefined): void {
  const option = known.find(({ name }) => name === token.name);
  const shown = JSON.stringify(token.rawName);
  if (option === undefined) {
    const near = advice(token.rawName, known);
    const whose = command === undefined ? "there is no such option" : `${command} has no such option`;
    throw new UsageError(`Cannot use ${shown}: ${whose}${near}`, command);
  }
  if (option.value === undefined && token.value !== undefined) {
    throw new UsageError(`Cannot use ${shown} with a value: it is a switch`, command);
  }
  if (option.value === undefined) return;
  if (token.value === "") throw new UsageError(`Cannot use ${shown}: its value is empty`, command);
  const isMissing = token.value === undefined ||
    !token.inlineValue && token.value.startsWith("-") && token.value !== "-";
  if (isMissing) {
    throw new UsageError(
      `Cannot use ${shown} alone: it wants a value, as in ${token.rawName} ${option.choices?.[0] ?? option.value}`,
      command,
    );
  }
  if (option.choices !== undefined && !option.choices.includes(token.value!)) {
    throw new UsageError(
      `Cannot use ${shown} ${JSON.stringify(token.value)}: there are ${option.choices.join(", ")}` +
        suggestion(token.value!, option.choices),
      command,
    );
  }
}

function valuesOf(
  given: readonly OptionToken[],
  known: readonly OptionDescription[],
  command: string | undefined,
): Map<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  for (const { name, rawName, value } of given) {
    const before = values.get(name);
    const option = known.find((each) => each.name === name)!;
    if (before !== undefined && option.value !== undefined && !option.multiple) {
      throw new UsageError(`Cannot use ${JSON.stringify(rawName)} twice: it has one value`, command);
    }
    values.set(name, [...(before ?? []), ...value === undefined ? [] : [value]]);
  }
  return values;
}

function checkComplete(command: CommandDescription, options: OptionValues, words: readonly string[]): void {
  const { arguments: places, name } = command;
  for (const [at, word] of words.entries()) {
    const choices = places[at]?.choices;
    if (choices === undefined || choices.includes(word)) continue;
    throw new UsageError(
      `Cannot run ${name} ${JSON.stringify(word)}: there are ${choices.join(", ")}${suggestion(word, choices)}`,
      name,
    );
  }
  const missing = places.find((place, at) => !place.optional && at >= words.length);
  if (missing !== undefined) {
    throw new UsageError(`Cannot run ${name}: ${missing.name} is missing: ${lowered(missing.text)}`, name);
  }
  if (words.length > places.length) {
    throw new UsageError(`Cannot run ${name}: ${JSON.stringify(words[places.length])} is one argument too many`, name);
  }
  const absent = command.options.find((option) => option.required && !options.has(option.name));
  if (absent === undefined) return;
  const choices = absent.choices === undefined ? "" : `: ${absent.choices.join(", ")}`;
  throw new UsageError(`Cannot run ${name}: --${absent.name} ${absent.value} is missing${choices}`, name);
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
