import { CKO } from "../../ffi/constants/mod.ts";
import { writePem } from "../../session/keys/forms/pem.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { STANDARD, writeBytes } from "../terminal/files.ts";
import { safeJson } from "../terminal/text.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { sshLine } from "../tokens/ssh_key.ts";

/** Writes a public key, a certificate, data, or a key that the token lets out. */
export async function run(context: CommandContext): Promise<void> {
  const { options, signal, surroundings } = context;
  await withObject(context, context.arguments[0]!, wishes.export, async (object) => {
    const kind = (await object.get(["class"], { signal })).class;
    const isSsh = options.text("format") === "ssh" && HALVES.has(kind);
    const file = options.text("out") ?? STANDARD;
    const isSecret = !isSsh && (kind === CKO.PRIVATE_KEY || kind === CKO.SECRET_KEY);
    const { format, form } = isSsh
      ? { format: "ssh", form: await sshForm(object, signal) }
      : await exported(context, object, kind);
    const uri = options.has("json") ? await object.uri({ signal }) : undefined;
    const bytes = bytesOf(form);
    try {
      if (uri === undefined || file !== STANDARD) await writeBytes(bytes, file, surroundings, { secret: isSecret });
      if (uri === undefined) return;
      const json = file === STANDARD ? { uri, format, [format]: form } : { uri, format, file };
      await context.report({ json, text: "" });
    } finally {
      if (isSecret) bytes.fill(0);
    }
  });
}

/** What has a public half. */
const HALVES: ReadonlySet<number | undefined> = new Set([CKO.PUBLIC_KEY, CKO.PRIVATE_KEY, CKO.CERTIFICATE]);

/** The public half for `authorized_keys`, whatever the object is that has it. */
async function sshForm(object: Pkcs11Object, signal: AbortSignal): Promise<string> {
  const { label = "" } = await object.get(["label"], { signal });
  return sshLine(await object.publicKey("spki", { signal }), label);
}

/** An object in a form: bytes, text or a JSON Web Key. */
interface Exported {
  readonly format: string;
  readonly form: Uint8Array | string | object;
}

async function exported(context: CommandContext, object: Pkcs11Object, kind: number | undefined): Promise<Exported> {
  const { options, signal, command } = context;
  const asked = options.text("format");
  switch (kind) {
    case CKO.CERTIFICATE: {
      const { der, pem } = await object.x509({ signal });
      const format = formatOf(asked, ["pem", "der", "ssh"], "a certificate", command.name);
      return { format, form: format === "der" ? der : pem };
    }
    case CKO.PUBLIC_KEY: {
      const format = formatOf(asked, ["pem", "der", "jwk", "raw", "ssh"], "a public key", command.name);
      const form = await object.publicKey(format === "der" ? "spki" : format as "pem" | "jwk" | "raw", { signal });
      return { format, form };
    }
    case CKO.PRIVATE_KEY: {
      const format = formatOf(asked, ["pem", "der", "jwk", "raw", "ssh"], "a private key", command.name);
      const form = await object.exportKey(format === "der" ? "pkcs8" : format as "pem" | "jwk" | "raw", { signal });
      return { format, form };
    }
    case CKO.SECRET_KEY: {
      const format = formatOf(asked, ["raw", "jwk"], "a secret key", command.name);
      return { format, form: await object.exportKey(format as "jwk" | "raw", { signal }) };
    }
  }
  const format = formatOf(asked, ["raw", "pem"], "a data object", command.name);
  const { value } = await object.get(["value"], { signal });
  if (value === undefined) throw new CommandError("Cannot export the object: the token does not let its value out");
  return { format, form: format === "pem" ? writePem("DATA", value) : value };
}

/** The form that was asked for, by default the first. */
function formatOf(asked: string | undefined, known: readonly string[], what: string, command: string): string {
  if (asked === undefined) return known[0]!;
  if (known.includes(asked)) return asked;
  throw new UsageError(`Cannot export ${what} as ${JSON.stringify(asked)}: there are ${known.join(", ")}`, command);
}

/** What a file gets. */
function bytesOf(form: Exported["form"]): Uint8Array {
  if (form instanceof Uint8Array) return form;
  return new TextEncoder().encode(typeof form === "string" ? form : `${safeJson(form)}\n`);
}
