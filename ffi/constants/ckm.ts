import { CKM_CIPHER } from "./ckm_cipher.ts";
import { CKM_DERIVE } from "./ckm_derive.ts";
import { CKM_HASH } from "./ckm_hash.ts";
import { CKM_PUBLIC_KEY } from "./ckm_public_key.ts";

/** Mechanism types (`CKM_` in PKCS#11 3.2 §6), by their names without the prefix. */
export const CKM: typeof CKM_PUBLIC_KEY & typeof CKM_CIPHER & typeof CKM_HASH & typeof CKM_DERIVE = {
  ...CKM_PUBLIC_KEY,
  ...CKM_CIPHER,
  ...CKM_HASH,
  ...CKM_DERIVE,
};

/** One value of {@linkcode CKM}. */
export type CKM = (typeof CKM)[keyof typeof CKM];
