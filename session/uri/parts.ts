import { decodePercent, untilNul, withoutPadding } from "./octets.ts";

/** What a URI is about; `p11_kit_uri_parse` calls it the URI type. */
export type UriScope = "any" | "module" | "token" | "slot" | "object";

/** The kinds of object a URI can name in its `type` attribute. */
export type UriObjectType = "cert" | "public" | "private" | "secret-key" | "data";

/** A library version as a URI writes it. */
export interface UriVersion {
  /** Major number, 0 to 254. */
  readonly major: number;
  /** Minor number, 0 to 254. */
  readonly minor: number;
}

/**
 * A parsed URI. Every text is kept percent-encoded, as an octet string (see octets.ts), and decoded when it is asked for:
 * most URIs are parsed for one or two of their parts. `undefined` is "not given", which matches anything.
 */
export interface UriParts {
  unrecognized: boolean;
  libraryDescription: string | undefined;
  libraryManufacturer: string | undefined;
  libraryVersion: UriVersion | undefined;
  slotDescription: string | undefined;
  slotManufacturer: string | undefined;
  slotId: bigint | undefined;
  model: string | undefined;
  manufacturer: string | undefined;
  serial: string | undefined;
  token: string | undefined;
  id: string | undefined;
  object: string | undefined;
  type: UriObjectType | undefined;
  pinSource: string | undefined;
  pinValue: string | undefined;
  moduleName: string | undefined;
  modulePath: string | undefined;
  /** Vendor query attributes in the order libp11-kit keeps them: by name, equal names as they came. */
  vendor: readonly (readonly [name: string, value: string])[];
}

/** The attributes with a place in a fixed-length PKCS#11 field, and the bytes that field has. */
export const fieldLengths = {
  libraryDescription: 32,
  libraryManufacturer: 32,
  slotDescription: 64,
  slotManufacturer: 32,
  model: 16,
  manufacturer: 32,
  serial: 16,
  token: 32,
} as const;

/** Name of a part that is a fixed-length field. */
export type UriField = keyof typeof fieldLengths;

/** The octets of a fixed-length field, without its padding. */
export function fieldOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : withoutPadding(decodePercent(encoded));
}

/** The octets of an object attribute. */
export function attributeOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : decodePercent(encoded);
}

/** The octets of a query value. */
export function queryOctets(encoded: string): string;
export function queryOctets(encoded: string | undefined): string | undefined;
export function queryOctets(encoded: string | undefined): string | undefined {
  return encoded === undefined ? undefined : untilNul(decodePercent(encoded));
}

/** Sets a fixed-length field: too long matches nothing, a NUL in front makes the field match anything. */
export function setField(parts: UriParts, field: UriField, encoded: string): void {
  const limit = fieldLengths[field];
  if (encoded.length > limit && decodePercent(encoded).length > limit) parts.unrecognized = true;
  else parts[field] = encoded.startsWith("%00") ? undefined : encoded;
}

/** A URI that says nothing. */
export function emptyParts(): UriParts {
  return {
    unrecognized: false,
    libraryDescription: undefined,
    libraryManufacturer: undefined,
    libraryVersion: undefined,
    slotDescription: undefined,
    slotManufacturer: undefined,
    slotId: undefined,
    model: undefined,
    manufacturer: undefined,
    serial: undefined,
    token: undefined,
    id: undefined,
    object: undefined,
    type: undefined,
    pinSource: undefined,
    pinValue: undefined,
    moduleName: undefined,
    modulePath: undefined,
    vendor: noVendor,
  };
}

const noVendor: readonly (readonly [string, string])[] = [];

/** Attribute groups of the path, one bit each. */
export const Group = { OBJECT: 1, TOKEN: 2, MODULE: 4, MODULE_VERSION: 8, SLOT: 16 } as const;

/** The groups a scope takes. `library-version` belongs to `"any"` alone, as in `P11_KIT_URI_FOR_MODULE`. */
export const scopeGroups: Readonly<Record<UriScope, number>> = {
  any: Group.OBJECT | Group.TOKEN | Group.MODULE | Group.MODULE_VERSION | Group.SLOT,
  module: Group.MODULE,
  token: Group.TOKEN,
  slot: Group.SLOT,
  object: Group.OBJECT,
};

/** The groups of a scope given by a caller. */
export function groupsOf(scope: UriScope): number {
  if (!Object.hasOwn(scopeGroups, scope)) {
    throw new TypeError(`Cannot use the URI scope: expected any, module, token, slot or object, got ${String(scope)}`);
  }
  return scopeGroups[scope];
}
