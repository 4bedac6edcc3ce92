/** Operations on one piece of data: encrypt, decrypt, digest, sign, verify and the recovering pair. */
import { CKM, CKR } from "../constants/mod.ts";
import type { Engine } from "../engine/engine.ts";
import type { Lane } from "../engine/lane.ts";
import { type CopyBytes, mayWait, type Program } from "../engine/program.ts";
import type { Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import { type BuiltParameter, ownMechanism } from "../memory/mechanisms.ts";
import { word } from "../memory/block.ts";
import {
  abandon,
  beginAuthenticated,
  beginning,
  type CryptoArgs,
  type CryptoFunctions,
  functionsOf,
  mechanismOf,
  settle,
} from "./beginning.ts";
import { mayRunCaller } from "./authentication.ts";
import { wantsFit } from "./key_checks.ts";
import { endUse } from "./key_use.ts";
import { meansWrongSignature } from "./quirks.ts";
import { transform, type Transformation } from "./transformation.ts";

export type { CryptoArgs, CryptoFunctions };
export { Destination, start } from "./beginning.ts";

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

/**
 * Room that no result needs: where it is filled all the same, the module has told the room it was given and not the length
 * of the result, as tpm2-pkcs11 does.
 */
const MARGIN = 8;
/** Enough for RSA with 8192 bits. */
const SIGNATURE_ROOM = 1024 + MARGIN;
/** Enough for ML-DSA-87, whose signatures have 4627 bytes. */
const ML_DSA_ROOM = 4640;
/** Enough for the largest signatures with a length of their own: those of SLH-DSA-SHA2-256f have 49 856 bytes. */
const LARGEST_SIGNATURE = 49_856 + MARGIN;
/** No hash is longer, and with it no HMAC. */
export const HASH_ROOM: number = 64 + MARGIN;
/** Enough for two numbers of any curve. */
const ECDSA_ROOM = 160;
/** What a signature of Ed25519 has: NSS softokn takes no more room than that. Of Ed448 they have more. */
const EDDSA_ROOM = 64;

/** C_EncryptInit and C_Encrypt. */
export function encrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  const { type, parameter } = args.mechanism;
  const { length } = args.data;
  const appended = parameter === null || parameter instanceof Uint8Array ? 0 : parameter.appended ?? 0;
  const room = encryptedRoom(type, length) + appended;
  if (appended === 0) return transform(frame, args, ENCRYPT, room, hasKnownLength(type));
  const program = transform(frame, { ...args, into: null }, ENCRYPT, room, hasKnownLength(type));
  return withoutAppended(program, parameter as BuiltParameter, length);
}

/** What the token has appended to the result goes to the mechanism. */
function* withoutAppended(
  program: Program<Uint8Array<ArrayBuffer>>,
  parameter: BuiltParameter,
  length: number,
): Program<Uint8Array<ArrayBuffer>> {
  const result = yield* program;
  return parameter.takeAppended?.(result, length) ?? result;
}

/** C_DecryptInit and C_Decrypt. */
export function decrypt(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  const { type } = args.mechanism;
  return transform(frame, args, DECRYPT, decryptedRoom(type, args.data.length), hasKnownLength(type));
}

/** C_DigestInit and C_Digest. */
export function digest(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, DIGEST, HASH_ROOM);
}

/** C_SignInit and C_Sign. */
export function sign(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  const { type } = args.mechanism;
  return transform(frame, args, SIGN, signatureRoom(type), hasKnownSignature(type));
}

/** What the last operation in place has left for one that looks like it, where a session may begin one at once. */
export function lastInPlace(engine: Engine, lane: Lane): Transformation | null {
  const frame = engine.idleFor(lane);
  return frame === null ? null : frame.block.kept as Transformation | null;
}

/** C_SignRecoverInit and C_SignRecover. */
export function signRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, SIGN_RECOVER, SIGNATURE_ROOM);
}

/** C_VerifyRecoverInit and C_VerifyRecover. */
export function verifyRecover(frame: Frame, args: CryptoArgs): Program<Uint8Array<ArrayBuffer>> {
  return transform(frame, args, VERIFY_RECOVER, Math.max(args.data.length + MARGIN, SIGNATURE_ROOM));
}

/** C_VerifyInit and C_Verify; `false` for a signature that is wrong or has a wrong length. */
export function* verify(frame: Frame, args: CryptoArgs & { readonly signature: Uint8Array }): Program<boolean> {
  const { session, data, signature } = args;
  const mechanism = mechanismOf(frame, args, VERIFY);
  const asks = mayRunCaller(args.authentication) || wantsFit(args);
  const words = [
    session,
    frame.input(data, asks),
    word(data.length),
    frame.input(signature, asks),
    word(signature.length),
  ];
  const begun = beginning(frame, args, VERIFY, mechanism, { fn: frame.fn(VERIFY.onceIndex), args: words });
  try {
    let rv = begun.asks ? yield* beginAuthenticated(frame, begun) : yield begun.both;
    if (rv !== CKR.OK) rv = yield* settle(frame, begun, rv);
    begun.mechanism.readBack();
    if (begun.use) yield* endUse(frame, begun.use);
    return yield* isVerified(frame, rv, "C_Verify", { mechanism: args.mechanism.type, signature });
  } catch (error) {
    yield* abandon(frame, begun, session);
    throw error;
  }
}

/** What a verification came to that was begun with success; throws where the signature was not looked at. */
export function* isVerified(
  frame: Frame,
  rv: number,
  fn: FunctionName,
  { mechanism, signature }: { readonly mechanism: number; readonly signature: Uint8Array },
): Program<boolean> {
  if (rv === CKR.OK) return true;
  if (rv === CKR.SIGNATURE_INVALID || rv === CKR.SIGNATURE_LEN_RANGE) return false;
  // No signature is empty.
  if (rv === CKR.ARGUMENTS_BAD && signature.length === 0) return false;
  if (yield* meansWrongSignature(frame, rv, mechanism)) return false;
  throw frame.failure(fn, rv);
}

const LENGTH_KEEPING: ReadonlySet<number> = new Set([CKM.AES_ECB, CKM.AES_CBC, CKM.AES_CTR]);

/** Whether the length of the data tells that of the result, or the most it can be. */
export function hasKnownLength(mechanism: number): boolean {
  return mechanism === CKM.AES_CBC_PAD || mechanism === CKM.AES_GCM || LENGTH_KEEPING.has(mechanism);
}

/** Room for a ciphertext; exact for the common modes, so that large results need no second copy. */
export function encryptedRoom(mechanism: number, length: number): number {
  if (mechanism === CKM.AES_CBC_PAD) return length - length % 16 + 16;
  if (mechanism === CKM.AES_GCM) return length + 16;
  if (LENGTH_KEEPING.has(mechanism)) return length;
  return Math.max(length + 64, SIGNATURE_ROOM);
}

/** Room for what comes out of a ciphertext. */
export function decryptedRoom(mechanism: number, length: number): number {
  return Math.max(length, 64) + (hasKnownLength(mechanism) ? 0 : MARGIN);
}

/** Whether the room for a signature is what it has: where it is filled, the signature is no longer than that. */
export function hasKnownSignature(mechanism: number): boolean {
  return mechanism === CKM.EDDSA;
}

/**
 * Room for a signature. A module may end the operation when the room is too small, and data that came in parts is gone
 * then; but what is not used need not be overwritten afterwards.
 */
export function signatureRoom(mechanism: number): number {
  // The mechanisms of each hash lie together: from MD2 to SHA-3.
  if (mechanism >= CKM.MD2 && mechanism <= CKM.SHA3_512_HMAC_GENERAL) return HASH_ROOM;
  if (mechanism >= CKM.ECDSA && mechanism <= CKM.ECDSA_SHA3_512) return ECDSA_ROOM;
  if (mechanism === CKM.EDDSA) return EDDSA_ROOM;
  if (mechanism >= CKM.ML_DSA && mechanism <= CKM.HASH_ML_DSA_SHAKE256) return ML_DSA_ROOM;
  const large = mechanism >= CKM.SLH_DSA && mechanism <= CKM.HASH_SLH_DSA_SHAKE256 ||
    mechanism >= CKM.HSS && mechanism <= CKM.XMSSMT || mechanism >= CKM.VENDOR_DEFINED;
  return large ? LARGEST_SIGNATURE : SIGNATURE_ROOM;
}

function ownInputs<A extends CryptoArgs>(args: A, copy: CopyBytes): A {
  return { ...args, data: copy(args.data), mechanism: ownMechanism(args.mechanism, copy) };
}

for (const operation of [encrypt, decrypt, digest, sign, signRecover, verifyRecover]) mayWait(operation, ownInputs);
mayWait(verify, (args, copy) => ({ ...ownInputs(args, copy), signature: copy(args.signature) }));
