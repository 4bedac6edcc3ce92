/**
 * AES-CBC, AES-CTR and AES-GCM (Web Cryptography §29 to §31).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { CKM } from "../../ffi/constants/mod.ts";
import { concatBytes, toHex } from "../../internal/bytes.ts";
import { aesCbc, aesCtr, aesGcm, type AesGcmTagLength } from "../../session/mechanisms/cipher.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import type { TokenKeyUsage } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import { anyOf, type Family, type KeyUse } from "../contract/family.ts";
import { type Dictionary, optional, type Parameters, required } from "../contract/parameters.ts";
import { aesFamily } from "../keys/aes_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of a block of AES. */
const BLOCK = 16;
/** Bits of the tags there are. */
const TAGS: readonly AesGcmTagLength[] = [32, 64, 96, 104, 112, 120, 128];

const usages: readonly TokenKeyUsage[] = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];

/** A mechanism and its data; AES-CTR has two where its counter begins anew, which tokens refuse to let it do. */
type Piece = readonly [mechanism: Mechanism, data: Bytes];

async function work(verb: "encrypt" | "decrypt", { access, key }: KeyUse, pieces: readonly Piece[]): Promise<Bytes> {
  const results = await access.use([key.held], async (session) => {
    const done: Bytes[] = [];
    for (const [mechanism, data] of pieces) done.push(await session[verb](key.object, mechanism, data));
    return done;
  });
  return results.length === 1 ? results[0]! : concatBytes(...results);
}

function cipher(
  name: string,
  abbreviation: string,
  type: number,
  parameters: Dictionary,
  piecesOf: (parameters: Parameters, data: Bytes) => readonly Piece[],
  checkCiphertext: (data: Bytes, parameters: Parameters) => void,
): Family {
  return aesFamily(name, abbreviation, usages, {
    offered: anyOf(type),
    operations: { encrypt: parameters, decrypt: parameters },
    encrypt: (use, data) => work("encrypt", use, piecesOf(use.parameters, data)),
    decrypt(use, data) {
      const pieces = piecesOf(use.parameters, data);
      checkCiphertext(data, use.parameters);
      return work("decrypt", use, pieces);
    },
  });
}

function checkBlock(bytes: Bytes, what: string): void {
  if (bytes.length === BLOCK) return;
  throw refusal("OperationError", `Cannot use ${what}: it has ${bytes.length} bytes, expected ${BLOCK}`);
}

function cbcPieces({ iv }: Parameters, data: Bytes): readonly Piece[] {
  checkBlock(iv!, "the iv of AES-CBC");
  return [[aesCbc({ iv: iv! }), data]];
}

function ctrPieces({ counter, length }: Parameters, data: Bytes): readonly Piece[] {
  checkBlock(counter!, "the counter of AES-CTR");
  if (length! < 1 || length! > 8 * BLOCK) {
    throw refusal("OperationError", `Cannot use the length of AES-CTR: ${length} is not between 1 and 128`);
  }
  const mechanism = aesCtr({ counter: counter!, length: length! });
  const all = 1n << BigInt(length!);
  const value = BigInt(`0x${toHex(counter!)}`);
  const left = all - value % all;
  const blocks = BigInt(Math.ceil(data.length / BLOCK));
  if (blocks > all) {
    throw refusal("OperationError", `Cannot use the length of AES-CTR: ${length} bits do not count the data`);
  }
  if (blocks <= left) return [[mechanism, data]];
  const first = Number(left) * BLOCK;
  const start = (value - value % all).toString(16).padStart(2 * BLOCK, "0");
  const anew = aesCtr({ counter: Buffer.from(start, "hex"), length: length! });
  return [[mechanism, data.subarray(0, first)], [anew, data.subarray(first)]];
}

function gcmPieces({ additionalData, iv, tagLength = 128 }: Parameters, data: Bytes): readonly Piece[] {
  const tag = TAGS.find((bits) => bits === tagLength);
  if (tag === undefined) {
    throw refusal("OperationError", `Cannot use the tagLength of AES-GCM: ${tagLength} is none of ${TAGS.join(", ")}`);
  }
  if (iv!.length === 0) throw refusal("OperationError", "Cannot use the iv of AES-GCM: it is empty");
  return [[aesGcm({ iv: iv!, tagLength: tag, additionalData }), data]];
}

const gcm: Dictionary = [optional("additionalData", "bytes"), required("iv", "bytes"), optional("tagLength", "octet")];

/** AES-CBC, AES-CTR, AES-GCM. */
export const aesCiphers: readonly Family[] = [
  cipher("AES-CBC", "CBC", CKM.AES_CBC_PAD, [required("iv", "bytes")], cbcPieces, (data) => {
    if (data.length === 0 || data.length % BLOCK !== 0) {
      throw refusal("OperationError", `Cannot decrypt: ${data.length} bytes are no blocks of AES`);
    }
  }),
  cipher(
    "AES-CTR",
    "CTR",
    CKM.AES_CTR,
    [required("counter", "bytes"), required("length", "octet")],
    ctrPieces,
    () => {},
  ),
  cipher("AES-GCM", "GCM", CKM.AES_GCM, gcm, gcmPieces, (data, { tagLength = 128 }) => {
    if (data.length * 8 < tagLength) {
      throw refusal("OperationError", `Cannot decrypt: ${data.length} bytes are shorter than the tag`);
    }
  }),
];
