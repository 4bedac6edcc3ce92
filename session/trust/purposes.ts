import { oidText, readInside, Tag } from "../../internal/der.ts";

const OID_EXTENDED_KEY_USAGE = "2.5.29.37";
/** OpenSSL's "rejected for" list, as p11-kit keeps it. */
const OID_REJECTED_USAGE = "1.3.6.1.4.1.3319.6.10.1";

const names: ReadonlyMap<string, string> = new Map([
  ["serverAuth", "1.3.6.1.5.5.7.3.1"],
  ["clientAuth", "1.3.6.1.5.5.7.3.2"],
  ["codeSigning", "1.3.6.1.5.5.7.3.3"],
  ["email", "1.3.6.1.5.5.7.3.4"],
  ["timeStamping", "1.3.6.1.5.5.7.3.8"],
]);

/** The object identifier of a purpose, given by name or as one. */
export function purposeOid(purpose: string): string {
  const known = names.get(purpose);
  if (known !== undefined) return known;
  if (/^[0-2](\.(0|[1-9][0-9]*))+$/.test(purpose)) return purpose;
  throw new TypeError(
    `Cannot look for a purpose: expected serverAuth, clientAuth, codeSigning, email, timeStamping or an OID, got ${
      JSON.stringify(purpose)
    }`,
  );
}

/** What the extensions attached to a certificate say about purposes. */
export interface AttachedPurposes {
  /** The purposes it is limited to; `null` for no limit. */
  allowed: Set<string> | null;
  /** The purposes it is refused for. */
  readonly rejected: Set<string>;
}

/** Adds what one attached extension says; extensions about something else say nothing. */
export function addExtension(purposes: AttachedPurposes, extension: Uint8Array): void {
  const [oid, ...rest] = readInside(extension, Tag.SEQUENCE) ?? [];
  const value = rest.at(-1);
  if (oid?.tag !== Tag.OID || value?.tag !== Tag.OCTET_STRING) return;
  const id = oidText(oid.content);
  if (id !== OID_EXTENDED_KEY_USAGE && id !== OID_REJECTED_USAGE) return;
  const usages = (readInside(value.content, Tag.SEQUENCE) ?? []).filter(({ tag }) => tag === Tag.OID);
  const target = id === OID_REJECTED_USAGE ? purposes.rejected : (purposes.allowed ??= new Set());
  for (const usage of usages) target.add(oidText(usage.content));
}

/** Whether a certificate with these extensions may be used for a purpose. */
export function allowsPurpose(purposes: AttachedPurposes | undefined, oid: string): boolean {
  return purposes === undefined ||
    ((purposes.allowed === null || purposes.allowed.has(oid)) && !purposes.rejected.has(oid));
}
