/**
 * Secret keys: made, brought in and written in the forms of the Web Cryptography API.
 *
 * @module
 */
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { secretBytes, secretCopy } from "../../internal/bytes.ts";
import type { JsonWebKeyFields } from "../../session/keys/forms/json_web_key.ts";
import { readJsonWebKey, writeJsonWebKey } from "../../session/keys/forms/json_web_key.ts";
import type { SecretMaterial } from "../../session/keys/forms/key_material.ts";
import {
  checkSomeUsage,
  checkUsages,
  type KeySlots,
  type TokenCryptoKey,
  type TokenKeyAlgorithm,
  type TokenKeyUsage,
} from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { DerivedKey, DescribedKey, GivenKey, KeyDescription, KeyForm, NewKey } from "../contract/family.ts";
import { bringIn, keyOf, placed, readOut, secrecy, useTemplate } from "../contract/objects.ts";
import type { WebCryptoJsonKey } from "../contract/web_types.ts";
import { unknownForm } from "./asymmetric_keys.ts";
import { checkJsonWebKey, keyMembers } from "./json_web_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a family of secret keys says of them. */
export interface SecretKeys {
  readonly name: string;
  readonly usages: readonly TokenKeyUsage[];
  /** CKK_ number. */
  readonly keyType: number;
  /** The mechanism that makes them. */
  readonly generator: number;
  readonly use: "sig" | "enc";
  /** Bytes of a key, where all have the same; else its algorithm tells its bits. */
  readonly bytes?: number;
  /** Forms in which a key is its bytes. */
  readonly rawForms: readonly KeyForm[];
  /** "alg" of a JSON Web Key of this length; undefined where it has none. */
  jsonAlgorithm(algorithm: TokenKeyAlgorithm): string | undefined;
  /** Bytes that the token's key has besides the key's own, which change nothing. */
  storedLength?(algorithm: TokenKeyAlgorithm): number;
}

/** Bytes of a key. */
function bytesOf({ bytes }: SecretKeys, { length }: TokenKeyAlgorithm): number {
  return bytes ?? Math.ceil(length! / 8);
}

/** Makes a key whose algorithm has been checked. */
export async function generateSecret(
  keys: SecretKeys,
  made: NewKey,
  algorithm: TokenKeyAlgorithm,
): Promise<TokenCryptoKey> {
  const { access, extractable, usages } = made;
  checkSomeUsage(usages);
  const length = bytesOf(keys, algorithm);
  // What the token would have to fill up cannot be made by it.
  if (!access.has(keys.generator) || (keys.storedLength?.(algorithm) ?? length) !== length) {
    return await generateOutside(keys, made, algorithm);
  }
  const { id, isKept, template } = placed(made);
  // Some mechanisms make keys of one length, and refuse to be told it.
  const valueLen = keys.generator === CKM.CHACHA20_KEY_GEN ? undefined : length;
  const attributes = {
    class: CKO.SECRET_KEY,
    keyType: keys.keyType,
    valueLen,
    ...template,
    ...secrecy(extractable),
    ...useTemplate(keys.usages, usages),
  };
  const object = await access.use([], (session) => session.generateKey(keys.generator, attributes));
  return keyOf(access, object, id, isKept, { type: "secret", algorithm, extractable, usages });
}

/** A key of the token's random bytes. */
async function generateOutside(keys: SecretKeys, made: NewKey, algorithm: TokenKeyAlgorithm): Promise<TokenCryptoKey> {
  const { access } = made;
  const value = await access.use([], (session) => session.generateRandom(bytesOf(keys, algorithm)));
  try {
    return await createSecret(keys, made, algorithm, value);
  } finally {
    value.fill(0);
  }
}

/** Brings a key in whose algorithm has been checked. */
export async function createSecret(
  keys: SecretKeys,
  made: NewKey,
  algorithm: TokenKeyAlgorithm,
  value: Bytes,
): Promise<TokenCryptoKey> {
  const { access, extractable, usages } = made;
  checkSomeUsage(usages);
  const { id, isKept, template } = placed(made);
  const material: SecretMaterial = {
    kind: "secret",
    keyType: keys.keyType,
    value: secretBytes(Math.max(value.length, keys.storedLength?.(algorithm) ?? 0)),
  };
  material.value.set(value);
  const attributes = { ...template, ...secrecy(extractable), ...useTemplate(keys.usages, usages) };
  try {
    const object = await access.use([], (session) => bringIn(session, material, attributes));
    return keyOf(access, object, id, isKept, { type: "secret", algorithm, extractable, usages });
  } finally {
    material.value.fill(0);
  }
}

/**
 * The bytes of a key that is brought in; its uses, and what a JSON Web Key says of itself, are checked.
 *
 * @param checkAlgorithm Checks "alg" of a JSON Web Key with so many bytes.
 */
export function readSecret(
  keys: SecretKeys,
  { data, extractable, form, usages }: GivenKey,
  checkAlgorithm: (alg: string | undefined, length: number) => void,
): Bytes {
  checkUsages(usages, keys.usages, `a key of ${keys.name}`);
  if (form !== "jwk") {
    if (!keys.rawForms.includes(form)) throw unknownForm(keys.name, form);
    return secretCopy(data as Bytes);
  }
  const jwk = data as WebCryptoJsonKey;
  if (jwk.kty !== "oct") throw refusal("DataError", 'Cannot import the JSON Web Key: its "kty" is not "oct"');
  const value = valueOf(jwk);
  try {
    checkAlgorithm(jwk.alg, value.length);
    checkJsonWebKey(jwk, { kty: "oct", use: keys.use, usages, extractable });
    return value;
  } catch (error) {
    value.fill(0);
    throw error;
  }
}

function valueOf({ k, kty }: WebCryptoJsonKey): Bytes {
  return (readJsonWebKey({ kty, k } as JsonWebKeyFields, "the key") as SecretMaterial).value;
}

/** What a secret key on the token is. */
export function describeSecret(
  keys: SecretKeys,
  key: KeyDescription,
  algorithm: (bytes: number) => TokenKeyAlgorithm,
): DescribedKey {
  if (key.kind === "bytes" && (keys.keyType === CKK.GENERIC_SECRET) === !CIPHER_KEYS.has(key.keyType)) {
    return { algorithm: algorithm(key.length), usages: keys.usages };
  }
  throw refusal("DataError", `Cannot use the key with ${keys.name}: it is none of its keys`);
}

/** Types of keys that are for one cipher; all others are bytes for HMAC and derivations. */
const CIPHER_KEYS: ReadonlySet<number> = new Set([CKK.AES, CKK.CHACHA20]);

/** What a key is on the token that is derived there; its algorithm has been checked. */
export function derivedSecret(keys: SecretKeys, algorithm: TokenKeyAlgorithm): DerivedKey | null {
  const bytes = bytesOf(keys, algorithm);
  // A key that has to be filled up, or loses bits, is brought in.
  if ((keys.storedLength?.(algorithm) ?? bytes) !== bytes || (algorithm.length ?? 0) % 8 !== 0) return null;
  return { keyType: keys.keyType, bytes, algorithm, known: keys.usages };
}

/** Writes a key. */
export async function exportSecret(keys: SecretKeys, form: KeyForm, key: KeySlots): Promise<Bytes | WebCryptoJsonKey> {
  if (form !== "jwk" && !keys.rawForms.includes(form)) throw unknownForm(keys.name, form);
  const { access, held, object } = key;
  const material = await access.use([held], (session) => readOut(session, object)) as SecretMaterial;
  try {
    const value = material.value.subarray(0, bytesOf(keys, key.algorithm));
    if (form !== "jwk") return secretCopy(value);
    const members = keyMembers(key.usages, key.extractable, keys.jsonAlgorithm(key.algorithm));
    return {
      ...writeJsonWebKey({ kind: "secret", keyType: CKK.GENERIC_SECRET, value }) as WebCryptoJsonKey,
      ...members,
    };
  } finally {
    material.value.fill(0);
  }
}
