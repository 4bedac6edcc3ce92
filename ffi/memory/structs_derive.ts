/** Parameter structures of key derivation mechanisms, as data for structs.ts. */

/** Parameter of `CKM_HKDF_DERIVE` and `CKM_HKDF_DATA`. */
export const CK_HKDF_PARAMS = {
  bExtract: "byte",
  bExpand: "byte",
  prfHashMechanism: "ulong",
  ulSaltType: "ulong",
  pSalt: "pointer",
  ulSaltLen: "ulong",
  hSaltKey: "ulong",
  pInfo: "pointer",
  ulInfoLen: "ulong",
} as const;

/** Parameter of `CKM_PKCS5_PBKD2` before 2.40: the password length is given by pointer. */
export const CK_PKCS5_PBKD2_PARAMS = {
  saltSource: "ulong",
  pSaltSourceData: "pointer",
  ulSaltSourceDataLen: "ulong",
  iterations: "ulong",
  prf: "ulong",
  pPrfData: "pointer",
  ulPrfDataLen: "ulong",
  pPassword: "pointer",
  ulPasswordLen: "pointer",
} as const;

/** Parameter of `CKM_PKCS5_PBKD2` since 2.40. */
export const CK_PKCS5_PBKD2_PARAMS2 = {
  saltSource: "ulong",
  pSaltSourceData: "pointer",
  ulSaltSourceDataLen: "ulong",
  iterations: "ulong",
  prf: "ulong",
  pPrfData: "pointer",
  ulPrfDataLen: "ulong",
  pPassword: "pointer",
  ulPasswordLen: "ulong",
} as const;

/** Parameter of the `CKM_PBE_…` and `CKM_PBA_…` mechanisms. */
export const CK_PBE_PARAMS = {
  pInitVector: "pointer",
  pPassword: "pointer",
  ulPasswordLen: "ulong",
  pSalt: "pointer",
  ulSaltLen: "ulong",
  ulIteration: "ulong",
} as const;

/** Parameter of the `CKM_…_ECB_ENCRYPT_DATA`, concatenation and exclusive-or mechanisms. */
export const CK_KEY_DERIVATION_STRING_DATA = { pData: "pointer", ulLen: "ulong" } as const;

/** Parameter of the counter and double pipeline KDF of SP 800-108. */
export const CK_SP800_108_KDF_PARAMS = {
  prfType: "ulong",
  ulNumberOfDataParams: "ulong",
  pDataParams: "pointer",
  ulAdditionalDerivedKeys: "ulong",
  pAdditionalDerivedKeys: "pointer",
} as const;

/** Parameter of the feedback KDF of SP 800-108. */
export const CK_SP800_108_FEEDBACK_KDF_PARAMS = {
  prfType: "ulong",
  ulNumberOfDataParams: "ulong",
  pDataParams: "pointer",
  ulIVLen: "ulong",
  pIV: "pointer",
  ulAdditionalDerivedKeys: "ulong",
  pAdditionalDerivedKeys: "pointer",
} as const;

/** One part of the input of an SP 800-108 KDF. */
export const CK_PRF_DATA_PARAM = { type: "ulong", pValue: "pointer", ulValueLen: "ulong" } as const;

/** Width and order of an SP 800-108 counter. */
export const CK_SP800_108_COUNTER_FORMAT = { bLittleEndian: "byte", ulWidthInBits: "ulong" } as const;

/** Width and order of the length an SP 800-108 KDF includes. */
export const CK_SP800_108_DKM_LENGTH_FORMAT = {
  dkmLengthMethod: "ulong",
  bLittleEndian: "byte",
  ulWidthInBits: "ulong",
} as const;

/** The two randoms of a TLS handshake. */
export const CK_SSL3_RANDOM_DATA = {
  pClientRandom: "pointer",
  ulClientRandomLen: "ulong",
  pServerRandom: "pointer",
  ulServerRandomLen: "ulong",
} as const;

/** Parameter of the SSL 3 and TLS 1.0 master secret derivation. */
export const CK_SSL3_MASTER_KEY_DERIVE_PARAMS = {
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pVersion: "pointer",
} as const;

/** The keys and IVs a TLS key derivation returns. */
export const CK_SSL3_KEY_MAT_OUT = {
  hClientMacSecret: "ulong",
  hServerMacSecret: "ulong",
  hClientKey: "ulong",
  hServerKey: "ulong",
  pIVClient: "pointer",
  pIVServer: "pointer",
} as const;

/** Parameter of the SSL 3 and TLS 1.0 key derivation. */
export const CK_SSL3_KEY_MAT_PARAMS = {
  ulMacSizeInBits: "ulong",
  ulKeySizeInBits: "ulong",
  ulIVSizeInBits: "ulong",
  bIsExport: "byte",
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pReturnedKeyMaterial: "pointer",
} as const;

/** Parameter of `CKM_TLS_PRF`. */
export const CK_TLS_PRF_PARAMS = {
  pSeed: "pointer",
  ulSeedLen: "ulong",
  pLabel: "pointer",
  ulLabelLen: "ulong",
  pOutput: "pointer",
  pulOutputLen: "pointer",
} as const;

/** Parameter of `CKM_TLS12_MASTER_KEY_DERIVE` and its DH form. */
export const CK_TLS12_MASTER_KEY_DERIVE_PARAMS = {
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pVersion: "pointer",
  prfHashMechanism: "ulong",
} as const;

/** Parameter of `CKM_TLS12_KEY_AND_MAC_DERIVE` and `CKM_TLS12_KEY_SAFE_DERIVE`. */
export const CK_TLS12_KEY_MAT_PARAMS = {
  ulMacSizeInBits: "ulong",
  ulKeySizeInBits: "ulong",
  ulIVSizeInBits: "ulong",
  bIsExport: "byte",
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pReturnedKeyMaterial: "pointer",
  prfHashMechanism: "ulong",
} as const;

/** Parameter of `CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE` and its DH form. */
export const CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS = {
  prfHashMechanism: "ulong",
  pSessionHash: "pointer",
  ulSessionHashLen: "ulong",
  pVersion: "pointer",
} as const;

/** Parameter of `CKM_TLS_KDF` and `CKM_TLS12_KDF`. */
export const CK_TLS_KDF_PARAMS = {
  prfMechanism: "ulong",
  pLabel: "pointer",
  ulLabelLength: "ulong",
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pContextData: "pointer",
  ulContextDataLength: "ulong",
} as const;

/** Parameter of `CKM_TLS_MAC` and `CKM_TLS12_MAC`. */
export const CK_TLS_MAC_PARAMS = {
  prfHashMechanism: "ulong",
  ulMacLength: "ulong",
  ulServerOrClient: "ulong",
} as const;

/** The two randoms of a WTLS handshake. */
export const CK_WTLS_RANDOM_DATA = {
  pClientRandom: "pointer",
  ulClientRandomLen: "ulong",
  pServerRandom: "pointer",
  ulServerRandomLen: "ulong",
} as const;

/** Parameter of the WTLS master secret derivation. */
export const CK_WTLS_MASTER_KEY_DERIVE_PARAMS = {
  DigestMechanism: "ulong",
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pVersion: "pointer",
} as const;

/** Parameter of `CKM_WTLS_PRF`. */
export const CK_WTLS_PRF_PARAMS = {
  DigestMechanism: "ulong",
  pSeed: "pointer",
  ulSeedLen: "ulong",
  pLabel: "pointer",
  ulLabelLen: "ulong",
  pOutput: "pointer",
  pulOutputLen: "pointer",
} as const;

/** The keys and IV a WTLS key derivation returns. */
export const CK_WTLS_KEY_MAT_OUT = { hMacSecret: "ulong", hKey: "ulong", pIV: "pointer" } as const;

/** Parameter of the WTLS key derivation. */
export const CK_WTLS_KEY_MAT_PARAMS = {
  DigestMechanism: "ulong",
  ulMacSizeInBits: "ulong",
  ulKeySizeInBits: "ulong",
  ulIVSizeInBits: "ulong",
  ulSequenceNumber: "ulong",
  bIsExport: "byte",
  "RandomInfo.pClientRandom": "pointer",
  "RandomInfo.ulClientRandomLen": "ulong",
  "RandomInfo.pServerRandom": "pointer",
  "RandomInfo.ulServerRandomLen": "ulong",
  pReturnedKeyMaterial: "pointer",
} as const;

/** Parameter of `CKM_IKE2_PRF_PLUS_DERIVE`. */
export const CK_IKE2_PRF_PLUS_DERIVE_PARAMS = {
  prfMechanism: "ulong",
  bHasSeedKey: "byte",
  hSeedKey: "ulong",
  pSeedData: "pointer",
  ulSeedDataLen: "ulong",
} as const;

/** Parameter of `CKM_IKE_PRF_DERIVE`. */
export const CK_IKE_PRF_DERIVE_PARAMS = {
  prfMechanism: "ulong",
  bDataAsKey: "byte",
  bRekey: "byte",
  pNi: "pointer",
  ulNiLen: "ulong",
  pNr: "pointer",
  ulNrLen: "ulong",
  hNewKey: "ulong",
} as const;

/** Parameter of `CKM_IKE1_PRF_DERIVE`. */
export const CK_IKE1_PRF_DERIVE_PARAMS = {
  prfMechanism: "ulong",
  bHasPrevKey: "byte",
  hKeygxy: "ulong",
  hPrevKey: "ulong",
  pCKYi: "pointer",
  ulCKYiLen: "ulong",
  pCKYr: "pointer",
  ulCKYrLen: "ulong",
  keyNumber: "byte",
} as const;

/** Parameter of `CKM_IKE1_EXTENDED_DERIVE`. */
export const CK_IKE1_EXTENDED_DERIVE_PARAMS = {
  prfMechanism: "ulong",
  bHasKeygxy: "byte",
  hKeygxy: "ulong",
  pExtraData: "pointer",
  ulExtraDataLen: "ulong",
} as const;
