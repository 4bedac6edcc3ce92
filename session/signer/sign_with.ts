/**
 * Signatures by a scheme: in the token as a whole, or of a digest made outside where the token has only that mechanism.
 *
 * @module
 */
import { ckmName } from "../../ffi/constants/names.ts";
import type { Pkcs11Object } from "../tokens/object.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { Session } from "../tokens/session.ts";
import type { Slot } from "../tokens/slot.ts";
import { mechanismType, type SignatureScheme } from "../keys/signature_schemes.ts";
import { digestOutside } from "../mechanisms/hash.ts";
import type { Mechanism } from "../mechanisms/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How one token makes the signatures of a scheme. */
export interface SignaturePlan {
  /** The mechanism. */
  readonly mechanism: Mechanism;
  /** What the mechanism is given for a message. */
  input(message: Bytes): Bytes;
}

/** A key or token that cannot make a signature of an algorithm. */
function unsupported(scheme: SignatureScheme, tried: readonly Mechanism[]): Error {
  const names = tried.map((mechanism) => ckmName(mechanismType(mechanism))).join(" nor ");
  const error = new Error(`Cannot sign with ${scheme.algorithm}: the token has neither ${names}`);
  error.name = "NotSupportedError";
  return error;
}

/**
 * The plan of a scheme on a token with these mechanisms.
 *
 * @throws {Error} NotSupportedError, naming the mechanisms that are missing.
 */
export function planSignature(scheme: SignatureScheme, mechanisms: ReadonlySet<number>): SignaturePlan {
  const { hash, prehashed, whole } = scheme;
  if (mechanisms.has(mechanismType(whole))) return { mechanism: whole, input: (message) => message };
  if (prehashed !== null && hash !== null && mechanisms.has(mechanismType(prehashed))) {
    return { mechanism: prehashed, input: (message) => scheme.prepare(digestOutside(hash, message)) };
  }
  throw unsupported(scheme, prehashed === null ? [whole] : [whole, prehashed]);
}

/** Plans that were made for a slot: its mechanisms are asked for once for each scheme. */
const plans = new WeakMap<Slot, Map<SignatureScheme, SignaturePlan>>();

function keep(slot: Slot, scheme: SignatureScheme, plan: SignaturePlan): SignaturePlan {
  let known = plans.get(slot);
  if (known === undefined) plans.set(slot, known = new Map());
  known.set(scheme, plan);
  return plan;
}

async function planOf({ slot }: Session, scheme: SignatureScheme, options?: CallOptions): Promise<SignaturePlan> {
  return plans.get(slot)?.get(scheme) ??
    keep(slot, scheme, planSignature(scheme, new Set(await slot.mechanisms(options))));
}

function planOfSync({ slot }: Session, scheme: SignatureScheme, options?: CallOptions): SignaturePlan {
  return plans.get(slot)?.get(scheme) ??
    keep(slot, scheme, planSignature(scheme, new Set(slot.mechanismsSync(options))));
}

/** Signs a message with a key as a scheme says; ECDSA signatures have r and s side by side. */
export async function signWith(
  session: Session,
  key: Pkcs11Object,
  scheme: SignatureScheme,
  message: Bytes,
  options?: CallOptions,
): Promise<Bytes> {
  const plan = await planOf(session, scheme, options);
  return await session.sign(key, plan.mechanism, plan.input(message), options);
}

/** {@linkcode signWith} in place. */
export function signWithSync(
  session: Session,
  key: Pkcs11Object,
  scheme: SignatureScheme,
  message: Bytes,
  options?: CallOptions,
): Bytes {
  const plan = planOfSync(session, scheme, options);
  return session.signSync(key, plan.mechanism, plan.input(message), options);
}

/** Checks a signature in the token as {@linkcode signWith} makes it. */
export async function verifyWith(
  session: Session,
  key: Pkcs11Object,
  scheme: SignatureScheme,
  message: Bytes,
  signature: Bytes,
  options?: CallOptions,
): Promise<boolean> {
  const plan = await planOf(session, scheme, options);
  return await session.verify(key, plan.mechanism, plan.input(message), signature, options);
}
