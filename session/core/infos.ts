/** What modules, slots, tokens, mechanisms and sessions tell about themselves. */
import { CKF } from "../../ffi/constants/mod.ts";
import { decodeUtf8 } from "../../ffi/memory/inputs.ts";
import type { StructValues } from "../../ffi/operations/modules.ts";
import type { Version } from "../../ffi/memory/structs.ts";
import type {
  CK_INFO,
  CK_MECHANISM_INFO,
  CK_SESSION_INFO,
  CK_SLOT_INFO,
  CK_TOKEN_INFO,
} from "../../ffi/memory/structs_infos.ts";

export type { Version };

/** What C_GetInfo tells. */
export interface ModuleInfo {
  /** Who made the module. */
  readonly manufacturerId: string;
  /** What it is. */
  readonly libraryDescription: string;
  /** Its own version. */
  readonly libraryVersion: Version;
  /** The version of Cryptoki it states. */
  readonly cryptokiVersion: Version;
  /** Always 0 up to PKCS#11 3.2. */
  readonly flags: number | bigint;
}

/** What C_GetSlotInfo tells. */
export interface SlotInfo {
  /** What the slot is. */
  readonly slotDescription: string;
  /** Who made it. */
  readonly manufacturerId: string;
  /** CKF_TOKEN_PRESENT, CKF_REMOVABLE_DEVICE, CKF_HW_SLOT. */
  readonly flags: number | bigint;
  /** Version of the hardware. */
  readonly hardwareVersion: Version;
  /** Version of the firmware. */
  readonly firmwareVersion: Version;
}

/**
 * What C_GetTokenInfo tells. A size or count the token does not tell is `undefined`. Texts are without the blanks that fill
 * their fields; a token that fills with NULs has them in its texts, as it has in its URIs.
 */
export interface TokenInfo {
  /** The label given when the token was initialised. */
  readonly label: string;
  /** Who made the token. */
  readonly manufacturerId: string;
  /** Its model. */
  readonly model: string;
  /** Its serial number. */
  readonly serialNumber: string;
  /** CKF_ bits of a token. */
  readonly flags: number | bigint;
  /** Sessions one program may open; `Infinity` where there is no limit. */
  readonly maxSessionCount: number | bigint | undefined;
  /** Sessions open now. */
  readonly sessionCount: number | bigint | undefined;
  /** Read-write sessions one program may open; `Infinity` where there is no limit. */
  readonly maxRwSessionCount: number | bigint | undefined;
  /** Read-write sessions open now. */
  readonly rwSessionCount: number | bigint | undefined;
  /** Most bytes of a PIN. */
  readonly maxPinLen: number | bigint | undefined;
  /** Fewest bytes of a PIN. */
  readonly minPinLen: number | bigint | undefined;
  /** Bytes for public objects. */
  readonly totalPublicMemory: number | bigint | undefined;
  /** Bytes left for public objects. */
  readonly freePublicMemory: number | bigint | undefined;
  /** Bytes for private objects. */
  readonly totalPrivateMemory: number | bigint | undefined;
  /** Bytes left for private objects. */
  readonly freePrivateMemory: number | bigint | undefined;
  /** Version of the hardware. */
  readonly hardwareVersion: Version;
  /** Version of the firmware. */
  readonly firmwareVersion: Version;
  /** The token's clock, `YYYYMMDDhhmmss00`; `undefined` without CKF.CLOCK_ON_TOKEN. */
  readonly utcTime: string | undefined;
}

/** What C_GetMechanismInfo tells. */
export interface MechanismInfo {
  /** Smallest key, in the unit of the mechanism. */
  readonly minKeySize: number | bigint;
  /** Largest key, in the unit of the mechanism. */
  readonly maxKeySize: number | bigint;
  /** CKF_ bits: what it can be used for. */
  readonly flags: number | bigint;
}

/** What C_GetSessionInfo tells (`GP11SessionInfo`). */
export interface SessionInfo {
  /** The slot. */
  readonly slotId: bigint;
  /** A CKS number: public, user or security officer; read-only or read-write. */
  readonly state: number;
  /** CKF_RW_SESSION and CKF_SERIAL_SESSION. */
  readonly flags: number | bigint;
  /** An error code of the device; 0 when there is none. */
  readonly deviceError: number | bigint;
}

/** The type of a mechanism, a CKM number. */
export type MechanismType = number;

const BLANK = 0x20;
const UNAVAILABLE = new Set<number | bigint>([0xffff_ffff_ffff_ffffn, 0xffff_ffff]);

/**
 * Text of a field, without the blanks it is padded with. Some tokens pad with NULs: these are part of the text, as
 * libp11-kit has it, so that a URI made of it is the one others know. A field that begins with one says nothing.
 */
function text(bytes: Uint8Array): string {
  if (bytes[0] === 0) return "";
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === BLANK) end--;
  return decodeUtf8(bytes.subarray(0, end));
}

/** A text as people know it: without the NULs that some tokens pad with. */
export function withoutNuls(field: string): string {
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end).trimEnd();
}

function available(value: number | bigint, ulong: 4 | 8): number | bigint | undefined {
  return UNAVAILABLE.has(value) && (typeof value === "bigint" || ulong === 4) ? undefined : value;
}

function limit(value: number | bigint, ulong: 4 | 8): number | bigint | undefined {
  return value === 0 ? Infinity : available(value, ulong);
}

/** Reads CK_INFO. */
export function moduleInfoOf(values: StructValues<typeof CK_INFO>): ModuleInfo {
  return {
    manufacturerId: text(values.manufacturerID),
    libraryDescription: text(values.libraryDescription),
    libraryVersion: values.libraryVersion,
    cryptokiVersion: values.cryptokiVersion,
    flags: values.flags,
  };
}

/** Reads CK_SLOT_INFO. */
export function slotInfoOf(values: StructValues<typeof CK_SLOT_INFO>): SlotInfo {
  return {
    slotDescription: text(values.slotDescription),
    manufacturerId: text(values.manufacturerID),
    flags: values.flags,
    hardwareVersion: values.hardwareVersion,
    firmwareVersion: values.firmwareVersion,
  };
}

/** Reads CK_TOKEN_INFO. */
export function tokenInfoOf(values: StructValues<typeof CK_TOKEN_INFO>, ulong: 4 | 8): TokenInfo {
  return {
    label: text(values.label),
    manufacturerId: text(values.manufacturerID),
    model: text(values.model),
    serialNumber: text(values.serialNumber),
    flags: values.flags,
    maxSessionCount: limit(values.ulMaxSessionCount, ulong),
    sessionCount: available(values.ulSessionCount, ulong),
    maxRwSessionCount: limit(values.ulMaxRwSessionCount, ulong),
    rwSessionCount: available(values.ulRwSessionCount, ulong),
    maxPinLen: available(values.ulMaxPinLen, ulong),
    minPinLen: available(values.ulMinPinLen, ulong),
    totalPublicMemory: available(values.ulTotalPublicMemory, ulong),
    freePublicMemory: available(values.ulFreePublicMemory, ulong),
    totalPrivateMemory: available(values.ulTotalPrivateMemory, ulong),
    freePrivateMemory: available(values.ulFreePrivateMemory, ulong),
    hardwareVersion: values.hardwareVersion,
    firmwareVersion: values.firmwareVersion,
    utcTime: Number(BigInt(values.flags) & 0xffff_ffffn) & CKF.CLOCK_ON_TOKEN
      ? withoutNuls(text(values.utcTime))
      : undefined,
  };
}

/** Reads CK_MECHANISM_INFO. */
export function mechanismInfoOf(values: StructValues<typeof CK_MECHANISM_INFO>): MechanismInfo {
  return { minKeySize: values.ulMinKeySize, maxKeySize: values.ulMaxKeySize, flags: values.flags };
}

/** Reads CK_SESSION_INFO. */
export function sessionInfoOf(values: StructValues<typeof CK_SESSION_INFO>): SessionInfo {
  return {
    slotId: BigInt(values.slotID),
    state: Number(values.state),
    flags: values.flags,
    deviceError: values.ulDeviceError,
  };
}
