/** Parameter structures of signature, encryption and agreement mechanisms, as data for structs.ts. */

/** Parameter of `CKM_RSA_PKCS_PSS` and the `CKM_…_RSA_PKCS_PSS` mechanisms. */
export const CK_RSA_PKCS_PSS_PARAMS = { hashAlg: "ulong", mgf: "ulong", sLen: "ulong" } as const;

/** Parameter of `CKM_RSA_PKCS_OAEP`. */
export const CK_RSA_PKCS_OAEP_PARAMS = {
  hashAlg: "ulong",
  mgf: "ulong",
  source: "ulong",
  pSourceData: "pointer",
  ulSourceDataLen: "ulong",
} as const;

/** Parameter of `CKM_RSA_AES_KEY_WRAP`. */
export const CK_RSA_AES_KEY_WRAP_PARAMS = { ulAESKeyBits: "ulong", pOAEPParams: "pointer" } as const;

/** Parameter of `CKM_ECDH1_DERIVE` and `CKM_ECDH1_COFACTOR_DERIVE`. */
export const CK_ECDH1_DERIVE_PARAMS = {
  kdf: "ulong",
  ulSharedDataLen: "ulong",
  pSharedData: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
} as const;

/** Parameter of the two-key-pair form of ECDH. */
export const CK_ECDH2_DERIVE_PARAMS = {
  kdf: "ulong",
  ulSharedDataLen: "ulong",
  pSharedData: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
  ulPrivateDataLen: "ulong",
  hPrivateData: "ulong",
  ulPublicDataLen2: "ulong",
  pPublicData2: "pointer",
} as const;

/** Parameter of `CKM_ECMQV_DERIVE`. */
export const CK_ECMQV_DERIVE_PARAMS = {
  kdf: "ulong",
  ulSharedDataLen: "ulong",
  pSharedData: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
  ulPrivateDataLen: "ulong",
  hPrivateData: "ulong",
  ulPublicDataLen2: "ulong",
  pPublicData2: "pointer",
  publicKey: "ulong",
} as const;

/** Parameter of `CKM_ECDH_AES_KEY_WRAP` and its X and cofactor forms. */
export const CK_ECDH_AES_KEY_WRAP_PARAMS = {
  ulAESKeyBits: "ulong",
  kdf: "ulong",
  ulSharedDataLen: "ulong",
  pSharedData: "pointer",
} as const;

/** Parameter of `CKM_EDDSA`. */
export const CK_EDDSA_PARAMS = { phFlag: "byte", ulContextDataLen: "ulong", pContextData: "pointer" } as const;

/** Parameter of `CKM_XEDDSA`. */
export const CK_XEDDSA_PARAMS = { hash: "ulong" } as const;

/** Parameter of `CKM_ML_DSA`, `CKM_SLH_DSA` and their forms with a digest in the name. */
export const CK_SIGN_ADDITIONAL_CONTEXT = {
  hedgeVariant: "ulong",
  pContext: "pointer",
  ulContextLen: "ulong",
} as const;

/** Parameter of `CKM_HASH_ML_DSA` and `CKM_HASH_SLH_DSA`. */
export const CK_HASH_SIGN_ADDITIONAL_CONTEXT = {
  hedgeVariant: "ulong",
  pContext: "pointer",
  ulContextLen: "ulong",
  hash: "ulong",
} as const;

/** Parameter of `CKM_X9_42_DH_DERIVE`. */
export const CK_X9_42_DH1_DERIVE_PARAMS = {
  kdf: "ulong",
  ulOtherInfoLen: "ulong",
  pOtherInfo: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
} as const;

/** Parameter of `CKM_X9_42_DH_HYBRID_DERIVE`. */
export const CK_X9_42_DH2_DERIVE_PARAMS = {
  kdf: "ulong",
  ulOtherInfoLen: "ulong",
  pOtherInfo: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
  ulPrivateDataLen: "ulong",
  hPrivateData: "ulong",
  ulPublicDataLen2: "ulong",
  pPublicData2: "pointer",
} as const;

/** Parameter of `CKM_X9_42_MQV_DERIVE`. */
export const CK_X9_42_MQV_DERIVE_PARAMS = {
  kdf: "ulong",
  ulOtherInfoLen: "ulong",
  pOtherInfo: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
  ulPrivateDataLen: "ulong",
  hPrivateData: "ulong",
  ulPublicDataLen2: "ulong",
  pPublicData2: "pointer",
  publicKey: "ulong",
} as const;

/** Parameter of `CKM_KEA_DERIVE`. */
export const CK_KEA_DERIVE_PARAMS = {
  isSender: "byte",
  ulRandomLen: "ulong",
  pRandomA: "pointer",
  pRandomB: "pointer",
  ulPublicDataLen: "ulong",
  pPublicData: "pointer",
} as const;

/** Parameter of the DSA domain parameter generation mechanisms. */
export const CK_DSA_PARAMETER_GEN_PARAM = {
  hash: "ulong",
  pSeed: "pointer",
  ulSeedLen: "ulong",
  ulIndex: "ulong",
} as const;

/** Parameter of `CKM_GOSTR3410_DERIVE`. */
export const CK_GOSTR3410_DERIVE_PARAMS = {
  kdf: "ulong",
  pPublicData: "pointer",
  ulPublicDataLen: "ulong",
  pUKM: "pointer",
  ulUKMLen: "ulong",
} as const;

/** Parameter of `CKM_GOSTR3410_KEY_WRAP`. */
export const CK_GOSTR3410_KEY_WRAP_PARAMS = {
  pWrapOID: "pointer",
  ulWrapOIDLen: "ulong",
  pUKM: "pointer",
  ulUKMLen: "ulong",
  hKey: "ulong",
} as const;

/** Parameter of `CKM_X3DH_INITIALIZE`. */
export const CK_X3DH_INITIATE_PARAMS = {
  kdf: "ulong",
  pPeer_identity: "ulong",
  pPeer_prekey: "ulong",
  pPrekey_signature: "pointer",
  pOnetime_key: "pointer",
  pOwn_identity: "ulong",
  pOwn_ephemeral: "ulong",
} as const;

/** Parameter of `CKM_X3DH_RESPOND`. */
export const CK_X3DH_RESPOND_PARAMS = {
  kdf: "ulong",
  pIdentity_id: "pointer",
  pPrekey_id: "pointer",
  pOnetime_id: "pointer",
  pInitiator_identity: "ulong",
  pInitiator_ephemeral: "pointer",
} as const;

/** Parameter of `CKM_X2RATCHET_INITIALIZE`. */
export const CK_X2RATCHET_INITIALIZE_PARAMS = {
  sk: "pointer",
  peer_public_prekey: "ulong",
  peer_public_identity: "ulong",
  own_public_identity: "ulong",
  bEncryptedHeader: "byte",
  eCurve: "ulong",
  aeadMechanism: "ulong",
  kdfMechanism: "ulong",
} as const;

/** Parameter of `CKM_X2RATCHET_RESPOND`. */
export const CK_X2RATCHET_RESPOND_PARAMS = {
  sk: "pointer",
  own_prekey: "ulong",
  initiator_identity: "ulong",
  own_public_identity: "ulong",
  bEncryptedHeader: "byte",
  eCurve: "ulong",
  aeadMechanism: "ulong",
  kdfMechanism: "ulong",
} as const;
