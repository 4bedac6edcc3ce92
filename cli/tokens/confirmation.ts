import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { askYes } from "../terminal/questions.ts";

/** What wants a yes. */
interface Deed {
  /** Completes "Cannot …". */
  readonly action: string;
  /** What a person is asked. */
  readonly question: string;
  /** Why there must be a yes, and what is lost, where nobody can be asked. */
  readonly unasked: string;
}

/** Asks a person at the terminal where nobody has said yes already. */
export async function confirmed(context: CommandContext, { action, question, unasked }: Deed): Promise<void> {
  const { command, options, signal, surroundings } = context;
  if (options.has("yes")) return;
  const terminal = surroundings.openTerminal();
  if (terminal === null) throw new UsageError(`Cannot ${action} without a yes: ${unasked}`, command.name);
  if (!await askYes(terminal, question, signal)) throw new CommandError(`Cannot ${action}: nobody said yes`);
}
