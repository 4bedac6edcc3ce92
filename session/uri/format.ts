import { encodePercent, encodePercentAll } from "./octets.ts";
import { attributeOctets, fieldOctets, Group, queryOctets } from "./parts.ts";
import type { UriParts } from "./parts.ts";

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
