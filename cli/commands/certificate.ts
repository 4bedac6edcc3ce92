import { createSelfSignedCertificate } from "../../session/certificates/mod.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { CommandContext } from "../contract/command.ts";
import { UsageError } from "../terminal/errors.ts";
import { fileMember, STANDARD, writeText } from "../terminal/files.ts";
import { listText } from "../terminal/table.ts";
import { namesOf } from "../tokens/certificate_names.ts";
import { allOrNothing } from "../tokens/all_or_nothing.ts";
import { wishes, withObject } from "../tokens/find_object.ts";
import { storeCertificate, type StoredCertificate } from "../tokens/store_certificate.ts";

/** Milliseconds. */
const DAY = 86_400_000;

/** More days than anybody lives, and fewer than a certificate's dates have room for. */
const MOST_DAYS = 36_525;

/** Makes a certificate that a key of a token signs for itself. */
export async function run(context: CommandContext): Promise<void> {
  const { command, options, signal } = context;
  const names = namesOf(context);
  const notBefore = new Date();
  const notAfter = new Date(Number(notBefore) + options.integer("days", 1, MOST_DAYS)! * DAY);
  const isStored = options.has("store");
  const idle = isStored ? undefined : ["replace", "label"].find((each) => options.has(each));
  if (idle !== undefined) {
    throw new UsageError(`Cannot use --${idle}: without --store the certificate is not put on the token`, command.name);
  }
  const wish = { ...wishes.certify, readWrite: isStored };
  await withObject(context, context.arguments[0]!, wish, async (key) => {
    const pair = { privateKey: key, publicKey: key };
    const pem = await createSelfSignedCertificate(pair, { ...names, notBefore, notAfter, signal });
    if (!isStored) return await written(context, pem, undefined);
    const { object, wasThere, replaced } = await stored(context, key, pem);
    const made = wasThere ? [] : [object];
    await allOrNothing(made, async () => await written(context, pem, await object.uri({ signal })));
    for (const old of replaced) await old.destroy({ signal });
  });
}

/** Writes a certificate where it is wanted: one that is stored only where a file is named. */
async function written(context: CommandContext, pem: string, uri: string | undefined): Promise<void> {
  const { options, paint, surroundings } = context;
  const isJson = options.has("json");
  const out = options.text("out") ?? (uri === undefined ? STANDARD : undefined);
  if (out !== undefined && !(isJson && out === STANDARD)) await writeText(pem, out, surroundings);
  if (isJson) await context.report({ json: { pem, uri, ...fileMember(out) }, text: "" });
  else if (uri === undefined) return;
  else if (out === STANDARD) await context.note(`stored ${uri}`);
  else await context.report({ json: null, text: listText([["stored", uri]], paint) });
}

/** Puts a certificate beside its key, under the key's names or a label of its own. */
async function stored({ options, signal }: CommandContext, key: Pkcs11Object, pem: string): Promise<StoredCertificate> {
  const { id, label } = await key.get(["id", "label"], { signal });
  return await storeCertificate(key.session, pem, {
    id: id?.length ? id : undefined,
    label: options.text("label") ?? label,
    replace: options.has("replace"),
    signal,
  });
}
