/**
 * The certificates a session trusts.
 *
 * @module
 */
import { builtin } from "../../internal/builtin_modules.ts";
import { checkIterable, checkText, unexpected } from "../../internal/expected.ts";
import { Buffer } from "node:buffer";
import { oidText, readElement, readElements, Tag } from "../../internal/x509/der.ts";
import type { BytesInput } from "../../internal/platform_types.ts";
import { fileError } from "../errors.ts";
import type { TrustRoots } from "./transport.ts";
import { readableCertificates } from "./permissions.ts";

const PEM_BEGIN = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const PEM_BLOCK = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]+-----END \1-----/g;

/** A certificate as {@linkcode TlsDatabase.fromCertificates} takes it: DER, or an object that has it. */
export type CertificateInput = BytesInput | {
  /** The certificate in DER. */
  readonly der: BytesInput;
};

/**
 * A set of root certificates (`GTlsDatabase`). A session that has one trusts certificates issued under these roots and
 * nothing else; an empty one trusts nobody. It never changes once made.
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
   * @throws {TypeError} If a text that is not empty contains no certificate, or one that cannot be read.
   */
  static fromPem(pem: string | Iterable<string>): TlsDatabase {
    if (typeof pem !== "string") checkIterable("read certificates", pem, "PEM text");
    const texts = typeof pem === "string" ? [pem] : Array.from(pem, (text) => checkText("read certificates", text));
    if (texts.length > 1) { for (const text of texts) certificatesIn(text, "the text"); }
    return new TlsDatabase(certificatesIn(texts.join("\n"), "the text"));
  }

  /**
   * The certificates of a PEM file; a relative path starts at the current directory.
   *
   * @throws {Error} If the file cannot be read; `code` is that of the file system, such as ENOENT.
   * @throws {TypeError} As `fromPem` does.
   */
  static fromFile(path: string | URL): TlsDatabase {
    const isPath = typeof path === "string" || path instanceof URL;
    if (!isPath) throw unexpected("read certificates", "a path", path);
    return new TlsDatabase(certificatesIn(fileText(path), String(path)));
  }

  /**
   * Certificates in DER, or objects that have one, such as the trust anchors of the operating system's token.
   *
   * @throws {TypeError} If one of them is not a certificate.
   */
  static fromCertificates(certificates: Iterable<CertificateInput>): TlsDatabase {
    checkIterable("read certificates", certificates, "a list of certificates");
    return new TlsDatabase([...certificates].map((certificate, index) => {
      const der = bytesOf(certificate);
      if (der === null) throw unreadable(`certificate ${index}`, "it is neither bytes nor has `der`");
      return checkedPem(der, `certificate ${index}`).pem;
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

function fileText(path: string | URL): string {
  try {
    return builtin.fs.readFileSync(path, "utf8");
  } catch (error) {
    throw fileError(`Cannot read the certificates in ${path}`, error);
  }
}

/** The roots in a PEM text. What one block rejects is no root, whatever another one says of it. */
function certificatesIn(text: string, where: string): string[] {
  if (text.trim() === "") return [];
  const blocks = text.match(PEM_BLOCK) ?? [];
  const begun = text.match(PEM_BEGIN)?.length ?? 0;
  // What is cut off may be what rejects an authority.
  if (begun !== blocks.length) throw unreadable(where, `${begun - blocks.length} of its PEM blocks are damaged`);
  if (begun === 0) throw unreadable(where, "it contains no PEM certificate");
  const roots = new Set<string>();
  const rejected = new Set<string>();
  blocks.forEach((block, index) => {
    const name = `${where}, certificate ${index}`;
    const bytes = base64Bytes(block.replace(/-----[^-]+-----/g, "").replace(/\s+/g, ""), name);
    const { pem, rest } = checkedPem(bytes, name);
    const isOpenSsl = block.startsWith("-----BEGIN TRUSTED ");
    if (!isOpenSsl && rest.length > 0) throw unreadable(name, "there is something behind it");
    (!isOpenSsl || isTrustedForServers(rest, name) ? roots : rejected).add(pem);
  });
  return [...roots].filter((pem) => !rejected.has(pem));
}

/** Buffer reads what it can, and stops where it cannot: what is behind would be lost unseen. */
function base64Bytes(text: string, where: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw unreadable(where, "it is not Base64");
  return Buffer.from(text, "base64");
}

/** What OpenSSL's X509_CERT_AUX may hold, each at most once and in this order. */
const AuxiliaryTag = { TRUSTED: 0x30, REJECTED: 0xa0, ALIAS: 0x0c, KEY_ID: 0x04, OTHER: 0xa1 } as const;
const AUXILIARY_ORDER: readonly number[] = Object.values(AuxiliaryTag);
/** id-kp-serverAuth, and anyExtendedKeyUsage. */
const SERVER_PURPOSES: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"]);

/**
 * What OpenSSL's TRUSTED form says behind the certificate: whoever wrote it may have rejected the authority for servers,
 * or trusted it for other purposes only, such as e-mail. Without a list it is trusted for all; an empty one trusts for none.
 */
function isTrustedForServers(rest: Uint8Array, where: string): boolean {
  if (rest.length === 0) return true;
  const auxiliary = readElement(rest);
  const parts = auxiliary?.tag === Tag.SEQUENCE ? readElements(auxiliary.content) : null;
  const order = parts?.map(({ tag }) => AUXILIARY_ORDER.indexOf(tag)) ?? [];
  const isOrdered = order.every((place, index) => place > (order[index - 1] ?? -1));
  if (parts === null || auxiliary!.whole.length !== rest.length || !isOrdered) {
    throw unreadable(where, "its trust data is damaged");
  }
  const purposes = (wanted: number): string[] | null => {
    const part = parts.find(({ tag }) => tag === wanted);
    const elements = part === undefined ? null : readElements(part.content);
    const oids = elements?.map(({ content, tag }) => tag === Tag.OID ? oidText(content) : "") ?? null;
    if (part !== undefined && (oids === null || oids.includes(""))) {
      throw unreadable(where, "its trust data is damaged");
    }
    return oids;
  };
  const trusted = purposes(AuxiliaryTag.TRUSTED);
  const rejected = purposes(AuxiliaryTag.REJECTED);
  if (rejected?.some((purpose) => SERVER_PURPOSES.has(purpose))) return false;
  return trusted === null || trusted.some((purpose) => SERVER_PURPOSES.has(purpose));
}

/** Why a database is empty, where it was not meant to be so. */
const reasons = new WeakMap<TrustRoots, string>();

/** A database that trusts nobody, since what was to fill it could not be read. */
export function emptyBecause(reason: string): TlsDatabase {
  const database = TlsDatabase.fromPem("");
  reasons.set(database, reason);
  return database;
}

/** Why nobody is trusted; null where somebody is, and "" where the caller has it so. */
export function trustsNobody(roots: TrustRoots | null): string | null {
  if (roots === null || roots.isSystem || roots.pem().length > 0) return null;
  return reasons.get(roots) ?? "";
}

/** A certificate as PEM, and what stands behind it. */
function checkedPem(bytes: Uint8Array, where: string): { pem: string; rest: Uint8Array } {
  const der = readElement(bytes);
  try {
    if (der?.tag !== Tag.SEQUENCE) throw new TypeError("it is not DER");
    new builtin.crypto.X509Certificate(der.whole);
  } catch (error) {
    throw unreadable(where, error instanceof Error ? error.message : String(error), error);
  }
  const lines = Buffer.from(der.whole).toString("base64").match(/.{1,64}/g) ?? [];
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----`,
    rest: bytes.subarray(der.whole.length),
  };
}

function bytesOf(value: unknown): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return typeof value === "object" && value !== null && "der" in value ? bytesOf(value.der) : null;
}

function unreadable(where: string, why: string, cause?: unknown): TypeError {
  return new TypeError(`Cannot read the certificate in ${where}: ${why}`, cause === undefined ? undefined : { cause });
}

/** True for roots that trust the same certificates in the same order: connections need not be made anew. */
export function isSameRoots(one: TrustRoots | null, other: TrustRoots | null): boolean {
  if (one === null || other === null || one === other) return one === other;
  if (one.isSystem || other.isSystem) return false;
  const [left, right] = [one.pem(), other.pem()];
  return left.length === right.length && left.every((pem, index) => pem === right[index]);
}
