/** What the functions of pkcs11js take and give. */
import type { Buffer } from "node:buffer";
import type { IParams } from "./parameter_types.ts";

/** A handle or a slot id: the bytes of a `CK_ULONG`. */
export type Handle = Buffer;

/** A version. */
export interface Version {
  /** Before the dot. */
  major: number;
  /** After the dot. */
  minor: number;
}

/** What C_GetInfo tells. Texts keep the blanks they are padded with, here and in the other structures. */
export interface ModuleInfo {
  /** Version of Cryptoki. */
  cryptokiVersion: Version;
  /** Who made the module. */
  manufacturerID: string;
  /** Always 0. */
  flags: number;
  /** What the module is. */
  libraryDescription: string;
  /** Its own version. */
  libraryVersion: Version;
}

/** What C_GetSlotInfo tells. */
export interface SlotInfo {
  /** What the slot is. */
  slotDescription: string;
  /** Who made it. */
  manufacturerID: string;
  /** `CKF_` bits of a slot. */
  flags: number;
  /** Version of the hardware. */
  hardwareVersion: Version;
  /** Version of the firmware. */
  firmwareVersion: Version;
}

/** What C_GetTokenInfo tells; what the token does not tell is 2^32 - 1, and 2^64 - 1 in sizes of memory. */
export interface TokenInfo {
  /** The label. */
  label: string;
  /** Who made the token. */
  manufacturerID: string;
  /** Its model. */
  model: string;
  /** Its serial number. */
  serialNumber: string;
  /** `CKF_` bits of a token. */
  flags: number;
  /** Sessions one program may have open. */
  maxSessionCount: number;
  /** Sessions this program has open. */
  sessionCount: number;
  /** Read-write sessions one program may have open. */
  maxRwSessionCount: number;
  /** Read-write sessions this program has open. */
  rwSessionCount: number;
  /** Most bytes of a PIN. */
  maxPinLen: number;
  /** Fewest bytes of a PIN. */
  minPinLen: number;
  /** Version of the hardware. */
  hardwareVersion: Version;
  /** Version of the firmware. */
  firmwareVersion: Version;
  /** The token's clock, `YYYYMMDDhhmmss00`. */
  utcTime: string;
  /** Bytes for public objects. */
  totalPublicMemory: bigint;
  /** Bytes free for public objects. */
  freePublicMemory: bigint;
  /** Bytes for private objects. */
  totalPrivateMemory: bigint;
  /** Bytes free for private objects. */
  freePrivateMemory: bigint;
}

/** What C_GetMechanismInfo tells. */
export interface MechanismInfo {
  /** Smallest key, in units of the mechanism's own. */
  minKeySize: number;
  /** Largest key. */
  maxKeySize: number;
  /** `CKF_` bits of a mechanism. */
  flags: number;
}

/** What C_GetSessionInfo tells. */
export interface SessionInfo {
  /** The slot. */
  slotID: Buffer;
  /** A `CKS_` number. */
  state: number;
  /** `CKF_` bits of a session. */
  flags: number;
  /** An error code of the device. */
  deviceError: number;
}

/** An attribute to write, or to ask for; without a value it is written as empty. */
export interface Attribute {
  /** A `CKA_` number. */
  type: number;
  /** Its value: a number is a `CK_ULONG`, a boolean a `CK_BBOOL`, a text UTF-8, a date a `CK_DATE` in UTC. */
  value?: number | boolean | string | Uint8Array | Date | null | undefined;
}

/** Attributes to write, or to ask for. */
export type Template = Attribute[];

/** An attribute that was read. */
export interface AttributeResult {
  /** A `CKA_` number. */
  type: number;
  /** Its bytes. */
  value: Buffer;
}

/** Attributes that were read: the array that was asked with. */
export type TemplateResult = AttributeResult[];

/** A mechanism. */
export interface Mechanism {
  /** A `CKM_` number. */
  mechanism: number;
  /** Its parameter: bytes, a `CK_ULONG`, or a structure by its `CK_PARAMS_` number. */
  parameter?: Uint8Array | number | IParams | null | undefined;
}

/** The keys that C_GenerateKeyPair has made. */
export interface KeyPair {
  /** The private key. */
  privateKey: Handle;
  /** The public key. */
  publicKey: Handle;
}

/** How C_Initialize is called. */
export interface InitializationOptions {
  /** Text for modules that want one, such as the parameters of NSS softokn. */
  libraryParameters?: string | undefined;
  /** `CKF_` bits; CKF_OS_LOCKING_OK is always set, as the asynchronous functions work on threads. */
  flags?: number | undefined;
}

/** Told the result of an asynchronous call, or its error. */
export type Callback<T> = (error: Error | null, result: T) => void;
