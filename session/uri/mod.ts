import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import { formatUri, parseUri } from "./parse.ts";
import {
  matchesAttributes,
  matchesModule,
  matchesSlot,
  matchesToken,
  type UriAttributes,
  type UriModuleInfo,
  type UriSlotInfo,
  type UriTokenInfo,
} from "./match.ts";
import {
  attributeOctets,
  bytesFromOctets,
  emptyParts,
  encodePercent,
  fieldLengths,
  fieldOctets,
  groupsOf,
  octetsFromBytes,
  octetsFromText,
  queryOctets,
  setField,
  textFromOctets,
  type UriField,
  type UriObjectType,
  type UriParts,
  type UriScope,
  type UriVersion,
} from "./parts.ts";

export { UriError, type UriErrorReason } from "../errors.ts";
export type { UriAttributes, UriModuleInfo, UriSlotInfo, UriTokenInfo } from "./match.ts";
export type { UriObjectType, UriScope, UriVersion } from "./parts.ts";

/** The parts {@linkcode Pkcs11Uri.from} makes a URI of. What is left out matches anything. */
export interface Pkcs11UriInit {
  /** Label of the token, at most 32 bytes of UTF-8. */
  readonly token?: string | undefined;
  /** Serial number of the token, at most 16 bytes. */
  readonly serial?: string | undefined;
  /** Maker of the token, at most 32 bytes. */
  readonly manufacturer?: string | undefined;
  /** Model of the token, at most 16 bytes. */
  readonly model?: string | undefined;
  /** Description of the library, at most 32 bytes. */
  readonly libraryDescription?: string | undefined;
  /** Maker of the library, at most 32 bytes. */
  readonly libraryManufacturer?: string | undefined;
  /** Version of the library, each number 0 to 254. */
  readonly libraryVersion?: UriVersion | undefined;
  /** Description of the slot, at most 64 bytes. */
  readonly slotDescription?: string | undefined;
  /** Maker of the slot, at most 32 bytes. */
  readonly slotManufacturer?: string | undefined;
  /** Number of the slot. */
  readonly slotId?: bigint | undefined;
  /** Label of the object (CKA_LABEL). */
  readonly object?: string | undefined;
  /** Identifier of the object (CKA_ID). */
  readonly id?: BytesInput | undefined;
  /** Kind of the object (CKA_CLASS). */
  readonly type?: UriObjectType | undefined;
  /** Where the PIN comes from. */
  readonly pinSource?: string | undefined;
  /** The PIN itself. Whoever sees the URI sees the PIN. */
  readonly pinValue?: string | undefined;
  /** Name of the module's library file, without prefix and suffix. */
  readonly moduleName?: string | undefined;
  /** Path of the module's library file. */
  readonly modulePath?: string | undefined;
}

/**
 * A PKCS#11 URI (RFC 7512): a text that names modules, slots, tokens or objects. Parsing, formatting and matching follow
 * libp11-kit 0.24; docs/pkcs11-uris.md lists the few differences. Nothing native is called.
 *
 * @example Name a key and look whether a token holds it
 * ```ts
 * import { Pkcs11Uri } from "@gp11/gp11";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const uri = Pkcs11Uri.parse("pkcs11:token=My%20token;object=web;type=private?pin-source=file:/run/pin");
 * assertEquals(uri.token, "My token");
 * assertEquals(uri.pinSource, "file:/run/pin");
 * assert(uri.matchToken({ label: "My token", manufacturerId: "ACME", model: "v2", serialNumber: "01" }));
 * assertEquals(uri.format(), "pkcs11:token=My%20token;object=web;type=private?pin-source=file%3A%2Frun%2Fpin");
 * ```
 */
export class Pkcs11Uri {
  readonly #parts: UriParts;

  private constructor(parts: UriParts) {
    this.#parts = parts;
  }

  /**
   * Reads a URI (`p11_kit_uri_parse`). Attributes the scope does not take, that nobody knows or that are longer than
   * their PKCS#11 field make the URI {@linkcode Pkcs11Uri.unrecognized}; they are no error.
   *
   * @param text The URI. Blanks and line breaks in it are ignored.
   * @param scope What the URI is about. `"module"` takes no `library-version`; `"any"` takes everything.
   * @throws {UriError} If the text is no PKCS#11 URI.
   */
  static parse(text: string, scope: UriScope = "any"): Pkcs11Uri {
    return new Pkcs11Uri(parseUri(text, scope));
  }

  /**
   * Makes a URI from its parts (`p11_kit_uri_new` and its setters).
   *
   * @throws {RangeError} If a part does not fit in the PKCS#11 field it stands for.
   */
  static from(init: Pkcs11UriInit): Pkcs11Uri {
    const parts = emptyParts();
    for (const field of Object.keys(fieldLengths) as UriField[]) {
      const value = init[field];
      if (value !== undefined) fillField(parts, field, value);
    }
    if (init.libraryVersion !== undefined) parts.libraryVersion = checkedVersion(init.libraryVersion);
    if (init.slotId !== undefined) parts.slotId = checkedSlotId(init.slotId);
    if (init.object !== undefined) parts.object = encodePercent(octetsFromText(init.object));
    if (init.id !== undefined) parts.id = encodePercent(octetsFromBytes(viewBytes(init.id, "a URI's id")));
    parts.type = init.type;
    parts.pinSource = queryValue(init.pinSource);
    parts.pinValue = queryValue(init.pinValue);
    parts.moduleName = queryValue(init.moduleName);
    parts.modulePath = queryValue(init.modulePath);
    return new Pkcs11Uri(parts);
  }

  /**
   * Writes the URI (`p11_kit_uri_format`): attributes in a fixed order, everything but letters, digits and `_-.`
   * percent-encoded. A PIN value is part of it.
   *
   * @param scope Leaves out of the path what is not about this; the query is always written.
   */
  format(scope: UriScope = "any"): string {
    return formatUri(this.#parts, groupsOf(scope));
  }

  /** The URI as `format` writes it, without the value of a PIN. */
  toString(): string {
    return formatUri({ ...this.#parts, pinValue: undefined }, groupsOf("any"));
  }

  /** Whether something in the URI was not understood; it then matches nothing (`p11_kit_uri_any_unrecognized`). */
  get unrecognized(): boolean {
    return this.#parts.unrecognized;
  }

  /** Query attributes beyond the standard's: the values of each name, in the order they came. */
  get vendorQuery(): ReadonlyMap<string, string[]> {
    const query = new Map<string, string[]>();
    for (const [name, value] of this.#parts.vendor) {
      const values = query.get(name);
      if (values === undefined) query.set(name, [text(queryOctets(value))]);
      else values.push(text(queryOctets(value)));
    }
    return query;
  }

  /** Label of the token, without padding. */
  get token(): string | undefined {
    return text(fieldOctets(this.#parts.token));
  }

  /** Serial number of the token. */
  get serial(): string | undefined {
    return text(fieldOctets(this.#parts.serial));
  }

  /** Maker of the token. */
  get manufacturer(): string | undefined {
    return text(fieldOctets(this.#parts.manufacturer));
  }

  /** Model of the token. */
  get model(): string | undefined {
    return text(fieldOctets(this.#parts.model));
  }

  /** Description of the library. */
  get libraryDescription(): string | undefined {
    return text(fieldOctets(this.#parts.libraryDescription));
  }

  /** Maker of the library. */
  get libraryManufacturer(): string | undefined {
    return text(fieldOctets(this.#parts.libraryManufacturer));
  }

  /** Version of the library. */
  get libraryVersion(): UriVersion | undefined {
    return this.#parts.libraryVersion;
  }

  /** Description of the slot. */
  get slotDescription(): string | undefined {
    return text(fieldOctets(this.#parts.slotDescription));
  }

  /** Maker of the slot. */
  get slotManufacturer(): string | undefined {
    return text(fieldOctets(this.#parts.slotManufacturer));
  }

  /** Number of the slot. */
  get slotId(): bigint | undefined {
    return this.#parts.slotId;
  }

  /** Label of the object (CKA_LABEL). */
  get object(): string | undefined {
    return text(attributeOctets(this.#parts.object));
  }

  /** Identifier of the object (CKA_ID), a copy. */
  get id(): Uint8Array<ArrayBuffer> | undefined {
    const octets = attributeOctets(this.#parts.id);
    return octets === undefined ? undefined : bytesFromOctets(octets);
  }

  /** Kind of the object (CKA_CLASS). */
  get type(): UriObjectType | undefined {
    return this.#parts.type;
  }

  /** Where the PIN comes from (`pin-source`, or `pinfile` in old URIs). */
  get pinSource(): string | undefined {
    return text(queryOctets(this.#parts.pinSource));
  }

  /** The PIN (`pin-value`). */
  get pinValue(): string | undefined {
    return text(queryOctets(this.#parts.pinValue));
  }

  /** Name of the module's library file, without prefix and suffix. */
  get moduleName(): string | undefined {
    return text(queryOctets(this.#parts.moduleName));
  }

  /** Path of the module's library file. */
  get modulePath(): string | undefined {
    return text(queryOctets(this.#parts.modulePath));
  }

  /** Whether a module fits the library attributes of the URI (`p11_kit_uri_match_module_info`). */
  matchModule(info: UriModuleInfo): boolean {
    return matchesModule(this.#parts, info);
  }

  /** Whether a slot fits the slot attributes (`p11_kit_uri_match_slot_info`); `slot-id` counts only where `id` is given. */
  matchSlot(info: UriSlotInfo, id?: bigint): boolean {
    return matchesSlot(this.#parts, info, id);
  }

  /** Whether a token fits the token attributes of the URI (`p11_kit_uri_match_token_info`). */
  matchToken(info: UriTokenInfo): boolean {
    return matchesToken(this.#parts, info);
  }

  /**
   * Whether an object fits: class, label and id are compared, and what either side leaves out fits
   * (`p11_kit_uri_match_attributes`).
   */
  matchAttributes(attributes: UriAttributes): boolean {
    return matchesAttributes(this.#parts, attributes);
  }
}

function text(octets: string): string;
function text(octets: string | undefined): string | undefined;
function text(octets: string | undefined): string | undefined {
  return octets === undefined ? undefined : textFromOctets(octets);
}

function queryValue(value: string | undefined): string | undefined {
  if (value?.includes("\0")) throw new RangeError("Cannot make the URI: a query value contains a NUL character");
  return value === undefined ? undefined : encodePercent(octetsFromText(value));
}

function fillField(parts: UriParts, field: UriField, value: string): void {
  const octets = octetsFromText(value);
  if (octets.length > fieldLengths[field]) {
    throw new RangeError(`Cannot make the URI: ${field} takes ${fieldLengths[field]} bytes, got ${octets.length}`);
  }
  setField(parts, field, encodePercent(octets));
}

function checkedVersion(version: UriVersion): UriVersion {
  for (const number of [version.major, version.minor]) {
    if (!Number.isInteger(number) || number < 0 || number > 254) {
      throw new RangeError(`Cannot make the URI: a version number is an integer from 0 to 254, got ${number}`);
    }
  }
  return { major: version.major, minor: version.minor };
}

function checkedSlotId(id: bigint): bigint {
  if (typeof id !== "bigint") throw new TypeError(`Cannot make the URI: slotId is a bigint, got ${typeof id}`);
  if (id < 0n || id > 0x7fff_ffff_ffff_ffffn) throw new RangeError(`Cannot make the URI: slotId ${id} is out of range`);
  return id;
}
