/**
 * The channel binding that ties NTLM and Negotiate to the server's certificate (RFC 5929 §4, "tls-server-end-point"):
 * what Windows calls Extended Protection.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";
import { concatBytes, toHex } from "../../../internal/bytes.ts";
import type { Connection } from "../../transports/connection.ts";
import { encodeLatin1 } from "./text.ts";

/** Signature algorithms whose hash is not SHA-256: the content of their object identifiers in hexadecimal. */
const longHashes: Readonly<Record<string, "sha384" | "sha512">> = {
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/** "tls-server-end-point:" and the hash of a certificate in DER. */
export function serverEndPoint(certificate: Uint8Array): Uint8Array<ArrayBuffer> {
  const hash = builtin.crypto.createHash(signatureHash(certificate)).update(certificate).digest();
  return concatBytes(encodeLatin1("tls-server-end-point:"), hash);
}

/**
 * The binding of a connection, or null when there is no TLS or the transport does not show the certificate, as fetch
 * does not.
 */
export function channelBinding(connection: Connection | null): Uint8Array<ArrayBuffer> | null {
  const certificate = connection?.tls?.certificate;
  return certificate ? serverEndPoint(certificate.der) : null;
}

/** MD5 of the binding inside a gss_channel_bindings_struct without addresses (MS-NLMP §2.2.2.1). */
export function channelBindingHash(binding: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(20);
  new DataView(head.buffer).setUint32(16, binding.byteLength, true);
  return new Uint8Array(builtin.crypto.createHash("md5").update(head).update(binding).digest());
}

/** MD5 and SHA-1 count as SHA-256; so does what is unknown (RFC 5929 §4.1). */
function signatureHash(certificate: Uint8Array): "sha256" | "sha384" | "sha512" {
  const outer = readElement(certificate, 0);
  const toBeSigned = outer && readElement(certificate, outer.start);
  const algorithm = toBeSigned && readElement(certificate, toBeSigned.end);
  const identifier = algorithm && readElement(certificate, algorithm.start);
  if (!identifier) return "sha256";
  return longHashes[toHex(certificate.subarray(identifier.start, identifier.end))] ?? "sha256";
}

/** Where the content of the DER element at `offset` starts and ends; null when it does not fit. */
function readElement(bytes: Uint8Array, offset: number): { start: number; end: number } | null {
  const first = bytes[offset + 1];
  if (first === undefined) return null;
  if (first < 0x80) {
    return offset + 2 + first <= bytes.byteLength ? { start: offset + 2, end: offset + 2 + first } : null;
  }
  const start = offset + 2 + (first & 0x7f);
  let length = 0;
  for (let index = offset + 2; index < start; index++) length = length * 256 + (bytes[index] ?? 0);
  return start + length <= bytes.byteLength ? { start, end: start + length } : null;
}
