import type { ArgumentSpec, CommandSpec, OptionSpec } from "../contract/command.ts";

/** Completion for zsh, by its `_arguments`. */
export function zshCompletion(commands: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map((spec) => {
    const specs = [...spec.options, ...globals].map(optionSpec);
    const places = spec.arguments.map((argument, at) => argumentSpec(argument, at + 1, commands));
    return `    ${spec.name}) _arguments -s ${[...specs, ...places].join(" ")} ;;`;
  });
  return `#compdef gp11
# gp11 completion zsh
_gp11() {
  local -a commands
  local state line
  typeset -A opt_args
  commands=(
${list.join("\n")}
  )
  _arguments -C ${globals.map(optionSpec).join(" ")} '1:command:->command' '*::argument:->argument'
  case "$state" in
    command) _describe command commands ;;
    argument)
    case "$line[1]" in
${cases.join("\n")}
    esac ;;
  esac
}
compdef _gp11 gp11
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Brackets and colons mean something to `_arguments`. */
function plain(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function optionSpec({ choices, isPath, multiple, name, short, text, value }: OptionSpec): string {
  const action = choices !== undefined ? `(${choices.join(" ")})` : isPath ? "_files" : " ";
  const tail = `[${plain(text)}]${value === undefined ? "" : `:${plain(value)}:${action}`}`;
  if (short === undefined) return quoted(`${multiple ? "*" : ""}--${name}${tail}`);
  const others = multiple ? "*" : `(-${short} --${name})`;
  return `${quoted(others)}{-${short},--${name}}${quoted(tail)}`;
}

function argumentSpec({ choices, name, optional }: ArgumentSpec, at: number, commands: readonly CommandSpec[]): string {
  const words = name === "COMMAND" ? commands.map((each) => each.name) : choices;
  return quoted(`${at}:${optional ? ":" : ""}${plain(name)}:${words === undefined ? " " : `(${words.join(" ")})`}`);
}
