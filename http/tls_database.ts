/**
 * The certificates a session trusts.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TrustRoots } from "./transport.ts";
import { readableCertificates } from "./transports/permissions.ts";

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
   * The certificates of a PEM text, or of several. Text between them is ignored; empty text makes an empty database.
   *
   * @throws TypeError when a text that is not empty contains no certificate, or one that cannot be read
   */
  static fromPem(pem: string | Iterable<string>): TlsDatabase {
    const texts = typeof pem === "string" ? [pem] : [...pem];
    return new TlsDatabase(texts.flatMap((text) => certificatesIn(text, "the text")));
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

function certificatesIn(text: string, where: string): string[] {
  if (text.trim() === "") return [];
  const blocks = text.match(PEM_BLOCK);
  if (blocks === null) throw unreadable(where, "it contains no PEM certificate");
  return blocks.map((block, index) => {
    // OpenSSL's TRUSTED form has data of its own behind the certificate, which only OpenSSL reads.
    const body = block.replace(/-----[^-]+-----/g, "").replace(/\s+/g, "");
    return checkedPem(Buffer.from(body, "base64"), `${where}, certificate ${index}`);
  });
}

function checkedPem(bytes: Uint8Array, where: string): string {
  const der = firstElement(bytes);
  try {
    if (der === null) throw new TypeError("it is not DER");
    new X509Certificate(der);
  } catch (error) {
    throw unreadable(where, error instanceof Error ? error.message : String(error), error);
  }
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----`;
}

/** The first DER sequence of some bytes, without what follows it; null when there is none. */
function firstElement(bytes: Uint8Array): Buffer | null {
  const [tag, first = 0] = bytes;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (tag !== 0x30 || lengthBytes > 4 || bytes.byteLength < 2 + lengthBytes) return null;
  let length = lengthBytes === 0 ? first : 0;
  for (const byte of bytes.subarray(2, 2 + lengthBytes)) length = length * 256 + byte;
  const end = 2 + lengthBytes + length;
  return end > bytes.byteLength ? null : Buffer.from(bytes.subarray(0, end));
}

function bytesOf(value: unknown): Uint8Array | null {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return typeof value === "object" && value !== null && "der" in value ? bytesOf(value.der) : null;
}

function unreadable(where: string, why: string, cause?: unknown): TypeError {
  return new TypeError(`Cannot read the certificate in ${where}: ${why}`, cause === undefined ? undefined : { cause });
}
