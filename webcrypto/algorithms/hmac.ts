/**
 * HMAC (Web Cryptography §33).
 *
 * @module
 */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import { findHash, type HashName } from "../../session/mechanisms/hash.ts";
import { checkUsages, type TokenCryptoKey } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type GivenKey, type KeyUse, type NewKey } from "../contract/family.ts";
import { optional, type Parameters, placement, required } from "../contract/parameters.ts";
import { blockLength, hashNames } from "./hashes.ts";
import { wrongJsonWebKey } from "../keys/json_web_keys.ts";
import {
  createSecret,
  derivedSecret,
  describeSecret,
  exportSecret,
  generateSecret,
  readSecret,
  type SecretKeys,
} from "../keys/secret_keys.ts";

const algorithms: Readonly<Partial<Record<HashName, string>>> = {
  "SHA-1": "HS1",
  "SHA-256": "HS256",
  "SHA-384": "HS384",
  "SHA-512": "HS512",
};

const keys: SecretKeys = {
  name: "HMAC",
  usages: ["sign", "verify"],
  keyType: CKK.GENERIC_SECRET,
  generator: CKM.GENERIC_SECRET_KEY_GEN,
  use: "sig",
  rawForms: ["raw", "raw-secret"],
  jsonAlgorithm: ({ hash }) => algorithms[hash!.name],
  // Tokens refuse keys that are shorter than the digest. HMAC fills them up with zeros (RFC 2104 §2): so may a token's key.
  storedLength(algorithm) {
    const length = Math.ceil(algorithm.length! / 8);
    const { name } = algorithm.hash!;
    return length < findHash(name).length ? blockLength(name) : length;
  },
};

/** Bits of a key whose length is not given: a block of the digest. */
function lengthOf({ hash, length }: Parameters): number {
  return length ?? 8 * blockLength(hash!.name);
}

async function generate(made: NewKey): Promise<TokenCryptoKey> {
  checkUsages(made.usages, keys.usages, "a key of HMAC");
  const length = lengthOf(made.parameters);
  if (length === 0) throw refusal("OperationError", "Cannot generate a key of HMAC: it would have no bits");
  return await generateSecret(keys, made, { name: "HMAC", hash: made.parameters.hash!, length });
}

async function bring(given: GivenKey): Promise<TokenCryptoKey> {
  const hash = given.parameters.hash!;
  const value = readSecret(keys, given, (alg) => {
    if (alg !== undefined && alg !== algorithms[hash.name]) {
      throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(alg)}, not that of HMAC with ${hash.name}`);
    }
  });
  try {
    const bits = 8 * value.length;
    const { length = bits } = given.parameters;
    if (bits === 0 || length > bits || length <= bits - 8) {
      throw refusal("DataError", `Cannot import the key: it has ${bits} bits, and is to have ${length}`);
    }
    return await createSecret(keys, given, { name: "HMAC", hash, length }, value);
  } finally {
    value.fill(0);
  }
}

function mechanismFor({ key }: KeyUse): number {
  return findHash(key.algorithm.hash!.name).hmac;
}

const generation = [required("hash", "hash"), optional("length", "long")];
const signs = anyOf(...hashNames.map((name) => findHash(name).hmac));

/** HMAC. */
export const hmac: Family = {
  name: "HMAC",
  operations: {
    generateKey: [...generation, placement],
    importKey: [...generation, placement],
    exportKey: [],
    sign: [],
    verify: [],
    "get key length": generation,
  },
  needs: { generateKey: signs, importKey: signs, sign: signs, verify: signs },
  generateKey: generate,
  importKey: bring,
  describeKey: (_type, key, { hash }) =>
    describeSecret(keys, key, (bytes) => ({ name: "HMAC", hash: hash!, length: 8 * bytes })),
  exportKey: (form, key) => exportSecret(keys, form, key),
  sign: (use, data) =>
    use.access.use([use.key.held], (session) => session.sign(use.key.object, mechanismFor(use), data)),
  async verify(use, signature, data) {
    const { access, key } = use;
    if (signature.length !== findHash(key.algorithm.hash!.name).length) return false;
    return await access.use([key.held], (session) => session.verify(key.object, mechanismFor(use), data, signature));
  },
  derivedKey(made, bits) {
    const { hash, length = bits } = made.parameters;
    return length === bits ? derivedSecret(keys, { name: "HMAC", hash: hash!, length: bits! }) : null;
  },
  keyLength(parameters) {
    const length = lengthOf(parameters);
    if (length === 0) throw new TypeError("Cannot derive a key of HMAC: its length is 0");
    return length;
  },
};
