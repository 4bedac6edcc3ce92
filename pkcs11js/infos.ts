/** What modules, slots, tokens, mechanisms and sessions tell, in the words of pkcs11js. */
import { decodeUtf8 } from "../ffi/memory/inputs.ts";
import type { StructValues } from "../ffi/operations/modules.ts";
import type {
  CK_INFO,
  CK_MECHANISM_INFO,
  CK_SESSION_INFO,
  CK_SLOT_INFO,
  CK_TOKEN_INFO,
} from "../ffi/memory/structs_infos.ts";
import type { MechanismInfo, ModuleInfo, SessionInfo, SlotInfo, TokenInfo } from "./types.ts";
import { handleBuffer, ulongOut } from "./values.ts";

/** What C_GetInfo tells. */
export function moduleInfoOf(info: StructValues<typeof CK_INFO>): ModuleInfo {
  return {
    cryptokiVersion: info.cryptokiVersion,
    manufacturerID: decodeUtf8(info.manufacturerID),
    flags: ulongOut(info.flags),
    libraryDescription: decodeUtf8(info.libraryDescription),
    libraryVersion: info.libraryVersion,
  };
}

/** What C_GetSlotInfo tells. */
export function slotInfoOf(info: StructValues<typeof CK_SLOT_INFO>): SlotInfo {
  return {
    slotDescription: decodeUtf8(info.slotDescription),
    manufacturerID: decodeUtf8(info.manufacturerID),
    flags: ulongOut(info.flags),
    hardwareVersion: info.hardwareVersion,
    firmwareVersion: info.firmwareVersion,
  };
}

/** What C_GetTokenInfo tells. */
export function tokenInfoOf(info: StructValues<typeof CK_TOKEN_INFO>): TokenInfo {
  return {
    label: decodeUtf8(info.label),
    manufacturerID: decodeUtf8(info.manufacturerID),
    model: decodeUtf8(info.model),
    serialNumber: decodeUtf8(info.serialNumber),
    flags: ulongOut(info.flags),
    maxSessionCount: ulongOut(info.ulMaxSessionCount),
    sessionCount: ulongOut(info.ulSessionCount),
    maxRwSessionCount: ulongOut(info.ulMaxRwSessionCount),
    rwSessionCount: ulongOut(info.ulRwSessionCount),
    maxPinLen: ulongOut(info.ulMaxPinLen),
    minPinLen: ulongOut(info.ulMinPinLen),
    hardwareVersion: info.hardwareVersion,
    firmwareVersion: info.firmwareVersion,
    utcTime: decodeUtf8(info.utcTime),
    totalPublicMemory: BigInt(info.ulTotalPublicMemory),
    freePublicMemory: BigInt(info.ulFreePublicMemory),
    totalPrivateMemory: BigInt(info.ulTotalPrivateMemory),
    freePrivateMemory: BigInt(info.ulFreePrivateMemory),
  };
}

/** What C_GetMechanismInfo tells. */
export function mechanismInfoOf(info: StructValues<typeof CK_MECHANISM_INFO>): MechanismInfo {
  return {
    minKeySize: ulongOut(info.ulMinKeySize),
    maxKeySize: ulongOut(info.ulMaxKeySize),
    flags: ulongOut(info.flags),
  };
}

/** What C_GetSessionInfo tells. */
export function sessionInfoOf(info: StructValues<typeof CK_SESSION_INFO>, ulong: 4 | 8): SessionInfo {
  return {
    slotID: handleBuffer(BigInt(info.slotID), ulong),
    state: ulongOut(info.state),
    flags: ulongOut(info.flags),
    deviceError: ulongOut(info.ulDeviceError),
  };
}
