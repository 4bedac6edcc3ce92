/** Public keys as OpenSSH has them (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). */
import { concatBytes } from "../../internal/bytes.ts";
import { readDer } from "../../session/keys/forms/asn1.ts";
import { type AsymmetricMaterial, describeKey } from "../../session/keys/forms/key_material.ts";
import { readSpki } from "../../session/keys/forms/read_der.ts";
import { CommandError } from "../terminal/errors.ts";
import { safeText } from "../terminal/text.ts";

/** What OpenSSH calls the curves of ECDSA. */
const CURVES: Readonly<Record<string, string>> = { "P-256": "nistp256", "P-384": "nistp384", "P-521": "nistp521" };

/**
 * A line of `authorized_keys`.
 *
 * @param spki The public key.
 * @param comment What stands behind it; what could end the line is written as an escape.
 * @throws {CommandError} When OpenSSH has no keys of this kind.
 */
export function sshLine(spki: Uint8Array<ArrayBuffer>, comment: string): string {
  const fields = fieldsOf(readSpki(readDer(spki, "the public key"), "the public key"));
  const blob = concatBytes(...fields.map(field));
  return `${[fields[0], blob.toBase64(), safeText(comment)].join(" ").trimEnd()}\n`;
}

function fieldsOf(material: AsymmetricMaterial): readonly [type: string, ...fields: (string | Uint8Array)[]] {
  if (material.kind === "RSA") return ["ssh-rsa", positive(material.publicExponent), positive(material.modulus)];
  if (material.kind === "curve") {
    const { curve: { name }, publicKey } = material;
    const curve = CURVES[name];
    if (curve !== undefined) return [`ecdsa-sha2-${curve}`, curve, publicKey!];
    if (name === "Ed25519") return ["ssh-ed25519", publicKey!];
  }
  throw new CommandError(
    `Cannot export the ${describeKey(material)} for SSH: OpenSSH has no such keys`,
    `It has RSA, ${Object.keys(CURVES).join(", ")} and Ed25519.`,
  );
}

/** A number without leading zeros, with one where its first bit would make it negative. */
function positive(number: Uint8Array): Uint8Array {
  return number[0]! < 0x80 ? number : concatBytes(Uint8Array.of(0), number);
}

/** A field behind its length. */
function field(value: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concatBytes(length, bytes);
}
