/**
 * The names of a certificate, read from its DER (RFC 5280 §4.2.1.6), and whether they name a host (RFC 9525 §6).
 *
 * The runtimes give the names as one text, not all of them with quotes, and split it again: a name that holds a comma
 * then counts as two.
 *
 * @module
 */
import { builtin } from "../builtin_modules.ts";
import { toHex } from "../bytes.ts";
import { type DerElement, readElements, readInside, Tag } from "./der.ts";

/** Identifier octets of a GeneralName. */
const General = { EMAIL: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87 } as const;
const KINDS: ReadonlyMap<number, string> = new Map([
  [General.EMAIL, "email"],
  [General.DNS, "DNS"],
  [General.URI, "URI"],
  [General.IP, "IP"],
]);
/** [3] EXPLICIT of a TBSCertificate. */
const EXTENSIONS = 0xa3;
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = "551d11";

/** The subject alternative names; null when there are none, and when the certificate cannot be read without doubt. */
function alternativeNames(der: Uint8Array): DerElement[] | null {
  const certificate = readInside(der, Tag.SEQUENCE);
  const body = certificate?.[0];
  const fields = body?.tag === Tag.SEQUENCE ? readElements(body.content) : null;
  const wrapper = fields?.find(({ tag }) => tag === EXTENSIONS);
  const extensions = wrapper === undefined ? null : readInside(wrapper.content, Tag.SEQUENCE);
  const found: DerElement[] = [];
  for (const extension of extensions ?? []) {
    const parts = extension.tag === Tag.SEQUENCE ? readElements(extension.content) : null;
    const [type, value] = [parts?.[0], parts?.at(-1)];
    if (type?.tag !== Tag.OID || value?.tag !== Tag.OCTET_STRING) return null;
    if (toHex(type.content) === SUBJECT_ALT_NAME) found.push(value);
  }
  // An extension that is there twice (RFC 5280 §4.2 forbids it) means whatever one likes it to mean.
  return found.length === 1 ? readInside(found[0]!.content, Tag.SEQUENCE) : null;
}

/** The alternative names as people read them: "DNS:example.com", "IP:127.0.0.1"; bytes no name has are shown as \xNN. */
export function altNamesOf(der: Uint8Array): string[] {
  return (alternativeNames(der) ?? []).flatMap(({ tag, content }) => {
    const kind = KINDS.get(tag);
    if (kind === undefined) return [];
    return [`${kind}:${tag === General.IP ? addressText(content) : printable(content)}`];
  });
}

/** Whether a certificate names a host: by a DNS name, or by an address if the host is one. The subject does not count. */
export function isNamed(der: Uint8Array, host: string): boolean {
  const names = alternativeNames(der) ?? [];
  if (builtin.net.isIP(host) !== 0) {
    const address = canonicalAddress(host);
    return names.some(({ tag, content }) => tag === General.IP && addressText(content) === address);
  }
  const wanted = host.toLowerCase().replace(/\.$/, "");
  return names.some(({ tag, content }) => tag === General.DNS && covers(content, wanted));
}

/** A wildcard stands for one whole label, the first, above a domain of two labels or more. */
function covers(pattern: Uint8Array, host: string): boolean {
  // A host name has 253 characters at most.
  if (pattern.length === 0 || pattern.length > 255) return false;
  const name = String.fromCharCode(...pattern).toLowerCase();
  if (!/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name)) return false;
  if (!name.startsWith("*.")) return name === host;
  const parent = name.slice(2);
  const dot = host.indexOf(".");
  return parent.includes(".") && dot > 0 && host.slice(dot + 1) === parent;
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return toHex(bytes);
  const groups = Array.from({ length: 8 }, (_, n) => toHex(bytes.subarray(2 * n, 2 * n + 2)));
  return canonicalAddress(groups.join(":"));
}

function canonicalAddress(text: string): string {
  return text.includes(":") ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text;
}

function printable(bytes: Uint8Array): string {
  return Array.from(
    bytes,
    (byte) => byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
}
