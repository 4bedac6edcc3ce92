/** The structures that mechanisms take as parameters, as pkcs11js has them. */
import type { Handle } from "./types.ts";

/** A parameter that is a structure. */
export interface IParams {
  /** A `CK_PARAMS_` number. */
  type: number;
}

/** `CK_ECDH1_DERIVE_PARAMS`, with the type `CK_PARAMS_EC_DH`. */
export interface ECDH1 extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  sharedData?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
}

/** `CK_AES_CBC_ENCRYPT_DATA_PARAMS`, with the type `CK_PARAMS_AES_CBC`. */
export interface AesCBC extends IParams {
  /** The initialisation vector. */
  iv: Uint8Array;
  /** The data that the key is made of. */
  data?: Uint8Array | undefined;
}

/** `CK_CCM_PARAMS`, with the type `CK_PARAMS_AES_CCM`. */
export interface AesCCM extends IParams {
  /** Bytes of the data. */
  dataLen?: number | undefined;
  /** Bytes of the data; another name of `dataLen`. */
  dataLength?: number | undefined;
  /** The nonce. */
  nonce?: Uint8Array | undefined;
  /** Additional data that is authenticated. */
  aad?: Uint8Array | undefined;
  /** Bytes of the tag. */
  macLen?: number | undefined;
  /** Bytes of the tag; another name of `macLen`. */
  macLength?: number | undefined;
}

/** `CK_GCM_PARAMS`, with the type `CK_PARAMS_AES_GCM` and `CK_PARAMS_AES_GCM_v240`. */
export interface AesGCM extends IParams {
  /** The initialisation vector. */
  iv?: Uint8Array | undefined;
  /** Additional data that is authenticated. */
  aad?: Uint8Array | undefined;
  /** Bits of the vector. */
  ivBits?: number | undefined;
  /** Bits of the tag. */
  tagBits?: number | undefined;
}

/** `CK_RSA_PKCS_OAEP_PARAMS`, with the type `CK_PARAMS_RSA_OAEP`. */
export interface RsaOAEP extends IParams {
  /** The digest, a `CKM_` number. */
  hashAlg: number;
  /** A `CKG_` number. */
  mgf: number;
  /** Where the label comes from: 1, in `sourceData`. */
  source: number;
  /** The label. */
  sourceData?: Uint8Array | undefined;
}

/** `CK_RSA_PKCS_PSS_PARAMS`, with the type `CK_PARAMS_RSA_PSS`. */
export interface RsaPSS extends IParams {
  /** The digest, a `CKM_` number. */
  hashAlg: number;
  /** A `CKG_` number. */
  mgf: number;
  /** Bytes of the salt. */
  saltLen: number;
}

/** `CK_ECDH2_DERIVE_PARAMS`, with the type `CK_PARAMS_ECDH2_DERIVE`. */
export interface Ecdh2Derive extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  sharedData?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** Bytes of the second private key. */
  privateDataLen: number;
  /** The second private key. */
  privateData: Handle;
  /** The other side's second public key. */
  publicData2?: Uint8Array | undefined;
}

/** `CK_ECMQV_DERIVE_PARAMS`, with the type `CK_PARAMS_ECMQV_DERIVE`. */
export interface EcmqvDerive extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  sharedData?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** Bytes of the second private key. */
  privateDataLen: number;
  /** The second private key. */
  privateData: Handle;
  /** The other side's second public key. */
  publicData2?: Uint8Array | undefined;
  /** The second public key. */
  publicKey?: Handle | undefined;
}

/** `CK_X9_42_DH1_DERIVE_PARAMS`, with the type `CK_PARAMS_X9_42_DH1_DERIVE`. */
export interface X942DH1Derive extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  otherInfo?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
}

/** `CK_X9_42_DH2_DERIVE_PARAMS`, with the type `CK_PARAMS_X9_42_DH2_DERIVE`. */
export interface X942DH2Derive extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  otherInfo?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** Bytes of the second private key. */
  privateDataLen: number;
  /** The second private key. */
  privateData: Handle;
  /** The other side's second public key. */
  publicData2?: Uint8Array | undefined;
}

/** `CK_X9_42_MQV_DERIVE_PARAMS`, with the type `CK_PARAMS_X9_42_MQV_DERIVE`. */
export interface X942MQvDeriveParams extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** Data both sides share. */
  otherInfo?: Uint8Array | undefined;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** Bytes of the second private key. */
  privateDataLen: number;
  /** The second private key. */
  privateData: Handle;
  /** The other side's second public key. */
  publicData2?: Uint8Array | undefined;
  /** The second public key. */
  publicKey: Handle;
}

/** `CK_KEA_DERIVE_PARAMS`, with the type `CK_PARAMS_KEA_DERIVE`. */
export interface KeaDeriveParams extends IParams {
  /** Whether this side sends. */
  isSender?: boolean | undefined;
  /** The sender's random bytes. */
  randomA: Uint8Array;
  /** The receiver's random bytes. */
  randomB: Uint8Array;
  /** The other side's public key. */
  publicData: Uint8Array;
}

/** `CK_RC2_CBC_PARAMS`, with the type `CK_PARAMS_RC2_CBC`. */
export interface RC2CBCParams extends IParams {
  /** Effective bits of the key. */
  effectiveBits: number;
  /** The initialisation vector. */
  iv: Uint8Array;
}

/** `CK_RC2_MAC_GENERAL_PARAMS`, with the type `CK_PARAMS_RC2_MAC_GENERAL`. */
export interface RC2MACGeneralParams extends IParams {
  /** Effective bits of the key. */
  effectiveBits: number;
  /** Bytes of the tag; another name of `macLen`. */
  macLength: number;
}

/** `CK_RC5_PARAMS`, with the type `CK_PARAMS_RC5`. */
export interface RC5Params extends IParams {
  /** Bytes of a word. */
  wordSize: number;
  /** Rounds. */
  rounds: number;
}

/** `CK_RC5_CBC_PARAMS`, with the type `CK_PARAMS_RC5_CBC`. */
export interface RC5CBCParams extends IParams {
  /** Bytes of a word. */
  wordSize: number;
  /** Rounds. */
  rounds: number;
  /** The initialisation vector. */
  iv: Uint8Array;
}

/** `CK_RC5_MAC_GENERAL_PARAMS`, with the type `CK_PARAMS_RC5_MAC_GENERAL`. */
export interface RC5MACGeneralParams extends IParams {
  /** Bytes of a word. */
  wordSize: number;
  /** Rounds. */
  rounds: number;
  /** Bytes of the tag; another name of `macLen`. */
  macLength: number;
}

/** `CK_DES_CBC_ENCRYPT_DATA_PARAMS`, with the type `CK_PARAMS_DES_CBC_ENCRYPT_DATA`. */
export interface DesCbcEncryptDataParams extends IParams {
  /** The initialisation vector. */
  iv: Uint8Array;
  /** The data that the key is made of. */
  data?: Uint8Array | undefined;
}

/** `CK_SKIPJACK_PRIVATE_WRAP_PARAMS`, with the type `CK_PARAMS_SKIPJACK_PRIVATE_WRAP`. */
export interface SkipjackPrivateWrapParams extends IParams {
  /** The password. */
  password: Uint8Array;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** The prime. */
  primeP: Uint8Array;
  /** The base. */
  baseG: Uint8Array;
  /** The subprime. */
  subprimeQ: Uint8Array;
  /** The sender's random bytes. */
  randomA: Uint8Array;
}

/** `CK_SKIPJACK_RELAYX_PARAMS`, with the type `CK_PARAMS_SKIPJACK_RELAYX`. */
export interface SkipjackRelayXParams extends IParams {
  /** The old wrapped key. */
  oldWrappedX: Uint8Array;
  /** The old password. */
  oldPassword: Uint8Array;
  /** The old public key. */
  oldPublicData: Uint8Array;
  /** The old random bytes. */
  oldRandomA: Uint8Array;
  /** The new password. */
  newPassword: Uint8Array;
  /** The new public key. */
  newPublicData: Uint8Array;
  /** The new random bytes. */
  newRandomA: Uint8Array;
}

/** `CK_PBE_PARAMS`, with the type `CK_PARAMS_PBE`. */
export interface PbeParams extends IParams {
  /** Receives the initialisation vector. */
  initVector: Uint8Array;
  /** The password. */
  password: Uint8Array;
  /** The salt. */
  salt: Uint8Array;
  /** Iterations. */
  iteration: number;
}

/** `CK_KEY_WRAP_SET_OAEP_PARAMS`, with the type `CK_PARAMS_KEY_WRAP_SET_OAEP`. */
export interface KeyWrapSetOaepParams extends IParams {
  /** The block contents byte. */
  bc?: number | undefined;
  /** The concatenation of hash and extra data. */
  x?: Uint8Array | undefined;
}

/** `CK_GCM_PARAMS`, with the type `CK_PARAMS_GCM`. */
export interface GcmParams extends IParams {
  /** The initialisation vector. */
  iv: Uint8Array;
  /** Bits of the vector. */
  ivBits: number;
  /** Additional data that is authenticated. */
  aad?: Uint8Array | undefined;
  /** Bits of the tag. */
  tagBits?: number | undefined;
}

/** `CK_CCM_PARAMS`, with the type `CK_PARAMS_CCM`. */
export interface CcmParams extends IParams {
  /** Bytes of the data. */
  dataLen?: number | undefined;
  /** Bytes of the data; another name of `dataLen`. */
  dataLength?: number | undefined;
  /** The nonce. */
  nonce?: Uint8Array | undefined;
  /** Additional data that is authenticated. */
  aad?: Uint8Array | undefined;
  /** Bytes of the tag. */
  macLen?: number | undefined;
  /** Bytes of the tag; another name of `macLen`. */
  macLength?: number | undefined;
}

/** `CK_GOSTR3410_DERIVE_PARAMS`, with the type `CK_PARAM_GOSTR3410_DERIVE`. */
export interface GostR3410DeriveParams extends IParams {
  /** A `CKD_` number. */
  kdf: number;
  /** The other side's public key. */
  publicData: Uint8Array;
  /** User key material. */
  ukm?: Uint8Array | undefined;
}

/** `CK_GOSTR3410_KEY_WRAP_PARAMS`, with the type `CK_PARAM_GOSTR3410_KEY_WRAP`. */
export interface GostR3410KeyWrapParams extends IParams {
  /** The object identifier of the wrapping parameters. */
  wrapOID: Uint8Array;
  /** User key material. */
  ukm?: Uint8Array | undefined;
  /** The key to wrap with. */
  key: Handle;
}
