/**
 * Which of several public halves a private key has, told by one signature that it makes, which is checked outside the token:
 * with the runtime's own cryptography, or a library where a runtime lacks it.
 *
 * @module
 */
import { runtimeCrypto } from "../../internal/runtime.ts";
import { provesNothing } from "../../internal/elliptic_signatures.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import type { Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { sign } from "../../ffi/operations/crypto.ts";
import { getAttributes, type ObjectArgs } from "../../ffi/operations/objects.ts";
import { readPlan } from "../attributes/attribute_types.ts";
import { attributesOf } from "../attributes/attributes.ts";
import { Pkcs11Error } from "../errors.ts";
import { digestOutside, findHash } from "../mechanisms/hash.ts";
import type { AsymmetricMaterial } from "./forms/key_material.ts";
import { mechanismType, schemesOf, type SignatureScheme } from "./signature_schemes.ts";
import { builtin } from "../../internal/builtin_modules.ts";
import type * as Crypto from "node:crypto";
import { isEcdsaSignature, isEdwardsSignature } from "./forms/curve_arithmetic.ts";
import { ecdsaSignatureToDer, publicKeyBits, writeSpki } from "./forms/write_der.ts";
import { isPostQuantumSignature } from "./forms/post_quantum.ts";
import { isWeierstrass } from "./forms/read_der.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Answers of a token that does not make this signature with this key. */
const REFUSED: ReadonlySet<number> = new Set([
  CKR.ACTION_PROHIBITED,
  CKR.ARGUMENTS_BAD,
  CKR.DATA_INVALID,
  CKR.DATA_LEN_RANGE,
  CKR.FUNCTION_FAILED,
  CKR.FUNCTION_NOT_SUPPORTED,
  CKR.FUNCTION_REJECTED,
  CKR.GENERAL_ERROR,
  CKR.KEY_FUNCTION_NOT_PERMITTED,
  CKR.KEY_SIZE_RANGE,
  CKR.KEY_TYPE_INCONSISTENT,
  CKR.MECHANISM_INVALID,
  CKR.MECHANISM_PARAM_INVALID,
  CKR.USER_NOT_LOGGED_IN,
]);

/**
 * The half among these that a signature of the private key is good for. They are of the key's type and parameters. A key
 * that wants its PIN for each use is not used.
 *
 * @returns null where the key has none of them, undefined where it cannot be told
 */
export function* halfBySignature(
  frame: Frame,
  args: ObjectArgs,
  halves: readonly AsymmetricMaterial[],
): Program<AsymmetricMaterial | null | undefined> {
  const scheme = halves.length === 0 ? undefined : schemesOf(halves[0]!)[0];
  if (scheme === undefined || !(yield* signsByItself(frame, args))) return undefined;
  // Nobody can make use of it: it begins with what it is for.
  const message = new TextEncoder().encode(`a look for the public key of a pair ${runtimeCrypto().randomUUID()}`);
  const signature = yield* signatureOf(frame, args, scheme, message);
  if (signature === null) return undefined;
  const verified = halves.map((half) => verifyOutside(half, scheme, message, signature));
  const place = verified.indexOf(true);
  return place >= 0 ? halves[place]! : verified.includes(null) ? undefined : null;
}

/** Whether the key signs without an act of its user, and without disturbing what is open on the session. */
function* signsByItself(frame: Frame, args: ObjectArgs): Program<boolean> {
  if (frame.lane !== null && frame.lane.open !== null) return false;
  const read = attributesOf(yield* getAttributes(frame, { ...args, plan: readPlan(["sign", "alwaysAuthenticate"]) }));
  return read.get("sign") !== false && read.get("alwaysAuthenticate") !== true;
}

/** The signature, of a digest made outside where there is such a mechanism: most tokens have it. */
function* signatureOf(
  frame: Frame,
  { object: key, session }: ObjectArgs,
  { hash, prehashed, prepare, whole }: SignatureScheme,
  message: Bytes,
): Program<Bytes | null> {
  const ways: [mechanism: number, data: Bytes][] = [[mechanismType(whole), message]];
  if (prehashed !== null) ways.unshift([mechanismType(prehashed), prepare(digestOutside(hash!, message))]);
  for (const [type, data] of ways) {
    try {
      const mechanism = { type, parameter: null };
      return yield* sign(frame, { session, key, traits: null, mechanism, data, authentication: null });
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || !REFUSED.has(error.code)) throw error;
    }
  }
  return null;
}

/**
 * Whether a signature is right; ECDSA signatures have r and s side by side.
 *
 * @returns null where neither the runtime nor the library can tell
 */
export function verifyOutside(
  material: AsymmetricMaterial,
  scheme: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const isEdwards = material.kind === "curve" && scheme.hash === null && !isWeierstrass(material.curve);
  if (isEdwards && provesNothing(material.curve.name, publicKeyBits(material), signature)) return false;
  const byRuntime = verifyByRuntime(material, scheme, message, signature);
  // A refusal is looked at again: Deno refuses right signatures of secp256k1, and of P-521 where the digest is short.
  if (byRuntime === true || material.kind === "RSA") return byRuntime;
  return verifyByLibrary(material, scheme, message, signature);
}

/** Null where the runtime does not know such keys or signatures. */
function verifyByRuntime(
  material: AsymmetricMaterial,
  { algorithm, hash }: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const { constants, createPublicKey, verify } = builtin.crypto;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  try {
    const key: Crypto.KeyObject = createPublicKey({
      key: writeSpki(material) as unknown as Crypto.PublicKeyInput["key"],
      format: "der",
      type: "spki",
    });
    return verify(
      hash === null ? null : findHash(hash).nodeName,
      message,
      algorithm.startsWith("PS") ? { key, padding, saltLength } : key,
      algorithm.startsWith("ES") ? ecdsaSignatureToDer(signature) : signature,
    );
  } catch {
    return null;
  }
}

/** Null where the library does not know such keys. */
function verifyByLibrary(
  material: Exclude<AsymmetricMaterial, { kind: "RSA" }>,
  { hash }: SignatureScheme,
  message: Bytes,
  signature: Bytes,
): boolean | null {
  const publicKey = publicKeyBits(material);
  if (material.kind === "post-quantum") return isPostQuantumSignature(material.set, publicKey, message, signature);
  const { curve } = material;
  return isWeierstrass(curve)
    ? isEcdsaSignature(curve, publicKey, digestOutside(hash!, message), signature)
    : isEdwardsSignature(curve, publicKey, message, signature);
}
