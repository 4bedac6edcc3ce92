import { UriError } from "../errors.ts";
import {
  attributeOctets,
  emptyParts,
  encodePercent,
  encodePercentAll,
  fieldOctets,
  Group,
  groupsOf,
  octetsFromText,
  queryOctets,
  setField,
  type UriField,
  type UriObjectType,
  type UriParts,
  type UriScope,
  type UriVersion,
} from "./parts.ts";

/** Needs a closer look before parsing: whitespace, control characters, anything beyond ASCII. */
const unusual = /[^!-~]/;

/** Reads a URI with the rules of `p11_kit_uri_parse`. */
export function parseUri(text: string, scope: UriScope): UriParts {
  if (typeof text !== "string") throw new TypeError(`Cannot parse the URI: expected a string, got ${typeof text}`);
  const groups = groupsOf(scope);
  const uri = unusual.test(text) ? normalize(text) : text;
  if (uri.charCodeAt(6) !== 0x3a || uri.slice(0, 6).toLowerCase() !== "pkcs11") {
    throw new UriError("scheme", 'its scheme is not "pkcs11:"');
  }
  const parts = emptyParts();
  const check = brokenEscape.test(uri) ? checked : unchanged;
  parseQuery(uri, parsePath(uri, 7, groups, parts, check), parts, check);
  return parts;
}

function normalize(text: string): string {
  if (text.includes("\0")) throw new UriError("syntax", "it contains a NUL character");
  // Half a character is what every encoder of UTF-8 makes of it.
  return octetsFromText(text.toWellFormed()).replace(/[ \n\r\v]/g, "");
}

/** Reads path attributes from `at`; returns where the query starts: at its separator, or at the end. */
function parsePath(uri: string, at: number, groups: number, parts: UriParts, check: ValueCheck): number {
  const question = uri.indexOf("?", at);
  const pathEnd = question < 0 ? uri.length : question;
  while (at < uri.length) {
    const semicolon = uri.indexOf(";", at);
    const end = semicolon < 0 || semicolon > pathEnd ? pathEnd : semicolon;
    const equals = uri.indexOf("=", at);
    // An empty attribute ends the path, whatever follows it (`pkcs11:;token=a` has a query, not a token).
    if (end === at) return at;
    if (equals <= at || equals >= end) throw badSyntax("a path attribute is not name=value");
    pathAttribute(uri.slice(at, equals), uri.slice(equals + 1, end), groups, parts, check);
    if (end === pathEnd) return end;
    at = end + 1;
  }
  return at;
}

/** The path attributes that fill a fixed-length field, and the group each belongs to. */
const fields: ReadonlyMap<string, readonly [field: UriField, group: number]> = new Map([
  ["model", ["model", Group.TOKEN]],
  ["manufacturer", ["manufacturer", Group.TOKEN]],
  ["serial", ["serial", Group.TOKEN]],
  ["token", ["token", Group.TOKEN]],
  ["slot-description", ["slotDescription", Group.SLOT]],
  ["slot-manufacturer", ["slotManufacturer", Group.SLOT]],
  ["library-description", ["libraryDescription", Group.MODULE]],
  ["library-manufacturer", ["libraryManufacturer", Group.MODULE]],
]);

const objectTypes: ReadonlyMap<string, UriObjectType> = new Map([
  ["cert", "cert"],
  ["public", "public"],
  ["private", "private"],
  ["secretkey", "secret-key"],
  ["secret-key", "secret-key"],
  ["data", "data"],
]);

function pathAttribute(name: string, value: string, groups: number, parts: UriParts, check: ValueCheck): void {
  const field = fields.get(name);
  if (field !== undefined) {
    if (groups & field[1]) setField(parts, field[0], check(value));
    else parts.unrecognized = true;
    return;
  }
  if (groups & Group.OBJECT && objectAttribute(name, value, parts, check)) return;
  if (name === "slot-id" && groups & Group.SLOT) parts.slotId = slotId(value);
  else if (name === "library-version" && groups & Group.MODULE_VERSION) parts.libraryVersion = version(value);
  else if (!pinAttribute(name, value, parts, check)) parts.unrecognized = true;
}

function objectAttribute(name: string, value: string, parts: UriParts, check: ValueCheck): boolean {
  switch (name) {
    case "id":
      parts.id = check(value);
      return true;
    case "object":
      parts.object = check(value);
      return true;
    case "type":
    case "object-type":
    case "objecttype": {
      // Compared as written: the original does not decode this one value.
      const type = objectTypes.get(value);
      if (type === undefined) parts.unrecognized = true;
      else parts.type = type;
      return true;
    }
    default:
      return false;
  }
}

function pinAttribute(name: string, value: string, parts: UriParts, check: ValueCheck): boolean {
  if (name === "pin-source" || name === "pinfile") parts.pinSource = check(value);
  else if (name === "pin-value") parts.pinValue = check(value);
  else return false;
  return true;
}

/** Reads query attributes; `at` is the separator in front of the first one. */
function parseQuery(uri: string, at: number, parts: UriParts, check: ValueCheck): void {
  let vendor: [string, string][] | undefined;
  while (at < uri.length) {
    const start = at + 1;
    let end = uri.indexOf("&", start);
    if (end < 0) {
      end = uri.length;
      if (end === start) break;
    }
    const equals = uri.indexOf("=", start);
    if (equals <= start || equals >= end) throw badSyntax("a query attribute is not name=value");
    const name = uri.slice(start, equals);
    const value = uri.slice(equals + 1, end);
    if (name === "module-name") parts.moduleName = check(value);
    else if (name === "module-path") parts.modulePath = check(value);
    else if (!pinAttribute(name, value, parts, check)) {
      if (!/^[a-z0-9_-]+$/.test(name)) {
        throw badSyntax("the name of a vendor query attribute has a character out of place");
      }
      vendor ??= [];
      vendor.push([name, check(value)]);
    }
    at = end;
  }
  // Array sorting is stable, so equal names keep the order they came in.
  if (vendor !== undefined) parts.vendor = vendor.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
}

function badSyntax(what: string): UriError {
  return new UriError("syntax", what);
}

/** Refuses a value that cannot be decoded. Which values are decoded at all depends on the attribute. */
type ValueCheck = (value: string) => string;

const brokenEscape = /%(?![0-9A-Fa-f]{2})/;

function unchanged(value: string): string {
  return value;
}

function checked(value: string): string {
  if (brokenEscape.test(value)) {
    throw new UriError("encoding", "a percent sign is not followed by two hexadecimal digits");
  }
  return value;
}

function slotId(value: string): bigint {
  if (!/^[0-9]*$/.test(value)) throw badSyntax("the slot-id is not a decimal number");
  // No digits at all are slot 0, as in libp11-kit 0.24.
  const id = BigInt(value);
  // libp11-kit 0.24 lets the number wrap around, and would then name another slot; 0.26 refuses it.
  if (id > 0x7fff_ffff_ffff_ffffn) throw badSyntax("the slot-id does not fit in 63 bits");
  return id;
}

function version(value: string): UriVersion {
  const match = /^([0-9]+)(?:\.([0-9]+))?$/.exec(value);
  const major = Number(match?.[1]);
  const minor = Number(match?.[2] ?? 0);
  if (!(major < 255 && minor < 255)) {
    throw new UriError("version", "the library-version is not two numbers from 0 to 254");
  }
  return { major, minor };
}

/** Writes a URI as `p11_kit_uri_format` does: in its order, with its escapes; the path holds the given groups only. */
export function formatUri(parts: UriParts, groups: number): string {
  let path = "";
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) path += `${path === "" ? "" : ";"}${name}=${value}`;
  };
  const addField = (name: string, encoded: string | undefined): void => {
    const octets = fieldOctets(encoded);
    if (octets !== undefined) add(name, encodePercent(octets));
  };
  if (groups & Group.MODULE) {
    addField("library-description", parts.libraryDescription);
    addField("library-manufacturer", parts.libraryManufacturer);
  }
  if (groups & Group.MODULE_VERSION && parts.libraryVersion !== undefined) {
    add("library-version", `${parts.libraryVersion.major}.${parts.libraryVersion.minor}`);
  }
  if (groups & Group.SLOT) {
    addField("slot-description", parts.slotDescription);
    addField("slot-manufacturer", parts.slotManufacturer);
    add("slot-id", parts.slotId?.toString());
  }
  if (groups & Group.TOKEN) {
    addField("model", parts.model);
    addField("manufacturer", parts.manufacturer);
    addField("serial", parts.serial);
    addField("token", parts.token);
  }
  if (groups & Group.OBJECT) {
    const id = attributeOctets(parts.id);
    const object = attributeOctets(parts.object);
    if (id !== undefined) add("id", encodePercentAll(id));
    if (object !== undefined) add("object", encodePercent(object));
    add("type", parts.type);
  }
  return `pkcs11:${path}${formatQuery(parts)}`;
}

function formatQuery(parts: UriParts): string {
  let query = "";
  const add = (name: string, encoded: string | undefined): void => {
    const octets = queryOctets(encoded);
    if (octets !== undefined) query += `${query === "" ? "?" : "&"}${name}=${encodePercent(octets)}`;
  };
  add("pin-source", parts.pinSource);
  add("pin-value", parts.pinValue);
  add("module-name", parts.moduleName);
  add("module-path", parts.modulePath);
  for (const [name, value] of parts.vendor) add(name, value);
  return query;
}
