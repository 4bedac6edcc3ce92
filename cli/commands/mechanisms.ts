import { ckmName } from "../../ffi/constants/names.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { tableText } from "../terminal/table.ts";
import { safeText } from "../terminal/text.ts";
import {
  type FoundToken,
  isInitialised,
  oneToken,
  tokensMatching,
  tokenUri,
  uriArgument,
} from "../tokens/find_tokens.ts";
import { mechanismUses } from "../tokens/flags.ts";
import { withModules } from "../tokens/modules.ts";

/** Lists what a token can do; of every token where none is named. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], signal, command } = context;
  const uri = text === undefined ? null : uriArgument(text, command.name);
  await withModules(context, async (modules) => {
    const found = uri === null
      ? (await tokensMatching(modules, null, signal)).filter(isInitialised)
      : [await oneToken(modules, uri, context)];
    if (found.length === 0) {
      throw new CommandError("Cannot list mechanisms: no token is present", "gp11 slots shows the slots.");
    }
    const tokens = await Promise.all(found.map((each) => mechanismsOf(each, signal)));
    await context.report({
      json: uri === null ? tokens : tokens[0]!.mechanisms,
      text: tokens.map((each) => tokenText(each, context, tokens.length > 1)).join("\n"),
    });
  });
}

type TokenMechanisms = Awaited<ReturnType<typeof mechanismsOf>>;

async function mechanismsOf(found: FoundToken, signal: AbortSignal) {
  const { slot } = found;
  const mechanisms = [];
  for (const type of await slot.mechanisms({ signal })) {
    const { flags, maxKeySize, minKeySize } = await slot.mechanismInfo(type, { signal });
    mechanisms.push({ name: ckmName(type), type, minKeySize, maxKeySize, uses: mechanismUses(flags) });
  }
  return { uri: tokenUri(found), mechanisms };
}

function tokenText(
  { mechanisms, uri }: TokenMechanisms,
  { paint, surroundings }: CommandContext,
  isTitled: boolean,
): string {
  const title = isTitled ? `${paint("cyan", safeText(uri))}\n` : "";
  const table = tableText(paint, surroundings.output.columns, mechanisms, [
    { title: "MECHANISM", value: ({ name }) => name },
    { title: "KEY SIZES", value: (row) => sizes(row) },
    { title: "USES", value: ({ uses }) => uses.join(", ") },
  ]);
  return title + table;
}

/** Key sizes, in the unit of the mechanism; zeros where the token says nothing. */
function sizes({ maxKeySize, minKeySize }: { maxKeySize: number; minKeySize: number }): string {
  if (maxKeySize === 0 && minKeySize === 0) return "";
  return minKeySize === maxKeySize ? String(minKeySize) : `${minKeySize} to ${maxKeySize}`;
}
