import { type DerElement, oidText, readElement, readInside, Tag } from "../../internal/x509/der.ts";

const OID_EXTENDED_KEY_USAGE = "2.5.29.37";
const ANY_USAGE = "2.5.29.37.0";
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

/** What extensions say about purposes. */
export interface Purposes {
  /** The purposes it is limited to; `null` for no limit. */
  allowed: Set<string> | null;
  /** The purposes it is refused for. */
  readonly rejected: Set<string>;
  /** An extension cannot be read: nobody knows what else it is refused for. */
  isDamaged: boolean;
}

/** Nothing said. */
export function noPurposes(): Purposes {
  return { allowed: null, rejected: new Set(), isDamaged: false };
}

/** Adds what one attached extension says, in DER; extensions about something else say nothing. */
export function addAttached(purposes: Purposes, extension: Uint8Array): void {
  const [oid, ...rest] = readWhole(extension) ?? [];
  const value = rest.at(-1);
  if (oid?.tag === Tag.OID && value?.tag === Tag.OCTET_STRING) {
    addExtension(purposes, oidText(oid.content), value.content);
  } else purposes.isDamaged = true;
}

/** Adds what an extension says. */
export function addExtension(purposes: Purposes, oid: string, value: Uint8Array): void {
  if (oid !== OID_EXTENDED_KEY_USAGE && oid !== OID_REJECTED_USAGE) return;
  const usages = readWhole(value)?.map(({ content, tag }) => tag === Tag.OID ? oidText(content) : "") ?? [""];
  if (usages.includes("")) purposes.isDamaged = true;
  const target = oid === OID_REJECTED_USAGE ? purposes.rejected : (purposes.allowed ??= new Set());
  for (const usage of usages) target.add(usage);
}

/** The elements of a SEQUENCE with nothing behind it. */
function readWhole(der: Uint8Array): DerElement[] | null {
  return readElement(der)?.whole.length === der.length ? readInside(der, Tag.SEQUENCE) : null;
}

/** Whether a certificate may be used for a purpose: what is attached to it counts, else what it says itself. */
export function allowsPurpose(attached: Purposes, own: Purposes, oid: string): boolean {
  const { allowed } = attached.allowed === null ? own : attached;
  const isIn = (usages: ReadonlySet<string>) => usages.has(oid) || usages.has(ANY_USAGE);
  return !attached.isDamaged && (allowed === null || isIn(allowed)) && !isIn(attached.rejected);
}
