/**
 * Names of a certificate besides its subject, written (RFC 5280 §4.2.1.6): each by its kind, or by how it looks.
 *
 * @module
 */
import { contextTag, type DerValue, primitive } from "../keys/forms/asn1.ts";

/** A kind of names: its tag in GeneralName, and the bytes of a name; null where the text is no such name. */
interface NameKind {
  readonly tag: number;
  readonly bytes: (name: string) => Uint8Array | null;
}

/** Kinds of names as OpenSSL writes them before a name, in capital letters. */
const KINDS: Readonly<Record<string, NameKind>> = {
  DNS: {
    tag: 2,
    bytes: textOf(/^(?![\d.]+$)(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i),
  },
  IP: { tag: 7, bytes: addressBytes },
  EMAIL: { tag: 1, bytes: textOf(/^[^@\s:;,<>()[\]\\"]+@[^@\s:/]+$/) },
  // An authority has a host; http has an authority.
  URI: {
    tag: 6,
    bytes: textOf(
      /^(?!https?:(?!\/\/))[a-z][a-z0-9+.-]*:(\/\/([^/?#@\s]*@)?[^/?#@:\s][^/?#@\s]*([/?#]\S*)?|(?!\/\/)\S+)$/i,
    ),
  },
};

/** Text with a kind before it, also one of those that are not written here. */
const WITH_KIND = /^(DNS|IP|email|URI|RID|dirName|otherName|x400Name|ediPartyName)(\.\d+)?:/i;

/** A URI without its kind: one with `//`, or no host with a port, no address, and no kind that is unknown here. */
const LOOKS_LIKE_URI = /^([a-z][a-z0-9+.-]*:\/\/|[a-z]+:(?!\d+$))/i;

/**
 * A name: with its kind before it, as in `DNS:example.org`, that and nothing else; alone an address, a URI, an e-mail
 * address or a DNS name, by how it looks.
 *
 * @throws {TypeError} where it is none
 */
export function generalName(text: string): DerValue {
  // Before the patterns, which would only say that it is no name.
  if (/[^\0-\x7f]/.test(text)) fail(text, "write it in ASCII, host names in their xn-- form");
  const [prefix, name] = WITH_KIND.exec(text) ?? [];
  const kind = prefix === undefined ? undefined : KINDS[prefix.slice(0, -1).toUpperCase()];
  if (prefix === undefined) return alone(text);
  if (kind === undefined) {
    fail(text, `there are no names of the kind ${JSON.stringify(prefix.slice(0, -1))}, only DNS, IP, email and URI`);
  }
  return written(text, text.slice(prefix.length), kind) ?? fail(text, `what it names is no ${name} name`);
}

function alone(text: string): DerValue {
  const { DNS, EMAIL, IP, URI } = KINDS;
  const kinds = [IP!, ...LOOKS_LIKE_URI.test(text) ? [URI!] : [], EMAIL!, DNS!];
  for (const kind of kinds) {
    const name = written(text, text, kind);
    if (name !== null) return name;
  }
  return fail(
    text,
    "it is no DNS name, IP address, e-mail address or URI; its kind may stand before it: DNS:, IP:, email: or URI:",
  );
}

function written(text: string, name: string, { bytes, tag }: NameKind): DerValue | null {
  const content = bytes(name);
  if (content === null) return null;
  if (tag !== KINDS["IP"]!.tag && [...name].some((character) => character > "\u007e" || character < "!")) {
    fail(text, "it has blanks or control characters");
  }
  return primitive(contextTag(tag, false), content);
}

function textOf(pattern: RegExp): NameKind["bytes"] {
  return (name) => pattern.test(name) ? new TextEncoder().encode(name) : null;
}

function addressBytes(name: string): Uint8Array | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(name)) {
    const parts = name.split(".").map(Number);
    return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : null;
  }
  if (!name.includes(":") || !URL.canParse(`http://[${name}]/`)) return null;
  const [head, tail] = new URL(`http://[${name}]/`).hostname.slice(1, -1).split("::") as [string, string?];
  const groups = (text: string | undefined): string[] => text ? text.split(":") : [];
  const [first, last] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return Uint8Array.from(
    [...first, ...zeros, ...last].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]),
  );
}

function fail(text: string, state: string): never {
  throw new TypeError(`Cannot use subjectAltName ${JSON.stringify(text)}: ${state}`);
}
