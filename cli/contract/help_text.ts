/**
 * Help, made of what the commands say of themselves.
 *
 * @module
 */
import { padded, type Painter, textWidth, wrapped } from "../terminal/text.ts";
import type { ArgumentDescription, CommandDescription, CommandExample, OptionDescription } from "./command.ts";

/** Help is at most so wide: longer lines are hard to read. */
const WIDEST = 100;

/** How help is written. */
export interface HelpStyle {
  readonly paint: Painter;
  /** Columns of the terminal; `undefined` where there is none. */
  readonly columns: number | undefined;
}

/** What a command line of a command looks like. */
export function usageLine({ arguments: args, name, options }: CommandDescription): string {
  const places = args.map((each) => each.optional ? `[${each.name}]` : each.name);
  const required = options.filter((each) => each.required).map((each) => `--${each.name} ${each.value}`);
  return ["gp11", name, ...places, ...required, "[OPTIONS]"].join(" ");
}

/** Help of a command. */
export function commandHelp(
  command: CommandDescription,
  globals: readonly OptionDescription[],
  style: HelpStyle,
): string {
  const { paint } = style;
  const sections = [
    [`${command.summary}.`, ...(command.details ?? [])].map((text) => wrapped(text, widthOf(style), 0)).join("\n\n"),
    section("Usage", `  ${usageLine(command)}`, paint),
  ];
  if (command.arguments.length > 0) {
    sections.push(section("Arguments", entries(command.arguments.map(argumentEntry), style), paint));
  }
  if (command.options.length > 0) {
    sections.push(section("Options", entries(command.options.map(optionEntry), style), paint));
  }
  sections.push(section("Options of all commands", entries(globals.map(optionEntry), style), paint));
  sections.push(section("Examples", examples(command.examples, paint), paint));
  return `${sections.join("\n\n")}\n`;
}

/** Help of everything. */
export function generalHelp(
  commands: readonly CommandDescription[],
  globals: readonly OptionDescription[],
  style: HelpStyle,
): string {
  const { paint } = style;
  const list = commands.map(({ name, summary }) => [name, summary] as const);
  return `${
    [
      wrapped("Keys and certificates in PKCS#11 tokens: HSMs, smart cards, TPMs, software tokens.", widthOf(style), 0),
      section("Usage", "  gp11 COMMAND [ARGUMENTS] [OPTIONS]", paint),
      section("Commands", entries(list, style), paint),
      section("Options of all commands", entries(globals.map(optionEntry), style), paint),
      section("Environment", entries(ENVIRONMENT, style), paint),
      section("Exit codes", entries(EXIT_CODES, style), paint),
      section("Examples", examples(EXAMPLES, paint), paint),
      "gp11 help COMMAND tells more of one, with examples.",
    ].join("\n\n")
  }\n`;
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["GP11_PIN", "The user PIN, where the URI has no pin-source; it is asked for at the terminal otherwise"],
  ["GP11_NEW_PIN", "The PIN that pin and init set"],
  ["GP11_SO_PIN", "The security officer's PIN, which pin unblock and init want"],
  ["GP11_PASSPHRASE", "What opens an encrypted key that is imported"],
  ["GP11_DEBUG", "Any value shows where in the program an error comes from"],
  ["NO_COLOR", "Any value turns colours off"],
];

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ["0", "Done"],
  ["1", "It failed; a wrong signature, a status of 400 and above too"],
  ["2", "The command line makes no sense"],
  ["130, 143, 129", "Interrupted: by Control-C, SIGTERM, SIGHUP"],
];

const EXAMPLES: readonly CommandExample[] = [
  { text: "Which tokens are there, and how are they named?", line: "gp11 slots" },
  { text: "Make a key", line: "gp11 keygen pkcs11:token=demo --type ec --label release" },
  { text: "Sign with it", line: "gp11 sign 'pkcs11:token=demo;object=release' --in a.tgz --out a.tgz.sig" },
];

function widthOf({ columns }: HelpStyle): number {
  return Math.min(WIDEST, Math.max(40, columns ?? 80));
}

function section(title: string, text: string, paint: Painter): string {
  return `${paint("bold", title)}\n${text}`;
}

function examples(list: readonly CommandExample[], paint: Painter): string {
  return list.map(({ line, text }) => `  ${paint("dim", `# ${text}`)}\n  ${line}`).join("\n");
}

function argumentEntry({ choices, name, text }: ArgumentDescription): readonly [string, string] {
  return [name, withChoices(text, choices)];
}

function optionEntry({ choices, name, short, text, value }: OptionDescription): readonly [string, string] {
  const letter = short === undefined ? "    " : `-${short}, `;
  return [`${letter}--${name}${value === undefined ? "" : ` ${value}`}`, withChoices(text, choices)];
}

function withChoices(text: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? text : `${text}: ${choices.join(", ")}`;
}

/** Names, and beside them what they mean; below them where there is little room. */
function entries(list: readonly (readonly [name: string, text: string])[], style: HelpStyle): string {
  const columns = widthOf(style);
  const width = Math.max(...list.map(([name]) => textWidth(name)));
  const indent = width + 4;
  return list.map(([name, text]) =>
    indent + 24 > columns
      ? `  ${style.paint("cyan", name)}\n      ${wrapped(text, columns, 6)}`
      : `  ${style.paint("cyan", padded(name, width))}  ${wrapped(text, columns, indent)}`
  ).join("\n");
}
