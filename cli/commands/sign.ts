import { ecdsaSignatureToDer } from "../../session/keys/forms/write_der.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { fileMember, openSource, type Source, STANDARD, writeBytes } from "../terminal/files.ts";
import { Progress } from "../terminal/progress.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { keyFacts } from "../tokens/key_facts.ts";
import { isEcdsa, signatureInput, signatureScheme } from "../tokens/signature_schemes.ts";

/** Signs a file. */
export async function run(context: CommandContext): Promise<void> {
  const { options, signal, surroundings } = context;
  // Nobody types a PIN for a file that is not there.
  const source = await openSource(options.text("in") ?? STANDARD, surroundings);
  await withObject(context, context.arguments[0]!, wishes.sign, async (key) => {
    const { algorithm, signature } = await signed(source, context, key);
    const out = options.text("out") ?? STANDARD;
    if (!options.has("json") || out !== STANDARD) await writeBytes(signature, out, surroundings);
    if (options.has("json")) {
      const json = { algorithm, key: await key.uri({ signal }), signature, ...fileMember(out) };
      await context.report({ json, text: "" });
    }
  });
}

async function signed(source: Source, context: CommandContext, key: Pkcs11Object) {
  const { options, signal, command, surroundings } = context;
  const facts = await keyFacts(key, signal);
  const scheme = signatureScheme(facts, options.text("mechanism"), command.name);
  const progress = new Progress(surroundings, "Signing", source.size);
  try {
    const seen = (bytes: number) => void progress.advance(bytes).catch(() => {});
    const { data, mechanism } = await signatureInput(scheme, key.session.slot, source, { seen, signal });
    const raw = await key.session.sign(key, mechanism, data, { signal });
    const isDer = isEcdsa(facts) && options.text("signature-format") !== "raw";
    return { algorithm: scheme.algorithm, signature: isDer ? ecdsaSignatureToDer(raw) : raw };
  } finally {
    await progress.end();
  }
}
