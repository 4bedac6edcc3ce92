/**
 * Public keys as people want them, and the forms of those that a token lets out.
 *
 * @module
 */
import type { RuntimeCryptoKey } from "../../internal/platform_types.ts";
import { secretCopy } from "../../internal/bytes.ts";
import { runtimeCrypto } from "../../internal/runtime.ts";
import { describeName } from "../../ffi/memory/inputs.ts";
import { type AsymmetricMaterial, describeKey, type KeyMaterial, wipeKey } from "./forms/key_material.ts";
import {
  hasJsonWebKeyForm,
  writeJsonWebKey,
  writePublicJsonWebKey,
  type WrittenJsonWebKey,
} from "./forms/json_web_key.ts";
import { writePem } from "./forms/pem.ts";
import { publicKeyBits, writePkcs8, writeSpki } from "./forms/write_der.ts";

export type { RuntimeCryptoKey };

type Bytes = Uint8Array<ArrayBuffer>;

/** The forms of a public key, and what each is. */
export interface PublicKeyFormats {
  /** SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7). */
  "spki": Uint8Array<ArrayBuffer>;
  /** The same as PEM text, "PUBLIC KEY". */
  "pem": string;
  /** A JSON Web Key (RFC 7517). */
  "jwk": WrittenJsonWebKey;
  /** The uncompressed point, or the bytes of RFC 8032, RFC 7748 and FIPS 203 to 205; RSA keys have none. */
  "raw": Uint8Array<ArrayBuffer>;
  /** A `CryptoKey` of the runtime's own Web Cryptography, to verify or agree with. */
  "crypto-key": RuntimeCryptoKey;
}

/** The forms of a private or secret key that leaves its token. */
export interface ExportedKeyFormats {
  /** PKCS#8 in DER (RFC 5958). */
  "pkcs8": Uint8Array<ArrayBuffer>;
  /** The same as PEM text, "PRIVATE KEY". */
  "pem": string;
  /** A JSON Web Key (RFC 7517), private members included. */
  "jwk": WrittenJsonWebKey;
  /** The bare value: of a secret key, a curve's private key, a seed (or the expanded key where there is no seed). */
  "raw": Uint8Array<ArrayBuffer>;
}

/** A form a public key can be had in without waiting. */
export type ImmediateFormat = Exclude<keyof PublicKeyFormats, "crypto-key">;

/** Checks the name of a form. */
export function checkPublicFormat(format: unknown): asserts format is keyof PublicKeyFormats {
  checkFormat(format, ["spki", "pem", "jwk", "raw", "crypto-key"], "read the public key");
}

/** Checks the name of a form. */
export function checkExportFormat(format: unknown): asserts format is keyof ExportedKeyFormats {
  checkFormat(format, ["pkcs8", "pem", "jwk", "raw"], "export the key");
}

function checkFormat(format: unknown, known: readonly string[], action: string): void {
  if (typeof format === "string" && known.includes(format)) return;
  const names = known.map((name) => `"${name}"`).join(", ");
  throw new TypeError(`Cannot ${action}: the form ${describeName(format)} is unknown; there are ${names}`);
}

/** A public key in one of the forms that need no waiting. */
export function publicForm<F extends ImmediateFormat>(material: AsymmetricMaterial, format: F): PublicKeyFormats[F];
export function publicForm(material: AsymmetricMaterial, format: ImmediateFormat): Bytes | string | WrittenJsonWebKey {
  switch (format) {
    case "spki":
      return writeSpki(material);
    case "pem":
      return writePem("PUBLIC KEY", writeSpki(material));
    case "jwk":
      checkJsonWebKeyForm(material);
      return writePublicJsonWebKey(material);
    case "raw":
      if (material.kind === "RSA") {
        throw new TypeError('Cannot read the public key as "raw": an RSA key has two numbers; take "spki" or "jwk"');
      }
      return publicKeyBits(material).slice();
  }
}

/** A public key in any of its forms. */
export function publicKeyIn<F extends keyof PublicKeyFormats>(
  material: AsymmetricMaterial,
  format: F,
): PublicKeyFormats[ImmediateFormat] | Promise<RuntimeCryptoKey> {
  return format === "crypto-key" ? cryptoKeyForm(material) : publicForm(material, format as ImmediateFormat);
}

/** A key that was let out, in one of its forms; what it was read into is overwritten. */
export function exported<F extends keyof ExportedKeyFormats>(material: KeyMaterial, format: F): ExportedKeyFormats[F] {
  try {
    return exportedForm(material, format);
  } finally {
    wipeKey(material);
  }
}

/** A key that was let out, in one of its forms. */
function exportedForm<F extends keyof ExportedKeyFormats>(
  material: KeyMaterial,
  format: F,
): ExportedKeyFormats[F];
function exportedForm(
  material: KeyMaterial,
  format: keyof ExportedKeyFormats,
): Bytes | string | WrittenJsonWebKey {
  if (format === "raw") return rawForm(material);
  if (format === "jwk") {
    if (material.kind !== "secret") checkJsonWebKeyForm(material);
    return writeJsonWebKey(material);
  }
  if (material.kind === "secret") {
    throw new TypeError(`Cannot export the key as "${format}": a secret key has the forms "raw" and "jwk"`);
  }
  const der = writePkcs8(material);
  if (format === "pkcs8") return der;
  const text = writePem("PRIVATE KEY", der);
  der.fill(0);
  return text;
}

function rawForm(material: KeyMaterial): Bytes {
  switch (material.kind) {
    case "secret":
      return secretCopy(material.value);
    case "curve":
      return secretCopy(material.privateKey!);
    case "post-quantum":
      return secretCopy(material.seed ?? material.privateKey!);
    case "RSA":
      throw new TypeError('Cannot export the key as "raw": an RSA key is several numbers; take "pkcs8" or "jwk"');
  }
}

function checkJsonWebKeyForm(material: AsymmetricMaterial): void {
  if (material.kind !== "curve" || hasJsonWebKeyForm(material.curve)) return;
  throw new TypeError(`Cannot write the ${describeKey(material)} as a JSON Web Key: no RFC names its curve there`);
}

/** How the runtime's Web Cryptography is told what a key is. */
function algorithmOf(material: AsymmetricMaterial): { algorithm: AlgorithmIdentifier & object; usages: KeyUsage[] } {
  switch (material.kind) {
    case "RSA":
      return { algorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as RsaHashedImportParams, usages: ["verify"] };
    case "post-quantum": {
      const usages = material.set.family === "ML-KEM" ? ["encapsulateKey", "encapsulateBits"] : ["verify"];
      return { algorithm: { name: material.set.name }, usages: usages as KeyUsage[] };
    }
    case "curve": {
      const { name } = material.curve;
      if (/^X/.test(name)) return { algorithm: { name }, usages: [] };
      if (/^Ed/.test(name)) return { algorithm: { name }, usages: ["verify"] };
      return { algorithm: { name: "ECDSA", namedCurve: name } as EcKeyImportParams, usages: ["verify"] };
    }
  }
}

/**
 * A public key as a `CryptoKey`; RSA keys verify RSASSA-PKCS1-v1_5 with SHA-256, keys of the NIST curves ECDSA.
 *
 * @throws {DOMException} NotSupportedError where the runtime does not know the algorithm
 */
async function cryptoKeyForm(material: AsymmetricMaterial): Promise<RuntimeCryptoKey> {
  const { algorithm, usages } = algorithmOf(material);
  try {
    return await runtimeCrypto().subtle.importKey("spki", writeSpki(material), algorithm, true, usages);
  } catch (cause) {
    if (!isSpkiRefused(cause)) throw cause;
    // Some runtimes read new algorithms in their JSON form only.
    return await runtimeCrypto().subtle.importKey("jwk", writePublicJsonWebKey(material), algorithm, true, usages);
  }
}

function isSpkiRefused(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotSupportedError";
}
