/**
 * Keys that are derived on the token and never seen outside it.
 *
 * @module
 */
import { CKO } from "../ffi/constants/mod.ts";
import { Pkcs11Error } from "../session/errors.ts";
import { checkSomeUsage, type TokenCryptoKey } from "./contract/crypto_key.ts";
import type { Family, KeyUse, NewKey } from "./contract/family.ts";
import { keyOf, placed, secrecy, useTemplate } from "./contract/objects.ts";

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
  if (wanted === null) return null;
  const mechanism = await base.derivation!(use, wanted.bytes);
  if (mechanism === null) return null;
  const { access, extractable, usages } = made;
  checkSomeUsage(usages);
  const { id, isKept, template } = placed(made);
  const attributes = {
    class: CKO.SECRET_KEY,
    keyType: wanted.keyType,
    ...wanted.bytes === null ? {} : { valueLen: wanted.bytes },
    ...template,
    ...secrecy(extractable),
    ...useTemplate(wanted.known, usages),
  };
  const { key, parameters } = use;
  const held = parameters.peer === undefined ? [key.held] : [key.held, parameters.peer.held];
  try {
    const object = await access.use(held, (session) => session.deriveKey(key.object, mechanism, attributes));
    return keyOf(access, object, id, isKept, { type: "secret", algorithm: wanted.algorithm, extractable, usages });
  } catch (error) {
    if (error instanceof Pkcs11Error) return null;
    throw error;
  }
}
