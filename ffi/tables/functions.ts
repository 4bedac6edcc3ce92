/**
 * The functions of Cryptoki as data, in the order of the function lists: each name with the C type and name of every
 * parameter. What they mean is known to ffi/operations/ and to the log of calls, not here.
 */

import { FUNCTIONS_3_0, FUNCTIONS_3_2 } from "./functions_3.ts";

/** The 68 functions of `CK_FUNCTION_LIST`. */
export const FUNCTIONS_2_40 = {
  C_Initialize: ["CK_VOID_PTR pInitArgs"],
  C_Finalize: ["CK_VOID_PTR pReserved"],
  C_GetInfo: ["CK_INFO_PTR pInfo"],
  C_GetFunctionList: ["CK_FUNCTION_LIST_PTR_PTR ppFunctionList"],
  C_GetSlotList: ["CK_BBOOL tokenPresent", "CK_SLOT_ID_PTR pSlotList", "CK_ULONG_PTR pulCount"],
  C_GetSlotInfo: ["CK_SLOT_ID slotID", "CK_SLOT_INFO_PTR pInfo"],
  C_GetTokenInfo: ["CK_SLOT_ID slotID", "CK_TOKEN_INFO_PTR pInfo"],
  C_GetMechanismList: ["CK_SLOT_ID slotID", "CK_MECHANISM_TYPE_PTR pMechanismList", "CK_ULONG_PTR pulCount"],
  C_GetMechanismInfo: ["CK_SLOT_ID slotID", "CK_MECHANISM_TYPE type", "CK_MECHANISM_INFO_PTR pInfo"],
  C_InitToken: ["CK_SLOT_ID slotID", "CK_UTF8CHAR_PTR pPin", "CK_ULONG ulPinLen", "CK_UTF8CHAR_PTR pLabel"],
  C_InitPIN: ["CK_SESSION_HANDLE hSession", "CK_UTF8CHAR_PTR pPin", "CK_ULONG ulPinLen"],
  C_SetPIN: [
    "CK_SESSION_HANDLE hSession",
    "CK_UTF8CHAR_PTR pOldPin",
    "CK_ULONG ulOldLen",
    "CK_UTF8CHAR_PTR pNewPin",
    "CK_ULONG ulNewLen",
  ],
  C_OpenSession: [
    "CK_SLOT_ID slotID",
    "CK_FLAGS flags",
    "CK_VOID_PTR pApplication",
    "CK_NOTIFY Notify",
    "CK_SESSION_HANDLE_PTR phSession",
  ],
  C_CloseSession: ["CK_SESSION_HANDLE hSession"],
  C_CloseAllSessions: ["CK_SLOT_ID slotID"],
  C_GetSessionInfo: ["CK_SESSION_HANDLE hSession", "CK_SESSION_INFO_PTR pInfo"],
  C_GetOperationState: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pOperationState",
    "CK_ULONG_PTR pulOperationStateLen",
  ],
  C_SetOperationState: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pOperationState",
    "CK_ULONG ulOperationStateLen",
    "CK_OBJECT_HANDLE hEncryptionKey",
    "CK_OBJECT_HANDLE hAuthenticationKey",
  ],
  C_Login: ["CK_SESSION_HANDLE hSession", "CK_USER_TYPE userType", "CK_UTF8CHAR_PTR pPin", "CK_ULONG ulPinLen"],
  C_Logout: ["CK_SESSION_HANDLE hSession"],
  C_CreateObject: [
    "CK_SESSION_HANDLE hSession",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulCount",
    "CK_OBJECT_HANDLE_PTR phObject",
  ],
  C_CopyObject: [
    "CK_SESSION_HANDLE hSession",
    "CK_OBJECT_HANDLE hObject",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulCount",
    "CK_OBJECT_HANDLE_PTR phNewObject",
  ],
  C_DestroyObject: ["CK_SESSION_HANDLE hSession", "CK_OBJECT_HANDLE hObject"],
  C_GetObjectSize: ["CK_SESSION_HANDLE hSession", "CK_OBJECT_HANDLE hObject", "CK_ULONG_PTR pulSize"],
  C_GetAttributeValue: [
    "CK_SESSION_HANDLE hSession",
    "CK_OBJECT_HANDLE hObject",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulCount",
  ],
  C_SetAttributeValue: [
    "CK_SESSION_HANDLE hSession",
    "CK_OBJECT_HANDLE hObject",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulCount",
  ],
  C_FindObjectsInit: ["CK_SESSION_HANDLE hSession", "CK_ATTRIBUTE_PTR pTemplate", "CK_ULONG ulCount"],
  C_FindObjects: [
    "CK_SESSION_HANDLE hSession",
    "CK_OBJECT_HANDLE_PTR phObject",
    "CK_ULONG ulMaxObjectCount",
    "CK_ULONG_PTR pulObjectCount",
  ],
  C_FindObjectsFinal: ["CK_SESSION_HANDLE hSession"],
  C_EncryptInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_Encrypt: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pData",
    "CK_ULONG ulDataLen",
    "CK_BYTE_PTR pEncryptedData",
    "CK_ULONG_PTR pulEncryptedDataLen",
  ],
  C_EncryptUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pPart",
    "CK_ULONG ulPartLen",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG_PTR pulEncryptedPartLen",
  ],
  C_EncryptFinal: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pLastEncryptedPart",
    "CK_ULONG_PTR pulLastEncryptedPartLen",
  ],
  C_DecryptInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_Decrypt: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pEncryptedData",
    "CK_ULONG ulEncryptedDataLen",
    "CK_BYTE_PTR pData",
    "CK_ULONG_PTR pulDataLen",
  ],
  C_DecryptUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG ulEncryptedPartLen",
    "CK_BYTE_PTR pPart",
    "CK_ULONG_PTR pulPartLen",
  ],
  C_DecryptFinal: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pLastPart", "CK_ULONG_PTR pulLastPartLen"],
  C_DigestInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism"],
  C_Digest: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pData",
    "CK_ULONG ulDataLen",
    "CK_BYTE_PTR pDigest",
    "CK_ULONG_PTR pulDigestLen",
  ],
  C_DigestUpdate: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pPart", "CK_ULONG ulPartLen"],
  C_DigestKey: ["CK_SESSION_HANDLE hSession", "CK_OBJECT_HANDLE hKey"],
  C_DigestFinal: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pDigest", "CK_ULONG_PTR pulDigestLen"],
  C_SignInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_Sign: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pData",
    "CK_ULONG ulDataLen",
    "CK_BYTE_PTR pSignature",
    "CK_ULONG_PTR pulSignatureLen",
  ],
  C_SignUpdate: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pPart", "CK_ULONG ulPartLen"],
  C_SignFinal: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pSignature", "CK_ULONG_PTR pulSignatureLen"],
  C_SignRecoverInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_SignRecover: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pData",
    "CK_ULONG ulDataLen",
    "CK_BYTE_PTR pSignature",
    "CK_ULONG_PTR pulSignatureLen",
  ],
  C_VerifyInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_Verify: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pData",
    "CK_ULONG ulDataLen",
    "CK_BYTE_PTR pSignature",
    "CK_ULONG ulSignatureLen",
  ],
  C_VerifyUpdate: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pPart", "CK_ULONG ulPartLen"],
  C_VerifyFinal: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pSignature", "CK_ULONG ulSignatureLen"],
  C_VerifyRecoverInit: ["CK_SESSION_HANDLE hSession", "CK_MECHANISM_PTR pMechanism", "CK_OBJECT_HANDLE hKey"],
  C_VerifyRecover: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pSignature",
    "CK_ULONG ulSignatureLen",
    "CK_BYTE_PTR pData",
    "CK_ULONG_PTR pulDataLen",
  ],
  C_DigestEncryptUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pPart",
    "CK_ULONG ulPartLen",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG_PTR pulEncryptedPartLen",
  ],
  C_DecryptDigestUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG ulEncryptedPartLen",
    "CK_BYTE_PTR pPart",
    "CK_ULONG_PTR pulPartLen",
  ],
  C_SignEncryptUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pPart",
    "CK_ULONG ulPartLen",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG_PTR pulEncryptedPartLen",
  ],
  C_DecryptVerifyUpdate: [
    "CK_SESSION_HANDLE hSession",
    "CK_BYTE_PTR pEncryptedPart",
    "CK_ULONG ulEncryptedPartLen",
    "CK_BYTE_PTR pPart",
    "CK_ULONG_PTR pulPartLen",
  ],
  C_GenerateKey: [
    "CK_SESSION_HANDLE hSession",
    "CK_MECHANISM_PTR pMechanism",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulCount",
    "CK_OBJECT_HANDLE_PTR phKey",
  ],
  C_GenerateKeyPair: [
    "CK_SESSION_HANDLE hSession",
    "CK_MECHANISM_PTR pMechanism",
    "CK_ATTRIBUTE_PTR pPublicKeyTemplate",
    "CK_ULONG ulPublicKeyAttributeCount",
    "CK_ATTRIBUTE_PTR pPrivateKeyTemplate",
    "CK_ULONG ulPrivateKeyAttributeCount",
    "CK_OBJECT_HANDLE_PTR phPublicKey",
    "CK_OBJECT_HANDLE_PTR phPrivateKey",
  ],
  C_WrapKey: [
    "CK_SESSION_HANDLE hSession",
    "CK_MECHANISM_PTR pMechanism",
    "CK_OBJECT_HANDLE hWrappingKey",
    "CK_OBJECT_HANDLE hKey",
    "CK_BYTE_PTR pWrappedKey",
    "CK_ULONG_PTR pulWrappedKeyLen",
  ],
  C_UnwrapKey: [
    "CK_SESSION_HANDLE hSession",
    "CK_MECHANISM_PTR pMechanism",
    "CK_OBJECT_HANDLE hUnwrappingKey",
    "CK_BYTE_PTR pWrappedKey",
    "CK_ULONG ulWrappedKeyLen",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulAttributeCount",
    "CK_OBJECT_HANDLE_PTR phKey",
  ],
  C_DeriveKey: [
    "CK_SESSION_HANDLE hSession",
    "CK_MECHANISM_PTR pMechanism",
    "CK_OBJECT_HANDLE hBaseKey",
    "CK_ATTRIBUTE_PTR pTemplate",
    "CK_ULONG ulAttributeCount",
    "CK_OBJECT_HANDLE_PTR phKey",
  ],
  C_SeedRandom: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR pSeed", "CK_ULONG ulSeedLen"],
  C_GenerateRandom: ["CK_SESSION_HANDLE hSession", "CK_BYTE_PTR RandomData", "CK_ULONG ulRandomLen"],
  C_GetFunctionStatus: ["CK_SESSION_HANDLE hSession"],
  C_CancelFunction: ["CK_SESSION_HANDLE hSession"],
  C_WaitForSlotEvent: ["CK_FLAGS flags", "CK_SLOT_ID_PTR pSlot", "CK_VOID_PTR pReserved"],
} as const;

/** Every function, in the order of `CK_FUNCTION_LIST_3_2`. */
export const FUNCTIONS: typeof FUNCTIONS_2_40 & typeof FUNCTIONS_3_0 & typeof FUNCTIONS_3_2 = {
  ...FUNCTIONS_2_40,
  ...FUNCTIONS_3_0,
  ...FUNCTIONS_3_2,
};

export { FUNCTIONS_3_0, FUNCTIONS_3_2 };

/** The C name of a function of Cryptoki. */
export type FunctionName = keyof typeof FUNCTIONS;

/** All names, in the order of the function list. */
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[];

/** How many entries of the list a module of this version has. */
export function functionCount(version: { readonly major: number; readonly minor: number }): number {
  if (version.major < 3) return 68;
  return version.major > 3 || version.minor >= 2 ? 104 : 92;
}
