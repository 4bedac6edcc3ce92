import type { CommandDescription, OptionDescription } from "../contract/command.ts";

/** Completion for fish. */
export function fishCompletion(commands: readonly CommandDescription[], globals: readonly OptionDescription[]): string {
  const names = commands.map(({ name }) => name);
  const none = `not __fish_seen_subcommand_from ${names.join(" ")}`;
  const lines = [
    "# gp11 completion fish",
    "complete -c gp11 -f",
    ...commands.map(({ name, summary }) => `complete -c gp11 -n ${quoted(none)} -a ${name} -d ${quoted(summary)}`),
    ...globals.map((option) => `complete -c gp11 ${optionWords(option)}`),
  ];
  for (const { arguments: args, name, options } of commands) {
    const seen = `-n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
    const words = args[0]?.name === "COMMAND" ? names : args[0]?.choices;
    if (words !== undefined) lines.push(`complete -c gp11 ${seen} -a ${quoted(words.join(" "))}`);
    for (const option of options) lines.push(`complete -c gp11 ${seen} ${optionWords(option)}`);
  }
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}

function optionWords({ choices, isPath, name, short, text, value }: OptionDescription): string {
  const words = [`-l ${name}`];
  if (short !== undefined) words.push(`-s ${short}`);
  if (choices !== undefined) words.push(`-x -a ${quoted(choices.join(" "))}`);
  else if (isPath) words.push("-r -F");
  else if (value !== undefined) words.push("-x");
  return [...words, `-d ${quoted(text)}`].join(" ");
}
