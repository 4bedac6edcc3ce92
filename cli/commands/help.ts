import type { CommandContext } from "../contract/command.ts";
import { commandHelp, generalHelp } from "../contract/help_text.ts";
import { UsageError } from "../terminal/errors.ts";
import { suggestion } from "../../internal/expected.ts";

/** Shows help. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [name], commands, globals, paint, surroundings } = context;
  const style = { paint, columns: surroundings.output.columns };
  if (name === undefined) return await surroundings.output.write(generalHelp(commands, globals, style));
  const command = commands.find((each) => each.name === name);
  if (command === undefined) {
    const near = suggestion(name, commands.map((each) => each.name));
    throw new UsageError(`Cannot help with ${JSON.stringify(name)}: there is no such command${near}`);
  }
  await surroundings.output.write(commandHelp(command, globals, style));
}
