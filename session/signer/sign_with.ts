/**
 * Signatures by a scheme: in the token as a whole, or of a digest made outside where the token has only that mechanism.
 *
 * @module
 */
import process from "node:process";
import { ckmName } from "../../ffi/constants/names.ts";
import type { Pkcs11Object } from "../object.ts";
import type { CallOptions } from "../call_options.ts";
import type { Session } from "../session.ts";
import type { Slot } from "../slot.ts";
import { mechanismType, type SignatureScheme } from "./signature_schemes.ts";
import type { Mechanism } from "../mechanisms.ts";

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
export function planSignature(scheme: SignatureScheme, mechanisms: readonly number[]): SignaturePlan {
  const { hash, prehashed, whole } = scheme;
  if (mechanisms.includes(mechanismType(whole))) return { mechanism: whole, input: (message) => message };
  if (prehashed !== null && hash !== null && mechanisms.includes(mechanismType(prehashed))) {
    return { mechanism: prehashed, input: (message) => scheme.prepare(digestOutside(hash, message)) };
  }
  throw unsupported(scheme, prehashed === null ? [whole] : [whole, prehashed]);
}

const plans = new WeakMap<Slot, readonly number[]>();

/** The mechanisms of a token, asked once for a slot. */
async function mechanismsOf(slot: Slot, options?: CallOptions): Promise<readonly number[]> {
  let known = plans.get(slot);
  if (known === undefined) {
    known = (await slot.mechanisms(options)).map(Number);
    plans.set(slot, known);
  }
  return known;
}

/** Signs a message with a key as a scheme says; ECDSA signatures have r and s side by side. */
export async function signWith(
  session: Session,
  key: Pkcs11Object,
  scheme: SignatureScheme,
  message: Bytes,
  options?: CallOptions,
): Promise<Bytes> {
  const plan = planSignature(scheme, await mechanismsOf(session.slot, options));
  return await session.sign(key, plan.mechanism, plan.input(message), options);
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
  const plan = planSignature(scheme, await mechanismsOf(session.slot, options));
  return await session.verify(key, plan.mechanism, plan.input(message), signature, options);
}

function digestOutside(hash: string, message: Bytes): Bytes {
  const { createHash } = process.getBuiltinModule("node:crypto");
  return new Uint8Array(createHash(hash.replace("-", "").toLowerCase()).update(message).digest());
}
