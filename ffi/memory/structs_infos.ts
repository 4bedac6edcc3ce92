/** The structures every module fills or reads, as data for structs.ts. */

/** What `C_GetInfo` fills. */
export const CK_INFO = {
  cryptokiVersion: "version",
  manufacturerID: 32,
  flags: "ulong",
  libraryDescription: 32,
  libraryVersion: "version",
} as const;

/** What `C_GetSlotInfo` fills. */
export const CK_SLOT_INFO = {
  slotDescription: 64,
  manufacturerID: 32,
  flags: "ulong",
  hardwareVersion: "version",
  firmwareVersion: "version",
} as const;

/** What `C_GetTokenInfo` fills. */
export const CK_TOKEN_INFO = {
  label: 32,
  manufacturerID: 32,
  model: 16,
  serialNumber: 16,
  flags: "ulong",
  ulMaxSessionCount: "ulong",
  ulSessionCount: "ulong",
  ulMaxRwSessionCount: "ulong",
  ulRwSessionCount: "ulong",
  ulMaxPinLen: "ulong",
  ulMinPinLen: "ulong",
  ulTotalPublicMemory: "ulong",
  ulFreePublicMemory: "ulong",
  ulTotalPrivateMemory: "ulong",
  ulFreePrivateMemory: "ulong",
  hardwareVersion: "version",
  firmwareVersion: "version",
  utcTime: 16,
} as const;

/** What `C_GetSessionInfo` fills. */
export const CK_SESSION_INFO = { slotID: "ulong", state: "ulong", flags: "ulong", ulDeviceError: "ulong" } as const;

/** What `C_GetMechanismInfo` fills. */
export const CK_MECHANISM_INFO = { ulMinKeySize: "ulong", ulMaxKeySize: "ulong", flags: "ulong" } as const;

/** One attribute of a template. */
export const CK_ATTRIBUTE = { type: "ulong", pValue: "pointer", ulValueLen: "ulong" } as const;

/** A mechanism type and its parameter. */
export const CK_MECHANISM = { mechanism: "ulong", pParameter: "pointer", ulParameterLen: "ulong" } as const;

/** What `C_GetInterface` and `C_GetInterfaceList` give. */
export const CK_INTERFACE = { pInterfaceName: "pointer", pFunctionList: "pointer", flags: "ulong" } as const;

/** The argument of `C_Initialize`. */
export const CK_C_INITIALIZE_ARGS = {
  CreateMutex: "pointer",
  DestroyMutex: "pointer",
  LockMutex: "pointer",
  UnlockMutex: "pointer",
  flags: "ulong",
  pReserved: "pointer",
} as const;

/** The argument of `C_Initialize` as NSS softokn takes it: one member more, which carries its parameter string. */
export const CK_C_INITIALIZE_ARGS_NSS = {
  CreateMutex: "pointer",
  DestroyMutex: "pointer",
  LockMutex: "pointer",
  UnlockMutex: "pointer",
  flags: "ulong",
  LibraryParameters: "pointer",
  pReserved: "pointer",
} as const;

/** The result of `C_AsyncComplete`. */
export const CK_ASYNC_DATA = {
  ulVersion: "ulong",
  pValue: "pointer",
  ulValue: "ulong",
  hObject: "ulong",
  hAdditionalObject: "ulong",
} as const;

/** An additional key of the SP 800-108 mechanisms. */
export const CK_DERIVED_KEY = { pTemplate: "pointer", ulAttributeCount: "ulong", phKey: "pointer" } as const;
