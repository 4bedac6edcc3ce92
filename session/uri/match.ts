import { CKA } from "../../ffi/constants/mod.ts";
import {
  decodePercent,
  fieldOctets,
  octetsFromBytes,
  octetsFromText,
  textFromOctets,
  type UriObjectType,
  type UriParts,
  type UriVersion,
  withoutPadding,
} from "./parts.ts";

/** The members of a `ModuleInfo` a URI can name. */
export interface UriModuleInfo {
  /** Description of the library. */
  readonly libraryDescription: string;
  /** Maker of the library. */
  readonly manufacturerId: string;
  /** Version of the library. */
  readonly libraryVersion: UriVersion;
}

/** The members of a `SlotInfo` a URI can name. */
export interface UriSlotInfo {
  /** Description of the slot. */
  readonly slotDescription: string;
  /** Maker of the slot. */
  readonly manufacturerId: string;
}

/** The members of a `TokenInfo` a URI can name. */
export interface UriTokenInfo {
  /** Label of the token. */
  readonly label: string;
  /** Maker of the token. */
  readonly manufacturerId: string;
  /** Model of the token. */
  readonly model: string;
  /** Serial number of the token. */
  readonly serialNumber: string;
}

/** Attributes of an object: by name as in `AttributesInit`, by CKA_ number, or anything that reads them with `get`. */
export type UriAttributes =
  | { readonly class?: unknown; readonly label?: unknown; readonly id?: unknown; readonly [type: number]: unknown }
  | { get(name: "class" | "label" | "id"): unknown };

/** The CKO_ number of each object type. */
export const objectClasses: Readonly<Record<UriObjectType, number>> = {
  data: 0,
  cert: 1,
  public: 2,
  private: 3,
  "secret-key": 4,
};

function matchesField(part: string | undefined, field: string): boolean {
  const octets = fieldOctets(part);
  return octets === undefined || textFromOctets(octets) === withoutPadding(field);
}

/** Whether a module fits the library attributes (`p11_kit_uri_match_module_info`). */
export function matchesModule(parts: UriParts, info: UriModuleInfo): boolean {
  const version = parts.libraryVersion;
  return !parts.unrecognized &&
    matchesField(parts.libraryDescription, info.libraryDescription) &&
    matchesField(parts.libraryManufacturer, info.manufacturerId) &&
    (version === undefined ||
      (version.major === info.libraryVersion.major && version.minor === info.libraryVersion.minor));
}

/** Whether a slot fits the slot attributes (`p11_kit_uri_match_slot_info`), and `slot-id` where an id is given. */
export function matchesSlot(parts: UriParts, info: UriSlotInfo, id: bigint | undefined): boolean {
  return !parts.unrecognized &&
    matchesField(parts.slotDescription, info.slotDescription) &&
    matchesField(parts.slotManufacturer, info.manufacturerId) &&
    (id === undefined || parts.slotId === undefined || parts.slotId === id);
}

/** Whether a token fits the token attributes (`p11_kit_uri_match_token_info`). */
export function matchesToken(parts: UriParts, info: UriTokenInfo): boolean {
  return !parts.unrecognized &&
    matchesField(parts.token, info.label) &&
    matchesField(parts.manufacturer, info.manufacturerId) &&
    matchesField(parts.model, info.model) &&
    matchesField(parts.serial, info.serialNumber);
}

/** Whether attributes fit the object attributes; one that is absent on either side fits (`p11_kit_uri_match_attributes`). */
export function matchesAttributes(parts: UriParts, attributes: UriAttributes): boolean {
  if (parts.unrecognized) return false;
  const objectClass = read(attributes, "class", CKA.CLASS);
  const label = read(attributes, "label", CKA.LABEL);
  const id = read(attributes, "id", CKA.ID);
  return (parts.type === undefined || isAbsent(objectClass) || Number(objectClass) === objectClasses[parts.type]) &&
    (parts.object === undefined || isAbsent(label) || octetsOf(label) === decodePercent(parts.object)) &&
    (parts.id === undefined || isAbsent(id) || octetsOf(id) === decodePercent(parts.id));
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function read(attributes: UriAttributes, name: "class" | "label" | "id", type: number): unknown {
  if ("get" in attributes && typeof attributes.get === "function") return attributes.get(name);
  const plain = attributes as { readonly [key: string | number]: unknown };
  return plain[name] ?? plain[type];
}

function octetsOf(value: unknown): string {
  if (typeof value === "string") return octetsFromText(value);
  if (ArrayBuffer.isView(value)) {
    return octetsFromBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return octetsFromBytes(new Uint8Array(value));
  throw new TypeError(`Cannot match the attribute: expected a string or bytes, got ${typeof value}`);
}
