import type { CommandDescription, OptionDescription } from "../contract/command.ts";

/** Completion for bash: nothing but `complete` and `compgen` is needed. */
export function bashCompletion(commands: readonly CommandDescription[], globals: readonly OptionDescription[]): string {
  const cases = commands.map((command) => `    ${command.name}) ${caseOf(command, commands, globals)} ;;`);
  return `# gp11 completion bash
_gp11() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="" options="" words="" at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
      ${withValue(globals).join("|")}) ((at++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[at]}"; break ;;
    esac
  done
  case "$command" in
    "") words="${commands.map(({ name }) => name).join(" ")}"; options="${names(globals).join(" ")}" ;;
${cases.join("\n")}
  esac
${valueCases(commands, globals)}
  case "$word" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
  esac
}
complete -F _gp11 gp11
`;
}

function names(options: readonly OptionDescription[]): string[] {
  return options.map(({ name }) => `--${name}`);
}

function withValue(options: readonly OptionDescription[]): string[] {
  return options.filter(({ value }) => value !== undefined)
    .flatMap(({ name, short }) => short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]);
}

function caseOf(
  { arguments: args, options }: CommandDescription,
  commands: readonly CommandDescription[],
  globals: readonly OptionDescription[],
): string {
  const words = args[0]?.name === "COMMAND" ? commands.map(({ name }) => name) : args[0]?.choices ?? [];
  return `words="${words.join(" ")}"; options="${names([...options, ...globals]).join(" ")}"`;
}

/** Values of the option before: those there are, paths, or nothing that could be guessed. */
function valueCases(commands: readonly CommandDescription[], globals: readonly OptionDescription[]): string {
  const cases = commands.flatMap(({ name, options }) =>
    [...options, ...globals].filter(({ value }) => value !== undefined).map((option) => {
      const keys = [`${name}:--${option.name}`, ...option.short === undefined ? [] : [`${name}:-${option.short}`]];
      const action = option.choices !== undefined
        ? `COMPREPLY=($(compgen -W "${option.choices.join(" ")}" -- "$word"))`
        : option.isPath
        ? `compopt -o filenames; COMPREPLY=($(compgen -f -- "$word"))`
        : ":";
      return `    ${keys.join("|")}) ${action}; return ;;`;
    })
  );
  return `  case "$command:$before" in\n${cases.join("\n")}\n  esac`;
}
