/**
 * Keys of AES, whatever the mode (Web Cryptography §29.4).
 *
 * @module
 */
import { CKK, CKM } from "../../ffi/constants/mod.ts";
import type { KeySlots, TokenCryptoKey, TokenKeyUsage } from "../contract/crypto_key.ts";
import { checkUsages } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { Family, GivenKey, KeyForm, NewKey } from "../contract/family.ts";
import { placement, required } from "../contract/parameters.ts";
import { wrongJsonWebKey } from "./json_web_keys.ts";
import {
  createSecret,
  derivedSecret,
  describeSecret,
  exportSecret,
  generateSecret,
  readSecret,
  type SecretKeys,
} from "./secret_keys.ts";

/** Bits of the keys there are. */
const LENGTHS: readonly number[] = [128, 192, 256];

function aesKeys(name: string, mode: string, usages: readonly TokenKeyUsage[]): SecretKeys {
  return {
    name,
    usages,
    keyType: CKK.AES,
    generator: CKM.AES_KEY_GEN,
    use: "enc",
    rawForms: ["raw", "raw-secret"],
    jsonAlgorithm: ({ length }) => `A${length}${mode}`,
  };
}

async function generate(keys: SecretKeys, made: NewKey): Promise<TokenCryptoKey> {
  const length = made.parameters.length!;
  checkUsages(made.usages, keys.usages, `a key of ${keys.name}`);
  if (!LENGTHS.includes(length)) {
    throw refusal("OperationError", `Cannot generate a key of ${keys.name}: there is none of ${length} bits`);
  }
  return await generateSecret(keys, made, { name: keys.name, length });
}

async function bring(keys: SecretKeys, given: GivenKey): Promise<TokenCryptoKey> {
  const { name } = keys;
  const value = readSecret(keys, given, (alg, bytes) => {
    checkLength(name, bytes);
    const expected = keys.jsonAlgorithm({ name, length: bytes * 8 });
    if (alg !== undefined && alg !== expected) {
      throw wrongJsonWebKey(`its "alg" is ${JSON.stringify(alg)}, expected "${expected}"`);
    }
  });
  try {
    checkLength(name, value.length);
    return await createSecret(keys, given, { name, length: value.length * 8 }, value);
  } finally {
    value.fill(0);
  }
}

function checkLength(name: string, bytes: number): void {
  if (LENGTHS.includes(bytes * 8)) return;
  throw refusal("DataError", `Cannot import the key: it has ${bytes * 8} bits, which no key of ${name} has`);
}

/** What a mode adds to its keys. */
export type AesMode = Pick<Family, "encrypt" | "decrypt" | "wrapKey" | "unwrapKey"> & {
  readonly operations: Family["operations"];
  readonly offered: NonNullable<Family["needs"]>[keyof NonNullable<Family["needs"]>];
};

/** AES in a mode. */
export function aesFamily(
  name: string,
  abbreviation: string,
  usages: readonly TokenKeyUsage[],
  { offered, operations, ...work }: AesMode,
): Family {
  const keys = aesKeys(name, abbreviation, usages);
  const used = Object.fromEntries(Object.keys(operations).map((operation) => [operation, offered]));
  const generation = [required("length", "short")];
  return {
    ...work,
    name,
    operations: {
      ...operations,
      generateKey: [...generation, placement],
      importKey: [placement],
      exportKey: [],
      "get key length": generation,
    },
    needs: { ...used, generateKey: offered, importKey: offered } as NonNullable<Family["needs"]>,
    generateKey: (made) => generate(keys, made),
    importKey: (given) => bring(keys, given),
    describeKey(_type, key) {
      if (key.kind === "bytes") checkLength(name, key.length);
      return describeSecret(keys, key, (bytes) => ({ name, length: 8 * bytes }));
    },
    exportKey: (form: KeyForm, key: KeySlots) => exportSecret(keys, form, key),
    derivedKey: (_made, bits) => LENGTHS.includes(bits!) ? derivedSecret(keys, { name, length: bits! }) : null,
    keyLength({ length }) {
      if (LENGTHS.includes(length!)) return length!;
      throw refusal("OperationError", `Cannot derive a key of ${name}: there is none of ${length} bits`);
    },
  };
}
