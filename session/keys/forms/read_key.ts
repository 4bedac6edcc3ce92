/**
 * Keys as people have them: PEM, DER, JSON Web Key, CryptoKey.
 *
 * @module
 */
import type { CryptoKeyInput } from "../../../internal/platform_types.ts";
import { secretCopy, secretText } from "../../../internal/bytes.ts";
import { runtimeCrypto } from "../../../internal/runtime.ts";
import { type BytesInput, describeType, isBytesInput, viewBytes, wellFormed } from "../../../ffi/memory/inputs.ts";
import { damaged, type DerElement, readDer } from "./asn1.ts";
import { completeKey } from "./check_key.ts";
import { decryptPkcs8, deriveKey, deriveKeySync, type Encryption, readEncryption } from "./encrypted_pkcs8.ts";
import { isJsonWebKey, type JsonWebKeyFields, readJsonWebKey } from "./json_web_key.ts";
import { type KeyMaterial, wipeKey } from "./key_material.ts";
import { looksLikePem, readPem } from "./pem.ts";
import {
  type DerForm,
  derForm,
  foreignBytes,
  foreignLine,
  foreignPem,
  foreignReason,
  readPkcs8,
  readRsaPrivate,
  readRsaPublic,
  readSec1,
  readSpki,
} from "./read_der.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export type { CryptoKeyInput };

/**
 * A key outside the token: PEM text (PKCS#8, encrypted PKCS#8, PKCS#1, SEC1, SubjectPublicKeyInfo), the same in DER, a
 * JSON Web Key, or an extractable `CryptoKey`.
 */
export type KeyInput = string | BytesInput | JsonWebKeyFields | CryptoKeyInput;

/** What opens an encrypted key: text (as UTF-8) or bytes. */
export type Passphrase = string | BytesInput;

/** A key that was read; what is secret in it is overwritten by {@linkcode ReadKey.wipe}. */
export interface ReadKey {
  /** The key, complete and checked. */
  readonly material: KeyMaterial;
  /** Overwrites the key and what it was read from. */
  wipe(): void;
}

/** Reads a key. The input is copied before this returns. */
export function readKey(input: KeyInput, passphrase: Passphrase | undefined, what = "the key"): Promise<ReadKey> {
  return isCryptoKey(input)
    ? exported(input, what).then(({ jwk }) => finished(readJsonWebKey(jwk, what), null, what))
    : finishReading(begin(input, passphrase, what), what);
}

/** {@linkcode readKey} in place; a `CryptoKey` can only be read by waiting. */
export function readKeySync(input: KeyInput, passphrase: Passphrase | undefined, what = "the key"): ReadKey {
  if (isCryptoKey(input)) {
    throw new TypeError(
      `Cannot read ${what} in place: a CryptoKey can only be exported by waiting, use the asynchronous call`,
    );
  }
  const begun = begin(input, passphrase, what);
  const { locked } = begun;
  if (locked === null) return begun.read;
  try {
    return opened(locked, deriveKeySync(locked.encryption, locked.passphrase), what);
  } finally {
    locked.passphrase.fill(0);
  }
}

/** Reads a key, uses it, and overwrites what was read. */
export async function withKey<T>(
  input: KeyInput,
  passphrase: Passphrase | undefined,
  use: (read: ReadKey) => Promise<T>,
): Promise<T> {
  const read = await readKey(input, passphrase);
  try {
    return await use(read);
  } finally {
    read.wipe();
  }
}

/** {@linkcode withKey} in place. */
export function withKeySync<T>(input: KeyInput, passphrase: Passphrase | undefined, use: (read: ReadKey) => T): T {
  const read = readKeySync(input, passphrase);
  try {
    return use(read);
  } finally {
    read.wipe();
  }
}

/** An encrypted key with what opens it. */
interface Locked {
  readonly encryption: Encryption;
  readonly passphrase: Bytes;
}

/** A key that was read at once, or one that has to be opened first. */
type Begun = { readonly read: ReadKey; readonly locked: null } | { readonly read: null; readonly locked: Locked };

function finishReading(begun: Begun, what: string): Promise<ReadKey> {
  const { locked } = begun;
  if (locked === null) return Promise.resolve(begun.read);
  return deriveKey(locked.encryption, locked.passphrase)
    .then((key) => opened(locked, key, what))
    .finally(() => locked.passphrase.fill(0));
}

function begin(input: Exclude<KeyInput, CryptoKeyInput>, passphrase: Passphrase | undefined, what: string): Begun {
  if (typeof input === "string") return beginPem(input, passphrase, what);
  if (isBytesInput(input)) return beginDer(secretCopy(viewBytes(input, what)), passphrase, null, what);
  if (isJsonWebKey(input)) return { read: finished(readJsonWebKey(input, what), null, what), locked: null };
  throw new TypeError(
    `Cannot read ${what}: expected PEM text, DER bytes, a JSON Web Key or a CryptoKey, got ${describeType(input)}`,
  );
}

/** What each label of PEM promises (RFC 7468 §10 to §13, and OpenSSL's). */
const labels: Readonly<Record<string, DerForm>> = {
  "PRIVATE KEY": "pkcs8",
  "ENCRYPTED PRIVATE KEY": "encrypted-pkcs8",
  "PUBLIC KEY": "spki",
  "RSA PRIVATE KEY": "pkcs1-private",
  "RSA PUBLIC KEY": "pkcs1-public",
  "EC PRIVATE KEY": "sec1",
};

function beginPem(text: string, passphrase: Passphrase | undefined, what: string): Begun {
  if (!looksLikePem(text)) {
    const foreign = foreignLine(text);
    throw damaged(what, foreign === null ? "the text is no PEM" : foreignReason(foreign));
  }
  // OpenSSL writes the curve a second time in front of the key.
  const blocks = readPem(text, what).filter(({ label }) => label !== "EC PARAMETERS");
  if (blocks.length !== 1) {
    for (const { bytes } of blocks) bytes.fill(0);
    throw damaged(what, `the text holds ${blocks.length} PEM blocks, expected one`);
  }
  const { bytes, label } = blocks[0]!;
  const form = labels[label];
  if (form === undefined) {
    bytes.fill(0);
    const foreign = foreignPem(label);
    if (foreign !== null) throw damaged(what, foreignReason(foreign));
    const hint = label.includes("CERTIFICATE") ? "; certificates are read by importCertificate" : "";
    throw damaged(what, `a PEM block "${label}" is no key${hint}`);
  }
  return beginDer(bytes, passphrase, form, what);
}

function beginDer(source: Bytes, passphrase: Passphrase | undefined, expected: DerForm | null, what: string): Begun {
  try {
    const foreign = foreignBytes(source);
    if (foreign !== null) throw damaged(what, foreignReason(foreign));
    const element = readDer(source, what);
    const form = derForm(element, what);
    if (expected !== null && form !== expected) throw damaged(what, `its label promises ${expected}, it is ${form}`);
    if (form === "certificate") throw damaged(what, "it is a certificate; certificates are read by importCertificate");
    if (form !== "encrypted-pkcs8") {
      return { read: finished(readForm(form, element, what), source, what), locked: null };
    }
    if (passphrase === undefined) throw damaged(what, "it is encrypted and no passphrase was given");
    const locked = { encryption: readEncryption(element, what), passphrase: passphraseBytes(passphrase) };
    return { read: null, locked };
  } catch (error) {
    source.fill(0);
    throw error;
  }
}

function readForm(form: Exclude<DerForm, "encrypted-pkcs8" | "certificate">, element: DerElement, what: string) {
  switch (form) {
    case "spki":
      return readSpki(element, what);
    case "pkcs8":
      return readPkcs8(element, what);
    case "pkcs1-private":
      return readRsaPrivate(element, what);
    case "pkcs1-public":
      return readRsaPublic(element, what);
    case "sec1":
      return readSec1(element, what);
  }
}

function opened({ encryption }: Locked, key: Uint8Array, what: string): ReadKey {
  const plain = decryptPkcs8(encryption, key, what);
  try {
    return finished(readPkcs8(readDer(plain, what), what), plain, what);
  } catch (error) {
    plain.fill(0);
    throw error;
  }
}

function finished(material: KeyMaterial, source: Bytes | null, what: string): ReadKey {
  try {
    const complete = completeKey(material, what);
    return {
      material: complete,
      wipe() {
        wipeKey(complete);
        source?.fill(0);
      },
    };
  } catch (error) {
    wipeKey(material);
    throw error;
  }
}

function passphraseBytes(passphrase: Passphrase): Bytes {
  return typeof passphrase === "string"
    ? secretText(wellFormed(passphrase, "a passphrase"))
    : secretCopy(viewBytes(passphrase, "a passphrase"));
}

function isCryptoKey(value: KeyInput): value is CryptoKeyInput {
  return typeof CryptoKey !== "undefined" && value instanceof CryptoKey;
}

async function exported(key: CryptoKeyInput, what: string): Promise<{ jwk: JsonWebKeyFields }> {
  if (!key.extractable) throw damaged(what, `the CryptoKey of ${key.algorithm.name} is not extractable`);
  return { jwk: await runtimeCrypto().subtle.exportKey("jwk", key as CryptoKey) as JsonWebKeyFields };
}
