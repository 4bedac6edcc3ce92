/** Certificates that come to a token on which they, or others of their key, may be already. */
import { CKO } from "../../ffi/constants/mod.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import type { AttributesInit } from "../../session/attributes/attributes_init.ts";
import { type CertificateParts, certificateParts, readCertificate } from "../../session/keys/forms/certificate.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { CommandError } from "../terminal/errors.ts";

/** How a certificate is to be stored. */
export interface StoreOptions {
  /** Its label; by default none, or that of the one whose place it takes. */
  readonly label?: string | undefined;
  /** Its CKA_ID; by default that of its key. */
  readonly id?: Uint8Array | undefined;
  /** Whether it takes the place of the one its key has. */
  readonly replace: boolean;
  /** Cancels it. */
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface StoredCertificate {
  /** The certificate on the token. */
  readonly object: Pkcs11Object;
  /** Whether it was there before. */
  readonly wasThere: boolean;
  /** Those whose place it takes, for the caller to destroy once all else is done. */
  readonly replaced: readonly Pkcs11Object[];
}

/** A certificate on the token. */
interface Held {
  readonly object: Pkcs11Object;
  readonly parts: CertificateParts;
  readonly id: Uint8Array;
  readonly label: string;
}

/**
 * Stores a certificate on a token, once, and never so that no URI tells it from another one.
 *
 * @param certificate PEM or DER, one certificate.
 * @throws {TypeError} When it is none.
 * @throws {CommandError} When another one has its names, which was not to be replaced.
 */
export async function storeCertificate(
  session: Session,
  certificate: string | Uint8Array<ArrayBuffer>,
  { id, label, replace, signal }: StoreOptions,
): Promise<StoredCertificate> {
  const parts = readCertificate(certificate);
  const held = await heldCertificates(session, signal);
  const same = held.find((each) => isSameBytes(each.parts.der, parts.der));
  if (same !== undefined) return { object: same.object, wasThere: true, replaced: [] };
  const old = replace ? await replacedBy(held, parts, label) : [];
  const names = { id: id ?? old[0]?.id, label: label ?? old[0]?.label };
  const object = await session.importCertificate(certificate, attributesOf(names), { signal });
  try {
    await checkNames(object, held.filter((each) => !old.includes(each)), parts, signal);
  } catch (error) {
    await object.destroy();
    throw error;
  }
  return { object, wasThere: false, replaced: old.map((each) => each.object) };
}

function attributesOf({ id, label }: { readonly id?: Uint8Array | undefined; readonly label?: string | undefined }) {
  const attributes: AttributesInit = { token: true };
  return { ...attributes, ...id === undefined ? {} : { id }, ...label === undefined ? {} : { label } };
}

async function heldCertificates(session: Session, signal: AbortSignal): Promise<Held[]> {
  const found = await session.findObjects({ class: CKO.CERTIFICATE }, { read: ["id", "label", "value"], signal });
  return found.flatMap((object) => {
    const { attributes } = object;
    const parts = partsOf(attributes.get("value"));
    if (parts === null) return [];
    return [{ object, parts, id: attributes.get("id") ?? new Uint8Array(), label: attributes.get("label") ?? "" }];
  });
}

/** What is damaged, or no certificate of X.509, is no other's likeness. */
function partsOf(value: Uint8Array<ArrayBuffer> | undefined): CertificateParts | null {
  try {
    return value === undefined ? null : certificateParts(value);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function isOfOneKey(a: CertificateParts, b: CertificateParts): boolean {
  return isSameBytes(a.spki.whole, b.spki.whole);
}

/** The certificates of the same key: those of this label, or the ones there are where they have one. */
async function replacedBy(
  held: readonly Held[],
  parts: CertificateParts,
  label: string | undefined,
): Promise<readonly Held[]> {
  const own = held.filter((each) => isOfOneKey(each.parts, parts) && (label === undefined || each.label === label));
  if (new Set(own.map((each) => each.label)).size <= 1) return own;
  const uris = await Promise.all(own.map(({ object }) => object.uri()));
  throw new CommandError(
    `Cannot choose which certificate to replace: the token has ${own.length} of its key`,
    `--label names those of one label:\n${uris.map((uri) => `  ${uri}`).join("\n")}`,
  );
}

/** Refuses names that another certificate has: one without a label is meant by the URI of every other with its id. */
async function checkNames(
  object: Pkcs11Object,
  others: readonly Held[],
  parts: CertificateParts,
  signal: AbortSignal,
): Promise<void> {
  const { id = new Uint8Array(), label = "" } = await object.get(["id", "label"], { signal });
  const rival = others.find((each) =>
    isSameBytes(each.id, id) && (each.label === label || each.label === "" || label === "")
  );
  if (rival === undefined) return;
  const isRenewed = isOfOneKey(rival.parts, parts);
  const whose = isRenewed ? "another one of its key" : "another one";
  throw new CommandError(
    `Cannot store the certificate: no URI would tell it from ${whose}, ${await rival.object.uri({ signal })}`,
    hintOf(rival, isRenewed),
  );
}

function hintOf({ label }: Held, isRenewed: boolean): string {
  if (label === "") return "That one has no label, so its URI means every other with its id: delete it first.";
  return isRenewed
    ? "--replace puts it in the place of that one, another --label beside it."
    : "Give another --label, or delete that one first.";
}
