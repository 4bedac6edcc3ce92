import { ecdsaSignatureFromDer } from "../../session/keys/forms/write_der.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { openSource, readWhole, type Source, STANDARD } from "../terminal/files.ts";
import { Progress } from "../terminal/progress.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { type KeyFacts, keyFacts, publicHalf } from "../tokens/key_facts.ts";
import type { OrLogIn } from "../tokens/login.ts";
import {
  isEcdsa,
  type SignatureInput,
  signatureInput,
  type SignatureScheme,
  signatureScheme,
} from "../tokens/signature_schemes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Longer than any signature, in bytes: SLH-DSA's have 50 KiB. */
const MOST = 1 << 20;

/** Looks whether a signature is right. */
export async function run(context: CommandContext): Promise<void> {
  const { options, signal, command, surroundings } = context;
  const [file, signatureFile] = [options.text("in") ?? STANDARD, options.text("signature")!];
  if (file === STANDARD && signatureFile === STANDARD) {
    throw new UsageError(
      "Cannot read both the file and its signature from standard input: give one with a path",
      command.name,
    );
  }
  const signature = await readWhole(await openSource(signatureFile, surroundings), { most: MOST });
  const source = await openSource(file, surroundings);
  await withObject(context, context.arguments[0]!, wishes.verify, async (object, orLogIn) => {
    const key = await orLogIn(() => publicHalf(object, signal));
    const facts = await keyFacts(key, signal);
    const scheme = signatureScheme(facts, options.text("mechanism"), command.name);
    const valid = await isRight(context, { key, facts, orLogIn, scheme }, source, signature);
    if (options.has("json")) await context.report({ json: { valid }, text: "" });
    if (!valid) {
      throw new CommandError(
        `Cannot trust the file: the signature is wrong, for this file and this key with ${scheme.algorithm}`,
        options.has("mechanism") ? undefined : "If it was made with another mechanism, name that with --mechanism.",
      );
    }
    if (!options.has("json")) await context.report({ json: null, text: "The signature is right\n" });
  });
}

/** A key and how it verifies. */
interface Verifier {
  readonly key: Pkcs11Object;
  readonly facts: KeyFacts;
  readonly orLogIn: OrLogIn;
  readonly scheme: SignatureScheme;
}

async function isRight(
  context: CommandContext,
  { facts, key, orLogIn, scheme }: Verifier,
  source: Source,
  signature: Bytes,
): Promise<boolean> {
  const { options, signal, surroundings } = context;
  const progress = new Progress(surroundings, "Verifying", source.size);
  try {
    const seen = (bytes: number) => void progress.advance(bytes).catch(() => {});
    const input = await signatureInput(scheme, key.session.slot, source, { seen, signal });
    const raw = isEcdsa(facts) ? rawSignature(signature, facts, options.text("signature-format")) : signature;
    return raw !== null && await orLogIn(() => verified(key, input, raw, signal));
  } finally {
    await progress.end();
  }
}

async function verified(key: Pkcs11Object, input: SignatureInput, raw: Bytes, signal: AbortSignal): Promise<boolean> {
  return await key.session.verify(key, input.mechanism, input.data, raw, { signal });
}

/** Numbers side by side, as tokens take them; null where the signature is of no form that the key could have made. */
function rawSignature(signature: Bytes, { curve }: KeyFacts, format: string | undefined): Bytes | null {
  if (format === "raw") return signature;
  const size = curve?.size ?? Math.ceil(signature.length / 2);
  try {
    return ecdsaSignatureFromDer(signature, size);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    // Not DER: the numbers themselves, unless DER was asked for.
    return format === undefined && signature.length === 2 * size ? signature : null;
  }
}
