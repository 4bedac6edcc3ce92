/** What modules, slots, tokens, mechanisms and sessions tell about themselves. */
import { CKF, ckfNames, type CKS, cksName, type FlagsKind } from "../../ffi/constants/mod.ts";
import { membersAsFacts, type Portrait, shownAs } from "../../internal/inspection.ts";
import { paddedText, type Version, withoutNuls } from "../../ffi/memory/structs.ts";
import type { StructValues } from "../../ffi/operations/modules.ts";
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
  readonly flags: number;
}

/** What C_GetSlotInfo tells. */
export interface SlotInfo {
  /** What the slot is. */
  readonly slotDescription: string;
  /** Who made it. */
  readonly manufacturerId: string;
  /** CKF_TOKEN_PRESENT, CKF_REMOVABLE_DEVICE, CKF_HW_SLOT. */
  readonly flags: number;
  /** Version of the hardware. */
  readonly hardwareVersion: Version;
  /** Version of the firmware. */
  readonly firmwareVersion: Version;
}

/**
 * What C_GetTokenInfo tells. A size or count the token does not tell, or that is above 2^53, is
 * `undefined`. Texts are without the blanks that fill
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
  readonly flags: number;
  /** Sessions one program may open; `Infinity` where there is no limit. */
  readonly maxSessionCount: number | undefined;
  /** Sessions open now. */
  readonly sessionCount: number | undefined;
  /** Read-write sessions one program may open; `Infinity` where there is no limit. */
  readonly maxRwSessionCount: number | undefined;
  /** Read-write sessions open now. */
  readonly rwSessionCount: number | undefined;
  /** Most bytes of a PIN. */
  readonly maxPinLen: number | undefined;
  /** Fewest bytes of a PIN. */
  readonly minPinLen: number | undefined;
  /** Bytes for public objects. */
  readonly totalPublicMemory: number | undefined;
  /** Bytes left for public objects. */
  readonly freePublicMemory: number | undefined;
  /** Bytes for private objects. */
  readonly totalPrivateMemory: number | undefined;
  /** Bytes left for private objects. */
  readonly freePrivateMemory: number | undefined;
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
  readonly minKeySize: number;
  /** Largest key, in the unit of the mechanism; `Infinity` above 2^53. */
  readonly maxKeySize: number;
  /** CKF_ bits: what it can be used for. */
  readonly flags: number;
}

/** What C_GetSessionInfo tells about a PKCS#11 session (`GP11SessionInfo`). */
export interface SessionInfo {
  /** The slot. */
  readonly slotId: bigint;
  /** A CKS number: public, user or security officer; read-only or read-write. */
  readonly state: CKS;
  /** CKF_RW_SESSION and CKF_SERIAL_SESSION. */
  readonly flags: number;
  /** An error code of the device; 0 when there is none, `undefined` above 2^53. */
  readonly deviceError: number | undefined;
}

/** CK_UNAVAILABLE_INFORMATION where a CK_ULONG has four bytes. */
const UNAVAILABLE_4 = 0xffff_ffff;

function available(value: number | bigint, ulong: 4 | 8): number | undefined {
  return ulong === 4 && value === UNAVAILABLE_4 ? undefined : exact(value);
}

/** A number JavaScript can hold exactly; CK_UNAVAILABLE_INFORMATION of eight bytes is none. */
function exact(value: number | bigint): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** CKF_ bits. The standard's fit in 32 bits; of flags above 2^53 these alone are kept. */
function flagsOf(value: number | bigint): number {
  return typeof value === "number" ? value : Number(BigInt.asUintN(32, value));
}

function limit(value: number | bigint, ulong: 4 | 8): number | undefined {
  return value === 0 ? Infinity : available(value, ulong);
}

function flagWords(kind: FlagsKind): (flags: number) => string {
  return (flags) => `flags ${ckfNames(flags, kind).join(" | ") || "none"}`;
}

const versions = {
  hardwareVersion: (version: Version) => versionWords("hardware", version),
  firmwareVersion: (version: Version) => versionWords("firmware", version),
};

function versionWords(of: string, { major, minor }: Version): string {
  return `${of} ${major}.${minor}`;
}

const moduleShown: Portrait<ModuleInfo> = {
  name: "ModuleInfo",
  facts: (info) =>
    membersAsFacts(info, {
      libraryVersion: (version) => versionWords("library", version),
      cryptokiVersion: (version) => versionWords("Cryptoki", version),
    }),
};
const slotShown: Portrait<SlotInfo> = {
  name: "SlotInfo",
  facts: (info) => membersAsFacts(info, { flags: flagWords("slot"), ...versions }),
};
const tokenShown: Portrait<TokenInfo> = {
  name: "TokenInfo",
  facts: (info) => membersAsFacts(info, { flags: flagWords("token"), ...versions }),
};
const mechanismShown: Portrait<MechanismInfo> = {
  name: "MechanismInfo",
  facts: (info) => membersAsFacts(info, { flags: flagWords("mechanism") }),
};
const sessionShown: Portrait<SessionInfo> = {
  name: "SessionInfo",
  facts: (info) => membersAsFacts(info, { state: cksName, flags: flagWords("session") }),
};

/** Reads CK_INFO. */
export function moduleInfoOf(values: StructValues<typeof CK_INFO>): ModuleInfo {
  return shownAs(moduleShown, {
    manufacturerId: paddedText(values.manufacturerID),
    libraryDescription: paddedText(values.libraryDescription),
    libraryVersion: values.libraryVersion,
    cryptokiVersion: values.cryptokiVersion,
    flags: flagsOf(values.flags),
  });
}

/** Reads CK_SLOT_INFO. */
export function slotInfoOf(values: StructValues<typeof CK_SLOT_INFO>): SlotInfo {
  return shownAs(slotShown, {
    slotDescription: paddedText(values.slotDescription),
    manufacturerId: paddedText(values.manufacturerID),
    flags: flagsOf(values.flags),
    hardwareVersion: values.hardwareVersion,
    firmwareVersion: values.firmwareVersion,
  });
}

/** Reads CK_TOKEN_INFO. */
export function tokenInfoOf(values: StructValues<typeof CK_TOKEN_INFO>, ulong: 4 | 8): TokenInfo {
  return shownAs(tokenShown, {
    label: paddedText(values.label),
    manufacturerId: paddedText(values.manufacturerID),
    model: paddedText(values.model),
    serialNumber: paddedText(values.serialNumber),
    flags: flagsOf(values.flags),
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
    utcTime: flagsOf(values.flags) & CKF.CLOCK_ON_TOKEN ? withoutNuls(paddedText(values.utcTime)) : undefined,
  });
}

/** Reads CK_MECHANISM_INFO. */
export function mechanismInfoOf(values: StructValues<typeof CK_MECHANISM_INFO>): MechanismInfo {
  return shownAs(mechanismShown, {
    minKeySize: exact(values.ulMinKeySize) ?? Infinity,
    maxKeySize: exact(values.ulMaxKeySize) ?? Infinity,
    flags: flagsOf(values.flags),
  });
}

/** Reads CK_SESSION_INFO. */
export function sessionInfoOf(values: StructValues<typeof CK_SESSION_INFO>): SessionInfo {
  return shownAs(sessionShown, {
    slotId: BigInt(values.slotID),
    state: Number(values.state) as CKS,
    flags: flagsOf(values.flags),
    deviceError: exact(values.ulDeviceError),
  });
}

/** Whether two are of one token: another one has another serial number, or was initialised anew. */
export function isSameToken(token: TokenInfo, other: TokenInfo | undefined): boolean {
  return other !== undefined && token.serialNumber === other.serialNumber && token.label === other.label &&
    token.manufacturerId === other.manufacturerId && token.model === other.model;
}

/** What is known of a module beforehand; combined with `|` (`p11_kit_module_get_flags`). */
export const ModuleFlags = {
  /** Nobody counts its callers. */
  UNMANAGED: 1,
  /** A failure of it is a failure of everything; so for modules loaded by their path. */
  CRITICAL: 2,
  /** It says which certificates to trust. */
  TRUSTED: 4,
} as const;

/** Bits of the constant {@linkcode ModuleFlags}. */
export type ModuleFlags = number;
