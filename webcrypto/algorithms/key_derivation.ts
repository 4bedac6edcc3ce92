/**
 * HKDF and PBKDF2 (Web Cryptography §34, §35). Keys of a token that has the mechanism stay in it; PBKDF2 always, and HKDF
 * elsewhere, are calculated by the runtime with the secret read for it: the token gives those keys to this library alone.
 *
 * @module
 */
import process from "node:process";
import { promisify } from "node:util";
import { CKK, CKM, CKO } from "../../ffi/constants/mod.ts";
import { secretCopy } from "../../internal/bytes.ts";
import type { SecretMaterial } from "../../session/keys/forms/key_material.ts";
import { hkdf as hkdfMechanism } from "../../session/mechanisms/derive.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { findHash } from "../../session/mechanisms/hash.ts";
import type { Session } from "../../session/tokens/session.ts";
import { checkSomeUsage, checkUsages, type TokenCryptoKey, type TokenKeyUsage } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { Family, GivenKey, KeyUse } from "../contract/family.ts";
import { bringIn, keyOf, placed, readOut, secrecy, useTemplate } from "../contract/objects.ts";
import { type Dictionary, placement, required } from "../contract/parameters.ts";
import type { TokenAccess } from "../contract/token_access.ts";
import { unknownForm } from "../keys/asymmetric_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const usages: readonly TokenKeyUsage[] = ["deriveKey", "deriveBits"];

/** RFC 5869 §2.3: HKDF makes so many digests at most. */
const MOST_DIGESTS = 255;

function hasHkdf(access: TokenAccess): boolean {
  return access.has(CKM.HKDF_DERIVE);
}

/** Keys of no bytes, which no token has: one stands there for each. */
const empty = new WeakSet<object>();

/** Brings a secret in to derive from: it may never leave, and is raw. */
async function bring(
  name: string,
  isInToken: (access: TokenAccess) => boolean,
  given: GivenKey,
): Promise<TokenCryptoKey> {
  const { access, data, extractable, form } = given;
  if (form !== "raw" && form !== "raw-secret") throw unknownForm(name, form);
  checkUsages(given.usages, usages, `a key of ${name}`);
  if (extractable) throw refusal("SyntaxError", `Cannot import the key: a key of ${name} is never extractable`);
  checkSomeUsage(given.usages);
  const bytes = data as Bytes;
  const { id, isKept, template } = placed(given);
  const value = bytes.length === 0 ? new Uint8Array(1) : secretCopy(bytes);
  // What the runtime is to calculate with has to be read.
  const isHidden = isInToken(access) && bytes.length > 0;
  const attributes = { ...template, ...secrecy(!isHidden), ...useTemplate(usages, given.usages) };
  try {
    const object = await access.use(
      [],
      (session) => bringIn(session, { kind: "secret", keyType: CKK.GENERIC_SECRET, value }, attributes),
    );
    if (bytes.length === 0) empty.add(object);
    const about = { type: "secret", algorithm: { name }, extractable: false, usages: given.usages } as const;
    return keyOf(access, object, id, isKept, about);
  } finally {
    value.fill(0);
  }
}

/** Uses the secret of a key outside the token. */
async function withSecret(
  { access, key }: KeyUse,
  work: (secret: Bytes) => Promise<Uint8Array>,
): Promise<Bytes> {
  const material = await access.use([key.held], (session) => readOut(session, key.object)) as SecretMaterial;
  try {
    const made = await work(empty.has(key.object) ? new Uint8Array(0) : material.value);
    return secretCopy(made);
  } finally {
    material.value.fill(0);
  }
}

/**
 * Bytes of as many bits.
 *
 * @throws {DOMException} OperationError where they are no whole bytes
 */
function bytesOfBits(name: string, length: number | null): number {
  if (length !== null && length % 8 === 0) return length / 8;
  throw refusal("OperationError", `Cannot derive bits with ${name}: ${length ?? "no length"} is no multiple of 8`);
}

async function deriveHkdf(use: KeyUse, length: number | null): Promise<Bytes> {
  const { access, key, parameters } = use;
  const { hash } = parameters;
  const valueLen = bytesOfBits("HKDF", length);
  const most = MOST_DIGESTS * findHash(hash!.name).length;
  if (valueLen > most) {
    throw refusal("OperationError", `Cannot derive ${valueLen} bytes with HKDF: ${hash!.name} makes ${most} at most`);
  }
  if (valueLen === 0) return new Uint8Array(0);
  if (!hasHkdf(access) || empty.has(key.object)) return await hkdfOutside(use, valueLen);
  return await access.use([key.held], (session) => hkdfBits(session, use, valueLen, access.has(CKM.HKDF_DATA)));
}

/** Bits are data where the token makes such: it may refuse to make a key that leaves it of one that does not. */
async function hkdfBits(session: Session, use: KeyUse, valueLen: number, isData: boolean): Promise<Bytes> {
  const kind = isData ? { class: CKO.DATA } : { ...secrecy(true), class: CKO.SECRET_KEY, keyType: CKK.GENERIC_SECRET };
  const derived = await session.deriveKey(use.key.object, hkdfOf(use, isData), { ...kind, valueLen, token: false });
  try {
    if (!isData) return (await readOut(session, derived) as SecretMaterial).value;
    const { value } = await derived.get(["value"]);
    if (value?.length !== valueLen) throw new TypeError("Cannot derive bits: the token does not tell what it derived");
    return value;
  } finally {
    await derived.destroy();
  }
}

function hkdfOf({ parameters: { hash, info, salt } }: KeyUse, data: boolean): Mechanism {
  return hkdfMechanism({
    hash: hash!.name,
    ...salt!.length === 0 ? {} : { salt: salt! },
    ...info!.length === 0 ? {} : { info: info! },
    data,
  });
}

async function hkdfOutside(use: KeyUse, length: number): Promise<Bytes> {
  const { hash, info, salt } = use.parameters;
  const { hkdf } = process.getBuiltinModule("node:crypto");
  return await withSecret(
    use,
    async (secret) =>
      new Uint8Array(await promisify(hkdf)(findHash(hash!.name).nodeName, secret, salt!, info!, length)),
  );
}

async function derivePbkdf2(use: KeyUse, length: number | null): Promise<Bytes> {
  const { hash, iterations, salt } = use.parameters;
  const bytes = bytesOfBits("PBKDF2", length);
  if (iterations === 0) throw refusal("OperationError", "Cannot derive bits with PBKDF2: iterations is 0");
  if (bytes === 0) return new Uint8Array(0);
  const { pbkdf2 } = process.getBuiltinModule("node:crypto");
  return await withSecret(
    use,
    (secret) => promisify(pbkdf2)(secret, salt!, iterations!, bytes, findHash(hash!.name).nodeName),
  );
}

function derivation(
  name: string,
  parameters: Dictionary,
  isInToken: (access: TokenAccess) => boolean,
  deriveBits: NonNullable<Family["deriveBits"]>,
): Family {
  return {
    name,
    operations: { importKey: [placement], deriveBits: parameters, "get key length": [] },
    importKey: (given) => bring(name, isInToken, given),
    deriveBits,
    describeKey(_type, key) {
      if (key.kind === "bytes") return { algorithm: { name }, usages };
      throw refusal("DataError", `Cannot use the key with ${name}: it is no secret key`);
    },
    keyLength: () => null,
    derivedKey: ({ access }) =>
      isInToken(access) ? { keyType: CKK.GENERIC_SECRET, bytes: null, algorithm: { name }, known: usages } : null,
  };
}

/** HKDF on the token, where the key is in it. */
function hkdfDerivation(use: KeyUse, bytes: number | null): Promise<Mechanism | null> {
  const isOnToken = bytes !== null && bytes > 0 && hasHkdf(use.access) && !empty.has(use.key.object);
  return Promise.resolve(isOnToken ? hkdfOf(use, false) : null);
}

/** HKDF and PBKDF2. */
export const derivations: readonly Family[] = [
  {
    ...derivation(
      "HKDF",
      [required("hash", "hash"), required("info", "bytes"), required("salt", "bytes")],
      hasHkdf,
      deriveHkdf,
    ),
    derivation: hkdfDerivation,
  },
  derivation(
    "PBKDF2",
    [required("hash", "hash"), required("iterations", "long"), required("salt", "bytes")],
    () => false,
    derivePbkdf2,
  ),
];
