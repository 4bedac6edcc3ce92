import { createCertificateRequest } from "../../session/certificates/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { fileMember, STANDARD, writeText } from "../terminal/files.ts";
import { namesOf } from "../tokens/certificate_names.ts";
import { wishes, withObject } from "../tokens/find_object.ts";

/** Writes a certificate request for a key of a token. */
export async function run(context: CommandContext): Promise<void> {
  const { options, signal, surroundings } = context;
  const names = namesOf(context);
  await withObject(context, context.arguments[0]!, wishes.certify, async (key) => {
    const pem = await createCertificateRequest({ privateKey: key, publicKey: key }, { ...names, signal });
    const out = options.text("out") ?? STANDARD;
    if (!options.has("json") || out !== STANDARD) await writeText(pem, out, surroundings);
    if (options.has("json")) await context.report({ json: { pem, ...fileMember(out) }, text: "" });
  });
}
