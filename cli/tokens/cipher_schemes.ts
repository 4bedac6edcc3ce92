/**
 * How files are encrypted. What the mechanism needs besides the key, an IV or nonce, stands before the encrypted bytes.
 *
 * @module
 */
import { CKK, CKM, CKO, CKR, type MechanismType } from "../../ffi/constants/mod.ts";
import { ckmName } from "../../ffi/constants/names.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { aesCbc, aesCtr, aesGcm, chacha20Poly1305 } from "../../session/mechanisms/cipher.ts";
import { findHash } from "../../session/mechanisms/hash.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { rsaOaep } from "../../session/mechanisms/signature.ts";
import { CommandError } from "../terminal/errors.ts";
import { type KeyFacts, keyName } from "./key_facts.ts";
import { mechanismNumber } from "./mechanism_names.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How a file is encrypted. */
export interface CipherScheme {
  /** Its name. */
  readonly name: string;
  /** Bytes of the IV or nonce before the encrypted ones. */
  readonly ivLength: number;
  /** Whether the file may be of any size and is encrypted piece by piece. */
  readonly inPieces: boolean;
  /** The mechanisms to try, the best first: the next where the token refuses the parameter. */
  mechanisms(iv: Bytes): readonly Mechanism[];
  /** Of each mechanism the bytes of a modulus that its padding takes; only RSA has some. */
  readonly paddings?: readonly number[];
}

const BLOCK = 16;
const NONCE = 12;

function withIv(type: MechanismType, ivLength: number, mechanism: (iv: Bytes) => Mechanism): CipherScheme {
  return { name: ckmName(type), ivLength, inPieces: true, mechanisms: (iv) => [mechanism(iv)] };
}

/** The hash that OAEP pads with: SHA-1 where a token knows no other, which is no weakness there. */
function oaep(hash: string | undefined): CipherScheme {
  const hashes = hash === undefined ? ["SHA-256", "SHA-1"] : [hash];
  const mechanisms = hashes.map((name) => rsaOaep({ hash: findHash(name as "SHA-256").name }));
  const paddings = hashes.map((name) => 2 * findHash(name as "SHA-256").length + 2);
  return { name: ckmName(CKM.RSA_PKCS_OAEP), ivLength: 0, inPieces: false, mechanisms: () => mechanisms, paddings };
}

/** The least that PKCS #1 v1.5 pads with (RFC 8017 §7.2.1). */
const PKCS1_PADDING = 11;

/**
 * The scheme for a key.
 *
 * @param name The mechanism that was asked for.
 * @param hash The digest of OAEP that was asked for.
 * @throws {UsageError} When no mechanism is called so.
 * @throws {CommandError} When the key has no usual mechanism.
 */
export function cipherScheme(
  facts: KeyFacts,
  { command, hash, name }: { name: string | undefined; hash: string | undefined; command: string },
): CipherScheme {
  const type = name === undefined ? usualMechanism(facts) : mechanismNumber(name, command);
  switch (type) {
    case CKM.AES_GCM:
      return withIv(type, NONCE, (iv) => aesGcm({ iv }));
    case CKM.AES_CBC_PAD:
    case CKM.AES_CBC:
      return withIv(type, BLOCK, (iv) => aesCbc({ iv, pad: type === CKM.AES_CBC_PAD }));
    case CKM.AES_CTR:
      return withIv(type, BLOCK, (counter) => aesCtr({ counter, length: 128 }));
    case CKM.CHACHA20_POLY1305:
      return withIv(type, NONCE, (nonce) => chacha20Poly1305({ nonce }));
    case CKM.RSA_PKCS_OAEP:
      return oaep(hash);
  }
  const paddings = type === CKM.RSA_PKCS ? { paddings: [PKCS1_PADDING] } : {};
  return { name: ckmName(type), ivLength: 0, inPieces: false, mechanisms: () => [type], ...paddings };
}

function usualMechanism(facts: KeyFacts): MechanismType {
  if (facts.keyType === CKK.AES) return CKM.AES_GCM;
  if (facts.keyType === CKK.CHACHA20) return CKM.CHACHA20_POLY1305;
  if (facts.keyType === CKK.RSA) return CKM.RSA_PKCS_OAEP;
  const hint = facts.class === CKO.SECRET_KEY ? "Name one with --mechanism." : "AES and RSA keys encrypt files.";
  throw new CommandError(`Cannot encrypt: a key of the kind ${keyName(facts)} has no usual mechanism for it`, hint);
}

/** Answers of tokens that do not know a parameter. */
const REFUSALS: ReadonlySet<number> = new Set([CKR.MECHANISM_PARAM_INVALID, CKR.ARGUMENTS_BAD, CKR.MECHANISM_INVALID]);

/** Tries the mechanisms of a scheme until one is taken. */
export async function withMechanism<T>(
  mechanisms: readonly Mechanism[],
  use: (mechanism: Mechanism) => Promise<T>,
): Promise<T> {
  const [first, ...others] = mechanisms;
  try {
    return await use(first!);
  } catch (error) {
    const isRefused = error instanceof Pkcs11Error && REFUSALS.has(error.code);
    if (!isRefused || others.length === 0) throw error;
    return await withMechanism(others, use);
  }
}
