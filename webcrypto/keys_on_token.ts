/**
 * Secret keys that are derived, wrapped and unwrapped on the token, and never seen outside it.
 *
 * @module
 */
import { CKO } from "../ffi/constants/mod.ts";
import type { AttributesInit } from "../session/attributes/attributes_init.ts";
import { Pkcs11Error } from "../session/errors.ts";
import type { Pkcs11Object } from "../session/tokens/object.ts";
import { checkSomeUsage, checkUsages, type KeySlots, type TokenCryptoKey } from "./contract/crypto_key.ts";
import type { DerivedKey, Family, KeyForm, KeyUse, NewKey } from "./contract/family.ts";
import { keyOf, placed, secrecy, useTemplate } from "./contract/objects.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Null where a token refuses: its answer counts when the other way fails, too. */
async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Pkcs11Error) return null;
    throw error;
  }
}

/** The key that the token makes of attributes. */
async function madeOnToken(
  made: NewKey,
  wanted: DerivedKey,
  make: (attributes: AttributesInit) => Promise<Pkcs11Object>,
): Promise<TokenCryptoKey | null> {
  const { access, extractable, usages } = made;
  checkUsages(usages, wanted.known, `a key of ${wanted.algorithm.name}`);
  checkSomeUsage(usages);
  const { id, isKept, template } = placed(made);
  const attributes = {
    class: CKO.SECRET_KEY,
    keyType: wanted.keyType,
    ...template,
    ...secrecy(extractable),
    ...useTemplate(wanted.known, usages),
  };
  const object = await orNull(() => make(attributes));
  if (object === null) return null;
  return keyOf(access, object, id, isKept, { type: "secret", algorithm: wanted.algorithm, extractable, usages });
}

/**
 * Derives a key on the token.
 *
 * @returns null where it cannot be made so: of another length, or because the token refuses it
 */
export async function deriveOnToken(
  base: Family,
  use: KeyUse,
  target: Family,
  made: NewKey,
  bits: number | null,
): Promise<TokenCryptoKey | null> {
  const wanted = base.derivation === undefined ? null : target.derivedKey?.(made, bits) ?? null;
  const mechanism = wanted === null ? null : await base.derivation!(use, wanted.bytes);
  if (wanted === null || mechanism === null) return null;
  const { access, key, parameters } = use;
  const held = parameters.peer === undefined ? [key.held] : [key.held, parameters.peer.held];
  const length = wanted.bytes === null ? {} : { valueLen: wanted.bytes };
  return await madeOnToken(
    made,
    wanted,
    (attributes) =>
      access.use(held, (session) => session.deriveKey(key.object, mechanism, { ...attributes, ...length })),
  );
}

/** Forms in which a secret key is its bytes, which a token wraps and unwraps. */
function isRaw(form: KeyForm): boolean {
  return form === "raw" || form === "raw-secret";
}

/**
 * Unwraps a key on the token.
 *
 * @returns null where it cannot be made so: it is none of the algorithm's, or the token refuses it
 */
export async function unwrapOnToken(
  base: Family,
  { access, key }: KeyUse,
  form: KeyForm,
  wrapped: Bytes,
  target: Family,
  made: NewKey,
): Promise<TokenCryptoKey | null> {
  const { wrapping } = base;
  if (wrapping === undefined || !isRaw(form)) return null;
  const wanted = target.derivedKey?.(made, 8 * base.unwrappedLength!(wrapped.length)) ?? null;
  if (wanted === null) return null;
  return await madeOnToken(
    made,
    wanted,
    (attributes) => access.use([key.held], (session) => session.unwrapKey(key.object, wrapping, wrapped, attributes)),
  );
}

/**
 * Wraps a key on the token.
 *
 * @returns null where it is not on the token as it is, or the token refuses it
 */
export async function wrapOnToken(
  base: Family,
  { access, key }: KeyUse,
  form: KeyForm,
  target: Family,
  wrapped: KeySlots,
): Promise<Bytes | null> {
  const { wrapping } = base;
  const { algorithm, extractable, held, object, usages } = wrapped;
  if (wrapping === undefined || !isRaw(form) || algorithm.length === undefined) return null;
  // A key that was filled up for the token is another one there.
  if (
    (target.derivedKey?.({ access, parameters: algorithm, extractable, usages }, algorithm.length) ?? null) === null
  ) {
    return null;
  }
  return await orNull(() => access.use([key.held, held], (session) => session.wrapKey(key.object, wrapping, object)));
}
