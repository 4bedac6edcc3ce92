/** Operations on one piece of data: encrypt, decrypt, digest, sign, verify and the recovering pair. */
import type { Program } from "../engine.ts";
import type { Frame } from "../frame.ts";
import type { FunctionName } from "../functions.ts";
import { word } from "../memory.ts";
import {
  beginAuthenticated,
  beginning,
  type CryptoArgs,
  type CryptoFunctions,
  functionsOf,
  settle,
} from "./beginning.ts";
import { endOperation } from "./ending.ts";
import { transform } from "./transformation.ts";

export type { CryptoArgs, CryptoFunctions };
export { start } from "./beginning.ts";

const CKR_OK = 0;
const CKR_SIGNATURE_INVALID = 0xc0;
const CKR_SIGNATURE_LEN_RANGE = 0xc1;

/** C_EncryptInit and C_Encrypt. */
export const ENCRYPT: CryptoFunctions = functionsOf("encrypt", "C_EncryptInit", "C_Encrypt");
/** C_DecryptInit and C_Decrypt. */
export const DECRYPT: CryptoFunctions = functionsOf("decrypt", "C_DecryptInit", "C_Decrypt");
/** C_DigestInit and C_Digest. */
export const DIGEST: CryptoFunctions = functionsOf("digest", "C_DigestInit", "C_Digest");
/** C_SignInit and C_Sign. */
export const SIGN: CryptoFunctions = functionsOf("sign", "C_SignInit", "C_Sign");
const SIGN_RECOVER = functionsOf("signRecover", "C_SignRecoverInit", "C_SignRecover");
const VERIFY_RECOVER = functionsOf("verifyRecover", "C_VerifyRecoverInit", "C_VerifyRecover");
/** C_VerifyInit and C_Verify. */
export const VERIFY: CryptoFunctions = functionsOf("verify", "C_VerifyInit", "C_Verify");

/** Enough for RSA with 8192 bits; the few longer signatures cost one more call. */
const SIGNATURE_ROOM = 1024;
/** No hash is longer, and with it no HMAC. */
const HASH_ROOM = 64;
/** Enough for two numbers of any curve. */
const ECDSA_ROOM = 160;

/** C_EncryptInit and C_Encrypt. */
export function encrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, ENCRYPT, encryptedRoom(args.mechanism.type, args.data.length));
}

/** C_DecryptInit and C_Decrypt. */
export function decrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, DECRYPT, Math.max(args.data.length, 64));
}

/** C_DigestInit and C_Digest. */
export function digest(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, DIGEST, HASH_ROOM);
}

/** C_SignInit and C_Sign. */
export function sign(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, SIGN, signatureRoom(args.mechanism.type));
}

/** C_SignRecoverInit and C_SignRecover. */
export function signRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, SIGN_RECOVER, SIGNATURE_ROOM);
}

/** C_VerifyRecoverInit and C_VerifyRecover. */
export function verifyRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, VERIFY_RECOVER, Math.max(args.data.length, SIGNATURE_ROOM));
}

/** C_VerifyInit and C_Verify; `false` for a signature that is wrong or has a wrong length. */
export function* verify(frame: Frame, args: CryptoArgs & { readonly signature: Uint8Array }): Program<boolean> {
  const { session, data, signature } = args;
  const words = [session, frame.input(data), word(data.length), frame.input(signature), word(signature.length)];
  const begun = beginning(frame, args, VERIFY, { fn: frame.fn(VERIFY.onceIndex), args: words });
  try {
    let rv = begun.asks ? yield* beginAuthenticated(frame, begun) : yield begun.both;
    if (rv !== CKR_OK) rv = yield* settle(frame, begun, rv);
    begun.mechanism.readBack();
    return isVerified(frame, rv, "C_Verify");
  } catch (error) {
    if (begun.active || frame.interrupted && frame.stopped === 1) yield* endOperation(frame, VERIFY.kind, session);
    throw error;
  }
}

/** What a verification came to; throws for anything else than a right or a wrong signature. */
export function isVerified(frame: Frame, rv: number, fn: FunctionName): boolean {
  if (rv === CKR_OK) return true;
  if (rv === CKR_SIGNATURE_INVALID || rv === CKR_SIGNATURE_LEN_RANGE) return false;
  throw frame.engine.errors.failure(rv, fn);
}

const CKM_AES_CBC_PAD = 0x1085;
const CKM_AES_GCM = 0x1087;
const CKM_MD2 = 0x200;
const CKM_SHA3_512_HMAC_GENERAL = 0x2d2;
const CKM_ECDSA = 0x1041;
const CKM_ECDSA_SHA3_512 = 0x104a;
const LENGTH_KEEPING = new Set([0x1081, 0x1082, 0x1086]);

/** Room for a ciphertext; exact for the common modes, so that large results need no second copy. */
export function encryptedRoom(mechanism: number, length: number): number {
  if (mechanism === CKM_AES_CBC_PAD) return length - length % 16 + 16;
  if (mechanism === CKM_AES_GCM) return length + 16;
  if (LENGTH_KEEPING.has(mechanism)) return length;
  return Math.max(length + 64, SIGNATURE_ROOM);
}

/** Room for a signature: what is not used need not be overwritten afterwards. */
export function signatureRoom(mechanism: number): number {
  // The mechanisms of each hash lie together: from MD2 to SHA-3.
  if (mechanism >= CKM_MD2 && mechanism <= CKM_SHA3_512_HMAC_GENERAL) return HASH_ROOM;
  return mechanism >= CKM_ECDSA && mechanism <= CKM_ECDSA_SHA3_512 ? ECDSA_ROOM : SIGNATURE_ROOM;
}
