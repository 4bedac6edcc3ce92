import type { ArgumentDescription, CommandDescription, OptionDescription } from "../contract/command.ts";

/** Completion for zsh, by its `_arguments`. */
export function zshCompletion(commands: readonly CommandDescription[], globals: readonly OptionDescription[]): string {
  const list = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map((command) => {
    const options = [...command.options, ...globals].map(optionText);
    const places = command.arguments.map((argument, at) => argumentText(argument, at + 1, commands));
    return `    ${command.name}) _arguments -s ${[...options, ...places].join(" ")} ;;`;
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
  _arguments -C ${globals.map(optionText).join(" ")} '1:command:->command' '*::argument:->argument'
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

function optionText({ choices, isPath, multiple, name, short, text, value }: OptionDescription): string {
  const action = choices !== undefined ? `(${choices.join(" ")})` : isPath ? "_files" : " ";
  const tail = `[${plain(text)}]${value === undefined ? "" : `:${plain(value)}:${action}`}`;
  if (short === undefined) return quoted(`${multiple ? "*" : ""}--${name}${tail}`);
  const others = multiple ? "*" : `(-${short} --${name})`;
  return `${quoted(others)}{-${short},--${name}}${quoted(tail)}`;
}

function argumentText(
  { choices, name, optional }: ArgumentDescription,
  at: number,
  commands: readonly CommandDescription[],
): string {
  const words = name === "COMMAND" ? commands.map((each) => each.name) : choices;
  return quoted(`${at}:${optional ? ":" : ""}${plain(name)}:${words === undefined ? " " : `(${words.join(" ")})`}`);
}
