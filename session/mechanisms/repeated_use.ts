/** Mechanisms with a parameter that must not serve twice. */
import { CKM, ckmName } from "../../ffi/constants/mod.ts";
import type { PreparedMechanism } from "../../ffi/memory/mechanisms.ts";

/**
 * Mechanisms of which one IV, nonce or counter used twice with a key gives away the XOR of what was encrypted, or lets
 * authentication tags be forged.
 */
const WANTS_ANOTHER_IV: { readonly [action: string]: ReadonlySet<number> } = {
  encrypt: new Set([
    CKM.AES_CCM,
    CKM.AES_CFB1,
    CKM.AES_CFB128,
    CKM.AES_CFB64,
    CKM.AES_CFB8,
    CKM.AES_CTR,
    CKM.AES_GCM,
    CKM.AES_OFB,
    CKM.BATON_COUNTER,
    CKM.CAMELLIA_CTR,
    CKM.CHACHA20,
    CKM.CHACHA20_POLY1305,
    CKM.DES_CFB64,
    CKM.DES_CFB8,
    CKM.DES_OFB64,
    CKM.DES_OFB8,
    CKM.GOST28147,
    CKM.JUNIPER_COUNTER,
    CKM.SALSA20,
    CKM.SALSA20_POLY1305,
    CKM.SKIPJACK_CFB16,
    CKM.SKIPJACK_CFB32,
    CKM.SKIPJACK_CFB64,
    CKM.SKIPJACK_CFB8,
    CKM.SKIPJACK_OFB64,
  ]),
  sign: new Set([CKM.AES_GMAC]),
};

/** Refuses many uses of one parameter where it must differ for each, unless the token sees to it. */
export function checkRepeatedUse(action: string, { type, parameter }: PreparedMechanism, count: number): void {
  if (count < 2 || parameter === null || !WANTS_ANOTHER_IV[action]?.has(type)) return;
  if (!(parameter instanceof Uint8Array) && parameter.tokenMakesIv) return;
  throw new RangeError(
    `Cannot ${action} ${count} inputs with one parameter: ${ckmName(type)} wants another IV, nonce or counter for ` +
      `each; call ${action} for each, with a mechanism of its own`,
  );
}
