/** Parameter structures of symmetric, message and one-time password mechanisms, as data for structs.ts. */

/** Parameter of `CKM_AES_GCM` and `CKM_AES_GMAC`. */
export const CK_GCM_PARAMS = {
  pIv: "pointer",
  ulIvLen: "ulong",
  ulIvBits: "ulong",
  pAAD: "pointer",
  ulAADLen: "ulong",
  ulTagBits: "ulong",
} as const;

/** Per-message parameter of `CKM_AES_GCM` in the message functions. */
export const CK_GCM_MESSAGE_PARAMS = {
  pIv: "pointer",
  ulIvLen: "ulong",
  ulIvFixedBits: "ulong",
  ivGenerator: "ulong",
  pTag: "pointer",
  ulTagBits: "ulong",
} as const;

/** Parameter of `CKM_AES_GCM` in `C_WrapKeyAuthenticated`. */
export const CK_GCM_WRAP_PARAMS = {
  pIv: "pointer",
  ulIvLen: "ulong",
  ulIvFixedBits: "ulong",
  ivGenerator: "ulong",
  pAAD: "pointer",
  ulAADLen: "ulong",
  ulTagBits: "ulong",
} as const;

/** Parameter of `CKM_AES_CCM`. */
export const CK_CCM_PARAMS = {
  ulDataLen: "ulong",
  pNonce: "pointer",
  ulNonceLen: "ulong",
  pAAD: "pointer",
  ulAADLen: "ulong",
  ulMACLen: "ulong",
} as const;

/** Per-message parameter of `CKM_AES_CCM` in the message functions. */
export const CK_CCM_MESSAGE_PARAMS = {
  ulDataLen: "ulong",
  pNonce: "pointer",
  ulNonceLen: "ulong",
  ulNonceFixedBits: "ulong",
  nonceGenerator: "ulong",
  pMAC: "pointer",
  ulMACLen: "ulong",
} as const;

/** Parameter of `CKM_AES_CCM` in `C_WrapKeyAuthenticated`. */
export const CK_CCM_WRAP_PARAMS = {
  ulDataLen: "ulong",
  pNonce: "pointer",
  ulNonceLen: "ulong",
  ulNonceFixedBits: "ulong",
  nonceGenerator: "ulong",
  pAAD: "pointer",
  ulAADLen: "ulong",
  ulMACLen: "ulong",
} as const;

/** Parameter of `CKM_AES_CTR`. */
export const CK_AES_CTR_PARAMS = { ulCounterBits: "ulong", cb: 16 } as const;

/** Parameter of `CKM_CAMELLIA_CTR`. */
export const CK_CAMELLIA_CTR_PARAMS = { ulCounterBits: "ulong", cb: 16 } as const;

/** Parameter of `CKM_CHACHA20`. */
export const CK_CHACHA20_PARAMS = {
  pBlockCounter: "pointer",
  blockCounterBits: "ulong",
  pNonce: "pointer",
  ulNonceBits: "ulong",
} as const;

/** Parameter of `CKM_SALSA20`. */
export const CK_SALSA20_PARAMS = { pBlockCounter: "pointer", pNonce: "pointer", ulNonceBits: "ulong" } as const;

/** Parameter of `CKM_CHACHA20_POLY1305` and `CKM_SALSA20_POLY1305`. */
export const CK_SALSA20_CHACHA20_POLY1305_PARAMS = {
  pNonce: "pointer",
  ulNonceLen: "ulong",
  pAAD: "pointer",
  ulAADLen: "ulong",
} as const;

/** Per-message parameter of the Poly1305 ciphers in the message functions. */
export const CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS = {
  pNonce: "pointer",
  ulNonceLen: "ulong",
  pTag: "pointer",
} as const;

/** Parameter of `CKM_DES_CBC_ENCRYPT_DATA` and `CKM_DES3_CBC_ENCRYPT_DATA`. */
export const CK_DES_CBC_ENCRYPT_DATA_PARAMS = { iv: 8, pData: "pointer", length: "ulong" } as const;

/** Parameter of `CKM_AES_CBC_ENCRYPT_DATA`. */
export const CK_AES_CBC_ENCRYPT_DATA_PARAMS = { iv: 16, pData: "pointer", length: "ulong" } as const;

/** Parameter of `CKM_CAMELLIA_CBC_ENCRYPT_DATA`. */
export const CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS = { iv: 16, pData: "pointer", length: "ulong" } as const;

/** Parameter of `CKM_ARIA_CBC_ENCRYPT_DATA`. */
export const CK_ARIA_CBC_ENCRYPT_DATA_PARAMS = { iv: 16, pData: "pointer", length: "ulong" } as const;

/** Parameter of `CKM_SEED_CBC_ENCRYPT_DATA`. */
export const CK_SEED_CBC_ENCRYPT_DATA_PARAMS = { iv: 16, pData: "pointer", length: "ulong" } as const;

/** Parameter of `CKM_RC2_CBC` and `CKM_RC2_CBC_PAD`. */
export const CK_RC2_CBC_PARAMS = { ulEffectiveBits: "ulong", iv: 8 } as const;

/** Parameter of `CKM_RC2_MAC_GENERAL`. */
export const CK_RC2_MAC_GENERAL_PARAMS = { ulEffectiveBits: "ulong", ulMacLength: "ulong" } as const;

/** Parameter of `CKM_RC5_ECB` and `CKM_RC5_MAC`. */
export const CK_RC5_PARAMS = { ulWordsize: "ulong", ulRounds: "ulong" } as const;

/** Parameter of `CKM_RC5_CBC` and `CKM_RC5_CBC_PAD`. */
export const CK_RC5_CBC_PARAMS = { ulWordsize: "ulong", ulRounds: "ulong", pIv: "pointer", ulIvLen: "ulong" } as const;

/** Parameter of `CKM_RC5_MAC_GENERAL`. */
export const CK_RC5_MAC_GENERAL_PARAMS = { ulWordsize: "ulong", ulRounds: "ulong", ulMacLength: "ulong" } as const;

/** Parameter of `CKM_KEY_WRAP_SET_OAEP`. */
export const CK_KEY_WRAP_SET_OAEP_PARAMS = { bBC: "byte", pX: "pointer", ulXLen: "ulong" } as const;

/** Parameter of `CKM_SKIPJACK_PRIVATE_WRAP`. */
export const CK_SKIPJACK_PRIVATE_WRAP_PARAMS = {
  ulPasswordLen: "ulong",
  pPassword: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
  ulPAndGLen: "ulong",
  ulQLen: "ulong",
  ulRandomLen: "ulong",
  pRandomA: "pointer",
  pPrimeP: "pointer",
  pBaseG: "pointer",
  pSubprimeQ: "pointer",
} as const;

/** Parameter of `CKM_SKIPJACK_RELAYX`. */
export const CK_SKIPJACK_RELAYX_PARAMS = {
  ulOldWrappedXLen: "ulong",
  pOldWrappedX: "pointer",
  ulOldPasswordLen: "ulong",
  pOldPassword: "pointer",
  ulOldPublicDataLen: "ulong",
  pOldPublicData: "pointer",
  ulOldRandomLen: "ulong",
  pOldRandomA: "pointer",
  ulNewPasswordLen: "ulong",
  pNewPassword: "pointer",
  ulNewPublicDataLen: "ulong",
  pNewPublicData: "pointer",
  ulNewRandomLen: "ulong",
  pNewRandomA: "pointer",
} as const;

/** Parameter of `CKM_CMS_SIG`. */
export const CK_CMS_SIG_PARAMS = {
  certificateHandle: "ulong",
  pSigningMechanism: "pointer",
  pDigestMechanism: "pointer",
  pContentType: "pointer",
  pRequestedAttributes: "pointer",
  ulRequestedAttributesLen: "ulong",
  pRequiredAttributes: "pointer",
  ulRequiredAttributesLen: "ulong",
} as const;

/** One parameter of the one-time password mechanisms. */
export const CK_OTP_PARAM = { type: "ulong", pValue: "pointer", ulValueLen: "ulong" } as const;

/** Parameter of `CKM_SECURID`, `CKM_HOTP` and `CKM_ACTI`. */
export const CK_OTP_PARAMS = { pParams: "pointer", ulCount: "ulong" } as const;

/** What the one-time password mechanisms return. */
export const CK_OTP_SIGNATURE_INFO = { pParams: "pointer", ulCount: "ulong" } as const;

/** Parameter of the CT-KIP mechanisms. */
export const CK_KIP_PARAMS = { pMechanism: "pointer", hKey: "ulong", pSeed: "pointer", ulSeedLen: "ulong" } as const;
