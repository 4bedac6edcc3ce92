/**
 * The certificates a session trusts.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { type DerElement, oidText, readElement, readElements, Tag } from "../../internal/der.ts";
import type { TrustRoots } from "./transport.ts";
import { readableCertificates } from "./permissions.ts";

const PEM_BLOCK = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]+-----END \1-----/g;

/** A certificate as {@linkcode TlsDatabase.fromCertificates} takes it: DER, or an object that has it. */
export type CertificateInput = BufferSource | Uint8Array | {
  /** The certificate in DER. */
  readonly der: BufferSource | Uint8Array;
};

/**
 * A set of root certificates (`GTlsDatabase`). A session that has one trusts what these roots vouch for and nothing
 * else; an empty one trusts nobody. It never changes once made.
 *
 * @example Trust one authority only
 * ```ts
 * import { TlsDatabase } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 * import { rootCertificates } from "node:tls";
 *
 * const database = TlsDatabase.fromPem(rootCertificates[0]!);
 * assertEquals(database.size, 1);
 * assertEquals(TlsDatabase.fromPem("").size, 0);
 * ```
 */
export class TlsDatabase implements TrustRoots {
  /**
   * The roots of the operating system and of the runtime together; read when first needed. The runtime's alone where it
   * cannot read the others (Deno before 2.8: `session.capabilities.systemRoots` is false).
   */
  static readonly system: TlsDatabase = new TlsDatabase(null);

  #pem: readonly string[] | null;

  private constructor(pem: readonly string[] | null) {
    this.#pem = pem;
  }

  /**
   * The certificates of a PEM text, or of several. Text between them is ignored; empty text makes an empty database. Of
   * OpenSSL's TRUSTED CERTIFICATE blocks only those count that are trusted for servers, and rejected ones count nowhere.
   *
   * @throws TypeError when a text that is not empty contains no certificate, or one that cannot be read
   */
  static fromPem(pem: string | Iterable<string>): TlsDatabase {
    const texts = typeof pem === "string" ? [pem] : [...pem];
    if (texts.length > 1) { for (const text of texts) certificatesIn(text, "the text"); }
    return new TlsDatabase(certificatesIn(texts.join("\n"), "the text"));
  }

  /**
   * The certificates of a PEM file; a relative path starts at the current directory.
   *
   * @throws Error the file system's own, when the file cannot be read
   * @throws TypeError as `fromPem` does
   */
  static fromFile(path: string | URL): TlsDatabase {
    return new TlsDatabase(certificatesIn(readFileSync(path, "utf8"), String(path)));
  }

  /**
   * Certificates in DER, or objects that have one, such as the trust anchors of the operating system's token.
   *
   * @throws TypeError when one of them is not a certificate
   */
  static fromCertificates(certificates: Iterable<CertificateInput>): TlsDatabase {
    return new TlsDatabase([...certificates].map((certificate, index) => {
      const der = bytesOf(certificate);
      if (der === null) throw unreadable(`certificate ${index}`, "it is neither bytes nor has `der`");
      return checkedPem(der, `certificate ${index}`);
    }));
  }

  /** True for {@linkcode TlsDatabase.system}. */
  get isSystem(): boolean {
    return this === TlsDatabase.system;
  }

  /** Number of certificates. */
  get size(): number {
    return this.pem().length;
  }

  /** The certificates as PEM texts, one each. */
  pem(): readonly string[] {
    this.#pem ??= systemCertificates();
    return this.#pem;
  }
}

/**
 * The store of the operating system adds to the runtime's own roots, as it does for the runtime's command line. Where
 * Deno does not permit to read either, the list is empty, and the runtime's own roots are trusted unseen.
 */
function systemCertificates(): readonly string[] {
  const sources = [readableCertificates("default"), readableCertificates("system")];
  const certificates = new Map<string, string>();
  if (sources.includes(null)) return Object.freeze([]);
  for (const pem of sources.flatMap((source) => source ?? [])) certificates.set(pem.replace(/\s/g, ""), pem.trim());
  return Object.freeze([...certificates.values()]);
}

/** The roots in a PEM text. What one block rejects is no root, whatever another one says of it. */
function certificatesIn(text: string, where: string): string[] {
  if (text.trim() === "") return [];
  const blocks = text.match(PEM_BLOCK);
  if (blocks === null) throw unreadable(where, "it contains no PEM certificate");
  const roots = new Set<string>();
  const rejected = new Set<string>();
  blocks.forEach((block, index) => {
    const body = block.replace(/-----[^-]+-----/g, "").replace(/\s+/g, "");
    const bytes = Buffer.from(body, "base64");
    const name = `${where}, certificate ${index}`;
    const pem = checkedPem(bytes, name);
    const isTrusted = !block.startsWith("-----BEGIN TRUSTED ") || vouchesForServers(bytes, name);
    (isTrusted ? roots : rejected).add(pem);
  });
  return [...roots].filter((pem) => !rejected.has(pem));
}

/** Identifier octets of OpenSSL's X509_CERT_AUX: purposes that are trusted, then, in [0], those that are rejected. */
const REJECTED_PURPOSES = 0xa0;
/** id-kp-serverAuth, and anyExtendedKeyUsage. */
const SERVER_PURPOSES: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"]);

/**
 * What OpenSSL's TRUSTED form says behind the certificate: whoever wrote it may have rejected the authority for servers,
 * or trusted it for other purposes only, such as e-mail. Without a list it is trusted for all.
 */
function vouchesForServers(bytes: Uint8Array, where: string): boolean {
  const certificate = readElement(bytes);
  const rest = certificate === null ? null : bytes.subarray(certificate.whole.length);
  if (rest?.length === 0) return true;
  const auxiliary = rest && readElement(rest);
  const parts = auxiliary?.tag === Tag.SEQUENCE ? readElements(auxiliary.content) : null;
  if (parts === null || auxiliary!.whole.length !== rest!.length) throw unreadable(where, "its trust data is damaged");
  const purposes = (part: DerElement | undefined): string[] | null => {
    if (part === undefined) return null;
    const elements = readElements(part.content);
    if (elements === null || elements.some(({ tag }) => tag !== Tag.OID)) {
      throw unreadable(where, "its trust data is damaged");
    }
    return elements.map(({ content }) => oidText(content));
  };
  const trusted = purposes(parts.find(({ tag }) => tag === Tag.SEQUENCE));
  const rejected = purposes(parts.find(({ tag }) => tag === REJECTED_PURPOSES));
  if (rejected?.some((purpose) => SERVER_PURPOSES.has(purpose))) return false;
  return trusted === null || trusted.length === 0 || trusted.some((purpose) => SERVER_PURPOSES.has(purpose));
}

function checkedPem(bytes: Uint8Array, where: string): string {
  const der = readElement(bytes);
  try {
    if (der?.tag !== Tag.SEQUENCE) throw new TypeError("it is not DER");
    new X509Certificate(der.whole);
  } catch (error) {
    throw unreadable(where, error instanceof Error ? error.message : String(error), error);
  }
  const lines = Buffer.from(der.whole).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----`;
}

function bytesOf(value: unknown): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return typeof value === "object" && value !== null && "der" in value ? bytesOf(value.der) : null;
}

function unreadable(where: string, why: string, cause?: unknown): TypeError {
  return new TypeError(`Cannot read the certificate in ${where}: ${why}`, cause === undefined ? undefined : { cause });
}
