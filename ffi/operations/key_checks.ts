/**
 * What is looked at of a key before it is used: its type, for modules that die of the wrong one, and its modulus, for
 * mechanisms with a parameter that depends on it.
 */
import { CKA, CKK, CKM, CKR } from "../constants/mod.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { Cryptoki } from "../tables/cryptoki.ts";
import type { FunctionName } from "../tables/functions.ts";
import type { PreparedMechanism, WrittenMechanism } from "../memory/mechanisms.ts";
import { attributeLayout } from "../memory/templates.ts";
import type { KeyTraits } from "./authentication.ts";
import { diesOfKeyTypes, mayDieOfKeyTypes } from "./quirks.ts";

/** A key and the mechanism it is to be used with. */
export interface KeyUse {
  /** The session. */
  readonly session: bigint;
  /** The key; none for a digest. */
  readonly key: bigint | null;
  /** What is known of the key; `null` where there is none. */
  readonly traits: KeyTraits | null;
  /** The mechanism. */
  readonly mechanism: PreparedMechanism;
}

const CKA_KEY_TYPE = BigInt(CKA.KEY_TYPE);

/** Signatures and ciphers of public keys, by the numbers of their mechanisms, and the type of key they take. */
const FAMILIES: readonly (readonly [first: number, last: number, keyType: number])[] = [
  [CKM.RSA_PKCS, CKM.RSA_PKCS_OAEP, CKK.RSA],
  [CKM.RSA_X9_31, CKM.SHA1_RSA_PKCS_PSS, CKK.RSA],
  [CKM.DSA, CKM.DSA_SHA3_512, CKK.DSA],
  [CKM.SHA256_RSA_PKCS, CKM.SHA224_RSA_PKCS_PSS, CKK.RSA],
  [CKM.SHA3_256_RSA_PKCS, CKM.SHA3_224_RSA_PKCS_PSS, CKK.RSA],
  [CKM.ECDSA, CKM.ECDSA_SHA3_512, CKK.EC],
  [CKM.EDDSA, CKM.EDDSA, CKK.EC_EDWARDS],
];

/** The one type of key that a mechanism takes; `null` where it takes several, or is none of those that matter here. */
export function keyTypeOf(mechanism: number): number | null {
  // Most mechanisms of secret keys lie between.
  if (mechanism > CKM.SHA3_224_RSA_PKCS_PSS && mechanism < CKM.ECDSA) return null;
  for (const [first, last, keyType] of FAMILIES) if (mechanism >= first && mechanism <= last) return keyType;
  return null;
}

/** Whether the type of the key must be looked at before the module may see it. */
export function wantsKeyCheck(
  table: Cryptoki,
  key: bigint | null,
  traits: KeyTraits | null,
  mechanism: number,
): boolean {
  if (key === null || traits === null) return false;
  const wanted = keyTypeOf(mechanism);
  return wanted !== null && traits.keyType !== wanted && mayDieOfKeyTypes(table);
}

/**
 * Checks a key against a mechanism for modules that die of the wrong one. The type is read once for each key.
 *
 * @throws what the module would answer if it lived, CKR_KEY_TYPE_INCONSISTENT
 */
export function* checkKey(frame: Frame, use: KeyUse, fn: FunctionName): Program<void> {
  if (!wantsKeyCheck(frame.table, use.key, use.traits, use.mechanism.type) || !(yield* diesOfKeyTypes(frame))) return;
  const { session, key, mechanism } = use;
  const traits = use.traits!;
  if (traits.keyType === undefined) {
    const keyType = yield* readKeyType(frame, session, key!);
    // What is no object any more is for the module to say.
    if (keyType === "gone") return;
    traits.keyType = keyType;
  }
  if (traits.keyType !== keyTypeOf(mechanism.type)) {
    throw frame.failure(fn, CKR.KEY_TYPE_INCONSISTENT);
  }
}

/** CKA_KEY_TYPE; `null` for an object that has none. */
function* readKeyType(frame: Frame, session: bigint, key: bigint): Program<number | null | "gone"> {
  const { block } = frame;
  const { size, offsets } = attributeLayout(block.abi);
  const value = frame.ulong();
  const template = block.alloc(size);
  block.setUlong(template + offsets.type, CKA_KEY_TYPE);
  block.setPointer(template + offsets.pValue, block.address(value));
  block.setUlong(template + offsets.ulValueLen, block.abi.ulong);
  const fn = frame.fn(FN.C_GetAttributeValue);
  const rv = yield [{ fn, args: [session, key, block.address(template), 1n] }];
  if (rv === CKR.OK) return Number(block.getUlong(value));
  return rv === CKR.ATTRIBUTE_TYPE_INVALID ? null : "gone";
}

/** Enough for RSA with 16 384 bits. */
const MODULUS_ROOM = 2048 + 8;

/** Whether the mechanism's parameter depends on the key. */
export function wantsFit({ key, mechanism: { parameter } }: KeyUse): boolean {
  return key !== null && parameter !== null && !(parameter instanceof Uint8Array) && parameter.fitModulus !== undefined;
}

/**
 * Completes a written mechanism whose parameter depends on the key.
 *
 * @throws {TypeError} where the token does not tell the key's modulus
 */
export function* fitMechanism(frame: Frame, use: KeyUse, written: WrittenMechanism): Program<void> {
  if (!wantsFit(use)) return;
  const { block } = frame;
  const { size, offsets } = attributeLayout(block.abi);
  const template = block.alloc(size);
  const room = block.alloc(MODULUS_ROOM);
  block.setUlong(template + offsets.type, CKA.MODULUS);
  block.setPointer(template + offsets.pValue, block.address(room));
  block.setUlong(template + offsets.ulValueLen, MODULUS_ROOM);
  const fn = frame.fn(FN.C_GetAttributeValue);
  const rv = yield [{ fn, args: [use.session, use.key!, block.address(template), 1n] }];
  const length = rv === CKR.OK ? block.getLength(template + offsets.ulValueLen) ?? 0 : 0;
  if (length === 0 || length > MODULUS_ROOM) {
    throw new TypeError(
      'Cannot use saltLength "max" of RSA-PSS: the token does not tell the modulus of the key; give a number of bytes',
    );
  }
  const { parameter } = use.mechanism;
  if (parameter !== null && !(parameter instanceof Uint8Array)) {
    parameter.fitModulus?.(block, written.parameterOffset, block.bytesAt(room, length));
  }
}
