import { bashCompletion } from "../completions/bash.ts";
import { fishCompletion } from "../completions/fish.ts";
import { zshCompletion } from "../completions/zsh.ts";
import type { CommandContext } from "../contract/command.ts";

const SHELLS = { bash: bashCompletion, fish: fishCompletion, zsh: zshCompletion };

/** Writes the completion of a shell. */
export async function run({ arguments: [shell], commands, globals, surroundings }: CommandContext): Promise<void> {
  await surroundings.output.write(SHELLS[shell as keyof typeof SHELLS](commands, globals));
}
