/**
 * Encrypted PKCS#8 (RFC 5958 §3) under PBES2 (RFC 8018 §6.2): PBKDF2 or scrypt, and a block cipher in CBC.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";
import { secretBytes } from "../../../internal/bytes.ts";
import type * as Crypto from "node:crypto";
import { damaged, type DerElement, DerReader, Tag } from "./asn1.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const SCRYPT = "1.3.6.1.4.1.11591.4.11";

/** Object identifiers of the pseudo-random functions of PBKDF2. */
const hashes: Readonly<Record<string, string>> = {
  "1.2.840.113549.2.7": "sha1",
  "1.2.840.113549.2.8": "sha224",
  "1.2.840.113549.2.9": "sha256",
  "1.2.840.113549.2.10": "sha384",
  "1.2.840.113549.2.11": "sha512",
};

/** Object identifiers of the ciphers, their names and the length of their keys. */
const ciphers: Readonly<
  Record<string, { readonly name: string; readonly keyLength: number; readonly ivLength: number }>
> = {
  "2.16.840.1.101.3.4.1.2": { name: "aes-128-cbc", keyLength: 16, ivLength: 16 },
  "2.16.840.1.101.3.4.1.22": { name: "aes-192-cbc", keyLength: 24, ivLength: 16 },
  "2.16.840.1.101.3.4.1.42": { name: "aes-256-cbc", keyLength: 32, ivLength: 16 },
  "1.2.840.113549.3.7": { name: "des-ede3-cbc", keyLength: 24, ivLength: 8 },
};

/** More rounds, or more memory, than anybody asks for: a file that wants them is made to stop the program. */
const MAX_ITERATIONS = 20_000_000;
const MAX_SCRYPT_MEMORY = 512 * 1024 * 1024;

type KeyDerivation =
  | { readonly kind: "pbkdf2"; readonly salt: Bytes; readonly iterations: number; readonly hash: string }
  | { readonly kind: "scrypt"; readonly salt: Bytes; readonly N: number; readonly r: number; readonly p: number };

/** How an encrypted key is opened. */
export interface Encryption {
  readonly derivation: KeyDerivation;
  readonly cipher: { readonly name: string; readonly keyLength: number };
  readonly iv: Bytes;
  readonly encrypted: Bytes;
}

/** Reads how a key is encrypted. */
export function readEncryption(element: DerElement, what: string): Encryption {
  const reader = new DerReader(element, what);
  const algorithm = reader.inside("the encryption");
  const scheme = algorithm.oid("its identifier");
  if (scheme !== PBES2) {
    throw damaged(
      what,
      `its encryption ${scheme} is not PBES2; convert it with "openssl pkcs8 -topk8 -v2 aes-256-cbc"`,
    );
  }
  const parameters = algorithm.inside("its parameters");
  const keyFunction = parameters.inside("the key derivation");
  const cipherScheme = parameters.inside("the cipher");
  parameters.end();
  const encrypted = reader.octets("the encrypted key");
  reader.end();
  const cipher = ciphers[cipherScheme.oid("its identifier")];
  if (cipher === undefined) throw damaged(what, "its cipher is unknown; AES and triple DES in CBC are known");
  const iv = cipherScheme.octets("the initialisation vector");
  if (iv.length !== cipher.ivLength) throw damaged(what, `its initialisation vector has ${iv.length} bytes`);
  if (encrypted.length === 0 || encrypted.length % cipher.ivLength !== 0) {
    throw damaged(what, `${encrypted.length} encrypted bytes are no whole blocks`);
  }
  return { derivation: readDerivation(keyFunction, cipher.keyLength, what), cipher, iv, encrypted };
}

function readDerivation(reader: DerReader, keyLength: number, what: string): KeyDerivation {
  const kind = reader.oid("its identifier");
  const parameters = reader.inside("its parameters");
  if (kind === PBKDF2) return readPbkdf2(parameters, keyLength, what);
  if (kind === SCRYPT) return readScrypt(parameters, keyLength, what);
  throw damaged(what, `its key derivation ${kind} is unknown; PBKDF2 and scrypt are known`);
}

function readPbkdf2(reader: DerReader, keyLength: number, what: string): KeyDerivation {
  const salt = reader.octets("the salt");
  const iterations = reader.small("the number of rounds");
  if (iterations < 1 || iterations > MAX_ITERATIONS) {
    throw damaged(what, `it asks for ${iterations} rounds of PBKDF2; 1 to ${MAX_ITERATIONS} are done`);
  }
  checkKeyLength(reader, keyLength, what);
  const named = reader.nextTag === Tag.SEQUENCE ? reader.inside("the hash").oid("its identifier") : null;
  const hash = named === null ? "sha1" : hashes[named];
  if (hash === undefined) throw damaged(what, `the hash ${named} of its PBKDF2 is unknown`);
  reader.end();
  return { kind: "pbkdf2", salt, iterations, hash };
}

function readScrypt(reader: DerReader, keyLength: number, what: string): KeyDerivation {
  const salt = reader.octets("the salt");
  const [N, r, p] = [reader.small("the cost"), reader.small("the block size"), reader.small("the parallelization")];
  checkKeyLength(reader, keyLength, what);
  reader.end();
  const isPower = N > 1 && (N & (N - 1)) === 0;
  if (!isPower || r < 1 || p < 1 || 128 * N * r > MAX_SCRYPT_MEMORY || p * r > 1024) {
    throw damaged(what, `scrypt with N ${N}, r ${r}, p ${p} takes too much, or is impossible`);
  }
  return { kind: "scrypt", salt, N, r, p };
}

function checkKeyLength(reader: DerReader, keyLength: number, what: string): void {
  if (reader.nextTag !== Tag.INTEGER) return;
  const length = reader.small("the key's length");
  if (length !== keyLength) {
    throw damaged(what, `its key derivation makes ${length} bytes, its cipher wants ${keyLength}`);
  }
}

/** Makes the key on a thread of the runtime's. */
export function deriveKey({ cipher, derivation }: Encryption, passphrase: Bytes): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null | undefined, key: Uint8Array): void => error ? reject(error) : resolve(key);
    const { salt } = derivation;
    if (derivation.kind === "scrypt") {
      builtin.crypto.scrypt(passphrase, salt, cipher.keyLength, scryptOptions(derivation), done);
    } else builtin.crypto.pbkdf2(passphrase, salt, derivation.iterations, cipher.keyLength, derivation.hash, done);
  });
}

/** Makes the key in place. */
export function deriveKeySync({ cipher, derivation }: Encryption, passphrase: Bytes): Uint8Array {
  const { salt } = derivation;
  if (derivation.kind === "scrypt") {
    return builtin.crypto.scryptSync(passphrase, salt, cipher.keyLength, scryptOptions(derivation));
  }
  return builtin.crypto.pbkdf2Sync(passphrase, salt, derivation.iterations, cipher.keyLength, derivation.hash);
}

function scryptOptions({ N, p, r }: { readonly N: number; readonly r: number; readonly p: number }) {
  return { N, r, p, maxmem: 2 * MAX_SCRYPT_MEMORY };
}

/**
 * Decrypts with a key that was made, and overwrites it.
 *
 * @throws {TypeError} when the passphrase was wrong
 */
export function decryptPkcs8(encryption: Encryption, key: Uint8Array, what: string): Bytes {
  try {
    const plain = decrypted(encryption, key, what);
    // One wrong passphrase in 256 leaves something that looks padded.
    if (plain !== null && plain[0] === Tag.SEQUENCE) return plain;
    plain?.fill(0);
    throw damaged(what, "the passphrase is wrong, or the encrypted key is damaged");
  } finally {
    key.fill(0);
  }
}

/** The plain text; null where its padding is wrong. */
function decrypted({ cipher, encrypted, iv }: Encryption, key: Uint8Array, what: string): Bytes | null {
  const decipher = startDeciphering(cipher.name, key, iv, what);
  const first = decipher.update(encrypted);
  try {
    const last = decipher.final();
    const plain = secretBytes(first.length + last.length);
    plain.set(first);
    plain.set(last, first.length);
    last.fill(0);
    return plain;
  } catch {
    return null;
  } finally {
    first.fill(0);
  }
}

function startDeciphering(name: string, key: Uint8Array, iv: Uint8Array, what: string): Crypto.Decipheriv {
  try {
    return builtin.crypto.createDecipheriv(name, key, iv);
  } catch (cause) {
    const state = `this runtime has no ${name}; convert it with "openssl pkcs8 -topk8 -v2 aes-256-cbc"`;
    throw new TypeError(`Cannot read ${what}: ${state}`, { cause });
  }
}
