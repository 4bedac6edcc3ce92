/**
 * What a signer is told of its key, and its key told from others. Signatures by a scheme: in the token as a whole, or of a
 * digest made outside where the token has only that mechanism.
 *
 * @module
 */
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { CKO } from "../../ffi/constants/mod.ts";
import { describeName, describeType } from "../../ffi/memory/inputs.ts";
import { digestOutside, sha256 } from "../mechanisms/hash.ts";
import { writePublicJsonWebKey, type WrittenJsonWebKey } from "../keys/forms/json_web_key.ts";
import { type AsymmetricMaterial, describeKey } from "../keys/forms/key_material.ts";
import { type KeyInput, readKey } from "../keys/forms/read_key.ts";
import { type Holder, holderOf, unambiguousPublicKey } from "../keys/find_public.ts";
import { identify, type KeyIdentity } from "../keys/read_public.ts";
import { mechanismType, schemesOf, secretSchemes, type SignatureScheme } from "../keys/signature_schemes.ts";
import type { CallOptions } from "../core/call_options.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { Session } from "../tokens/session.ts";
import { coreOf } from "../tokens/session_contexts.ts";
import { ckmName } from "../../ffi/constants/names.ts";
import { withLowS } from "../../internal/elliptic_signatures.ts";
import type { Slot } from "../tokens/slot.ts";
import type { Mechanism } from "../mechanisms/mod.ts";

/** Which of the keys that were found has a public half; of a secret key nothing can tell. */
export async function holderAmong(
  session: Session,
  found: readonly Pkcs11Object[],
  material: AsymmetricMaterial | null,
  options: CallOptions,
): Promise<Holder> {
  const objects = found.map(({ handle }) => handle);
  if (material === null) return { object: null, untold: objects };
  const core = coreOf(session);
  const args = { session: core.handle, objects, material };
  return await core.run(
    function* (frame, { material, objects, session }: typeof args) {
      const keys: KeyIdentity[] = [];
      for (const object of objects) keys.push(yield* identify(frame, { session, object }));
      return yield* holderOf(frame, session, keys, material);
    },
    args,
    options,
  );
}

/** Classes of objects that tell a public key. */
const WITH_PUBLIC_HALF: ReadonlySet<unknown> = new Set([CKO.PRIVATE_KEY, CKO.PUBLIC_KEY, CKO.CERTIFICATE]);

/** Reads what a key is and its public half, in one call; no half where several may be it. */
export async function aboutKey(
  key: Pkcs11Object,
  options: CallOptions,
): Promise<{ identity: KeyIdentity; half: AsymmetricMaterial | null }> {
  const core = coreOf(key.session);
  core.assertFree("read the public key");
  const args = { session: core.handle, object: key.handle };
  return await core.run(
    function* (frame, { object, session }: typeof args) {
      const identity = yield* identify(frame, { session, object });
      const hasHalf = WITH_PUBLIC_HALF.has(identity.class);
      return { identity, half: hasHalf ? yield* unambiguousPublicKey(frame, session, identity) : null };
    },
    args,
    options,
  );
}

/** The public half of a key in a token or outside one; null where there is none, or several may be it. */
export async function publicHalfOf(
  key: Pkcs11Object | KeyInput,
  options: CallOptions,
): Promise<AsymmetricMaterial | null> {
  if (key instanceof Pkcs11Object) return (await aboutKey(key, options)).half;
  options.signal?.throwIfAborted();
  const { material } = await readKey(key, undefined, "the public key");
  return material.kind === "secret" ? null : material;
}

/** How a key signs: as the algorithm says, or as its kind does by default. */
export function chooseScheme(
  action: string,
  material: AsymmetricMaterial | null,
  algorithm: string | undefined,
): SignatureScheme {
  const schemes = material === null ? secretSchemes : schemesOf(material);
  const what = material === null ? "secret key" : describeKey(material);
  if (schemes.length === 0) throw new TypeError(`Cannot ${action}: a ${what} does not sign`);
  if (algorithm === undefined) return schemes[0]!;
  const scheme = schemes.find((each) => each.algorithm === algorithm || isAlias(each.algorithm, algorithm, material));
  if (scheme !== undefined) return scheme;
  const names = schemes.map((each) => each.algorithm).join(", ");
  throw new TypeError(
    `Cannot ${action}: ${describeName(algorithm)} is no algorithm of a ${what}; it has ${names}`,
  );
}

/** "Ed25519" and "Ed448" are EdDSA with the curve said (RFC 9864). */
function isAlias(name: string, algorithm: string, material: AsymmetricMaterial | null): boolean {
  return name === "EdDSA" && material?.kind === "curve" && material.curve.name === algorithm;
}

/** RFC 7638: SHA-256 of the members that make the key, in alphabetical order, as base64url. */
export function thumbprint(material: AsymmetricMaterial): string {
  const jwk = writePublicJsonWebKey(material) as Record<string, string>;
  const canonical = JSON.stringify(Object.fromEntries(Object.keys(jwk).sort().map((name) => [name, jwk[name]])));
  return sha256(new TextEncoder().encode(canonical)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A public key as those want it who verify. */
export function verificationJwk(material: AsymmetricMaterial, kid: string, alg: string): WrittenJsonWebKey {
  return { ...writePublicJsonWebKey(material), kid, alg, use: "sig" };
}

/** How a public key is named. */
export interface PublicJwkOptions {
  /**
   * The algorithm by its JOSE name, for example "PS256".
   *
   * By default what `tokenSigner` takes for the key.
   */
  readonly algorithm?: string | undefined;
  /**
   * What names the key.
   *
   * By default its RFC 7638 thumbprint, as `tokenSigner` has it.
   */
  readonly keyId?: string | undefined;
  /** Ends the reading of the key. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A public key as a JSON Web Key with `kid`, `alg` and `use`, for a JWK Set: also of a key that signs no more, of which only
 * the public half or the certificate is left. The key of a `TokenSigner` is the same as its own `publicJwk()`.
 *
 * @param key A public key, a private key or a certificate on a token, or a key outside it.
 * @param options Its algorithm and its name, and a signal.
 * @returns The members of the public key alone, and what names it.
 * @throws {TypeError} For a key that has no public half or does not sign, and an algorithm that is not of its type.
 * @throws {Pkcs11Error} What the token answers.
 * @throws {AbortError} When the signal aborts: `signal.reason`, whatever it is.
 *
 * @example The keys that verify what this service has signed, and still signs
 * ```ts
 * import { CKO, publicJwk, type Session } from "@gp11/gp11";
 *
 * async function jwks(session: Session): Promise<Response> {
 *   const keys = await session.findObjects({ class: CKO.PUBLIC_KEY, label: "service" });
 *   return Response.json({ keys: await Promise.all(keys.map((key) => publicJwk(key))) });
 * }
 * ```
 */
export async function publicJwk(
  key: Pkcs11Object | KeyInput,
  options: PublicJwkOptions = {},
): Promise<WrittenJsonWebKey> {
  const action = "make the JSON Web Key";
  checkOptions(options);
  const { algorithm, keyId, signal } = options;
  if (keyId !== undefined && typeof keyId !== "string") {
    throw new TypeError(`Cannot ${action}: keyId is ${describeType(keyId)}, expected a string`);
  }
  const material = await publicHalfOf(key, { signal });
  if (material === null) {
    throw new TypeError(`Cannot ${action}: the key has no public half, or its token does not tell which it is`);
  }
  return verificationJwk(material, keyId ?? thumbprint(material), chooseScheme(action, material, algorithm).algorithm);
}

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

/** A signature as those take it who verify: tokens give either form of ES256K. */
function asVerified({ algorithm }: SignatureScheme, signature: Bytes): Bytes {
  return algorithm === "ES256K" ? withLowS(signature) : signature;
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
  return asVerified(scheme, await session.sign(key, plan.mechanism, plan.input(message), options));
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
  return asVerified(scheme, session.signSync(key, plan.mechanism, plan.input(message), options));
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
