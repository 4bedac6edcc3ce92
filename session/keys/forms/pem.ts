/**
 * PEM, the text form of keys and certificates (RFC 7468).
 *
 * @module
 */
import { secretCopy } from "../../../internal/bytes.ts";

/** One block between its two lines. */
export interface PemBlock {
  /** What the lines name, for example "PRIVATE KEY". */
  readonly label: string;
  /** The bytes between them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const BEGIN = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----[ \t]*$/;

/** More than the largest DER that is read takes; the certificates of all authorities of a system take a tenth of it. */
const MAX_TEXT = 8 << 20;

/** Whether a text has at least one line that begins a block. */
export function looksLikePem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

/**
 * The blocks of a text, in their order; what stands between them is passed over.
 *
 * @throws {TypeError} where a block does not end, has header fields (old encrypted keys) or is no base64
 */
export function readPem(text: string, what: string): PemBlock[] {
  if (text.length > MAX_TEXT) {
    throw new TypeError(`Cannot read ${what}: the text has ${text.length} characters, at most ${MAX_TEXT} are read`);
  }
  const blocks: PemBlock[] = [];
  const lines = text.split(/\r\n|[\r\n]/);
  for (let at = 0; at < lines.length; at++) {
    const label = BEGIN.exec(lines[at]!)?.[1];
    if (label === undefined) continue;
    const last = `-----END ${label}-----`;
    let end = at + 1;
    while (end < lines.length && lines[end]!.trimEnd() !== last) end++;
    if (end === lines.length) throw new TypeError(`Cannot read ${what}: the PEM block "${label}" has no end line`);
    blocks.push({ label, bytes: blockBytes(lines.slice(at + 1, end), label, what) });
    at = end;
  }
  return blocks;
}

function blockBytes(lines: readonly string[], label: string, what: string): Uint8Array<ArrayBuffer> {
  if (lines.some((line) => line.includes(":"))) {
    const isEncrypted = lines.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line));
    throw new TypeError(
      isEncrypted
        ? `Cannot read ${what}: the PEM block "${label}" is encrypted in OpenSSL's old form; convert it with "openssl pkcs8 -topk8"`
        : `Cannot read ${what}: the PEM block "${label}" has header fields`,
    );
  }
  const base64 = lines.join("").replace(/[ \t]/g, "");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) {
    throw new TypeError(`Cannot read ${what}: the PEM block "${label}" is no base64`);
  }
  const bytes = Uint8Array.fromBase64(base64);
  const own = secretCopy(bytes);
  bytes.fill(0);
  return own;
}

/**
 * The certificates in a text.
 *
 * @param action What cannot be done without any, in an error's words.
 * @param what What the text is to be.
 * @throws {TypeError} When there is none, or a block is damaged.
 */
export function readPemCertificates(text: string, action: string, what: string): Uint8Array<ArrayBuffer>[] {
  const blocks = looksLikePem(text) ? readPem(text, what) : [];
  const found = blocks.filter(({ label }) => /^(X509 )?CERTIFICATE$/.test(label));
  if (found.length > 0) return found.map(({ bytes }) => bytes);
  const hint = blocks.length > 0 ? "" : "; it is the content of a file that is wanted, not its path";
  throw new TypeError(`Cannot ${action} ${what}: the text has no PEM certificate${hint}`);
}

/** Writes a block with lines of 64 characters. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
