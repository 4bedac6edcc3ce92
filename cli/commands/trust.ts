import { writePem } from "../../session/keys/forms/pem.ts";
import { type TrustAnchor, trustAnchors } from "../../session/trust/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
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
  if (anchors.length === 0 && (options.has("module") || out !== undefined)) throw nobodyTrusted(context);
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

/** A bundle without certificates would pass for one; and so would the list of a module that has other things to hold. */
function nobodyTrusted({ options }: CommandContext): CommandError {
  const purpose = options.text("purpose");
  const who = options.has("module") ? `--module ${options.list("module").join(", ")}` : "this machine";
  return new CommandError(
    `Cannot list whom ${who} trusts${purpose === undefined ? "" : ` for ${purpose}`}: there is no such certificate`,
    options.has("module")
      ? "Leave --module out (an alias may have it): whom the machine trusts is in the trust modules of p11-kit."
      : "The trust modules come from p11-kit; on Debian they are in the package p11-kit-modules.",
  );
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
