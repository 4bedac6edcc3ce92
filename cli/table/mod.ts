/**
 * All commands, as data: what is parsed, helped with and completed comes from here.
 *
 * @module
 */
import type { CommandDescription } from "../contract/command.ts";
import { keepingCommands } from "./keeping.ts";
import { lookingCommands } from "./looking.ts";
import { preparingCommands } from "./preparing.ts";
import { usingCommands } from "./using.ts";

export { globalOptions } from "./options.ts";

const shellCommands: readonly CommandDescription[] = [
  {
    name: "completion",
    summary: "Write a shell's completion for gp11",
    arguments: [{ name: "SHELL", text: "Which shell", choices: ["bash", "zsh", "fish"] }],
    options: [],
    examples: [
      { text: "In ~/.bashrc", line: 'eval "$(gp11 completion bash)"' },
      { text: "In ~/.zshrc, behind compinit", line: 'eval "$(gp11 completion zsh)"' },
      { text: "For fish", line: "gp11 completion fish > ~/.config/fish/completions/gp11.fish" },
    ],
    load: () => import("../commands/completion.ts"),
  },
  {
    name: "help",
    summary: "Show help, of all or of one command",
    arguments: [{ name: "COMMAND", text: "Which command", optional: true }],
    options: [],
    examples: [{ text: "What sign takes", line: "gp11 help sign" }],
    load: () => import("../commands/help.ts"),
  },
];

/** The commands, in the order of help. */
export const commands: readonly CommandDescription[] = [
  ...lookingCommands,
  ...preparingCommands,
  ...keepingCommands,
  ...usingCommands,
  ...shellCommands,
];
