import { writePem } from "../../session/keys/forms/pem.ts";
import { type TrustAnchor, trustAnchors } from "../../session/trust/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { openSink } from "../terminal/files.ts";
import { tableText } from "../terminal/table.ts";
import { withModules } from "../tokens/modules.ts";

/** Lists the certificates this machine trusts, or writes them as PEM. */
export async function run(context: CommandContext): Promise<void> {
  const { options, signal } = context;
  const purpose = options.text("purpose");
  const anchors = options.has("module")
    ? await withModules(context, (modules) => trustAnchors({ purpose, modules, signal }))
    : await trustAnchors({ purpose, signal });
  const out = options.text("out");
  if (out === undefined) return await context.report(listOf(anchors, context));
  const sink = await openSink(out, context.surroundings);
  try {
    for (const { der, label, subject } of anchors) {
      await sink.write(new TextEncoder().encode(`# ${oneLine(label || subject)}\n${writePem("CERTIFICATE", der)}`));
    }
    await sink.commit();
  } finally {
    await sink.discard();
  }
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ");
}

function listOf(anchors: readonly TrustAnchor[], { paint, surroundings }: CommandContext) {
  return {
    json: anchors,
    text: tableText(paint, surroundings.output.columns, anchors, [
      { title: "LABEL", value: ({ label }) => label },
      { title: "SUBJECT", value: ({ subject }) => subject },
    ]),
  };
}
