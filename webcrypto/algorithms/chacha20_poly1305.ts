/**
 * ChaCha20-Poly1305 (RFC 8439), as the modern algorithms of Web Cryptography have it.
 *
 * @module
 */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import { chacha20Poly1305 as mechanismOf } from "../../session/mechanisms/cipher.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { checkUsages, type TokenCryptoKey } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type GivenKey } from "../contract/family.ts";
import { type Dictionary, optional, type Parameters, placement, required } from "../contract/parameters.ts";
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

const NAME = "ChaCha20-Poly1305";
/** Bits of a key, of a tag, and bytes of a nonce. */
const KEY = 256;
const TAG = 128;
const NONCE = 12;

const keys: SecretKeys = {
  name: NAME,
  usages: ["encrypt", "decrypt", "wrapKey", "unwrapKey"],
  keyType: CKK.CHACHA20,
  generator: CKM.CHACHA20_KEY_GEN,
  use: "enc",
  bytes: KEY / 8,
  rawForms: ["raw-secret"],
  jsonAlgorithm: () => "C20P",
};

const algorithm = { name: NAME };

function checkLength(bytes: number): void {
  if (bytes * 8 !== KEY) throw refusal("DataError", `Cannot import the key: it has ${bytes * 8} bits, not ${KEY}`);
}

async function bring(given: GivenKey): Promise<TokenCryptoKey> {
  const value = readSecret(keys, given, (alg, bytes) => {
    checkLength(bytes);
    if (alg !== undefined && alg !== "C20P") throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(alg)}, not "C20P"`);
  });
  try {
    checkLength(value.length);
    return await createSecret(keys, given, algorithm, value);
  } finally {
    value.fill(0);
  }
}

function mechanismFor({ additionalData, iv, tagLength = TAG }: Parameters): Mechanism {
  if (iv!.length !== NONCE) {
    throw refusal("OperationError", `Cannot use the iv of ${NAME}: it has ${iv!.length} bytes, expected ${NONCE}`);
  }
  if (tagLength !== TAG) {
    throw refusal("OperationError", `Cannot use the tagLength of ${NAME}: ${tagLength} is not ${TAG}`);
  }
  return mechanismOf({ nonce: iv!, additionalData });
}

const parameters: Dictionary = [
  optional("additionalData", "bytes"),
  required("iv", "bytes"),
  optional("tagLength", "octet"),
];
const offered = anyOf(CKM.CHACHA20_POLY1305);

/** ChaCha20-Poly1305. */
export const chacha20Poly1305: Family = {
  name: NAME,
  operations: {
    encrypt: parameters,
    decrypt: parameters,
    generateKey: [placement],
    importKey: [placement],
    exportKey: [],
    "get key length": [],
  },
  needs: { encrypt: offered, decrypt: offered, generateKey: offered, importKey: offered },
  generateKey(made) {
    checkUsages(made.usages, keys.usages, `a key of ${NAME}`);
    return generateSecret(keys, made, algorithm);
  },
  importKey: bring,
  describeKey: (_type, key) => describeSecret(keys, key, () => algorithm),
  exportKey: (form, key) => exportSecret(keys, form, key),
  encrypt({ access, key, parameters }, data) {
    const mechanism = mechanismFor(parameters);
    return access.use([key.held], (session) => session.encrypt(key.object, mechanism, data));
  },
  decrypt({ access, key, parameters }, data) {
    const mechanism = mechanismFor(parameters);
    if (data.length * 8 < TAG) throw refusal("OperationError", `Cannot decrypt: ${data.length} bytes are no tag`);
    return access.use([key.held], (session) => session.decrypt(key.object, mechanism, data));
  },
  derivedKey: (_made, bits) => bits === KEY ? derivedSecret(keys, algorithm) : null,
  keyLength: () => KEY,
};
