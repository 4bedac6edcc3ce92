/** The URI of an object, made of what the token and the object tell about themselves. */
import { CKO } from "../../ffi/constants/mod.ts";
import type { Attributes } from "../attributes/attributes.ts";
import type { TokenInfo } from "../core/infos.ts";
import { Pkcs11Uri, type UriObjectType } from "../uri/mod.ts";

const TYPES: ReadonlyMap<unknown, UriObjectType> = new Map<unknown, UriObjectType>([
  [CKO.CERTIFICATE, "cert"],
  [CKO.PUBLIC_KEY, "public"],
  [CKO.PRIVATE_KEY, "private"],
  [CKO.SECRET_KEY, "secret-key"],
  [CKO.DATA, "data"],
]);

/** Formats the URI of an object whose class, id and label have been read. */
export function formatObjectUri(token: TokenInfo, attributes: Attributes): string {
  const id = attributes.get("id");
  const label = attributes.get("label");
  const type = TYPES.get(attributes.get("class"));
  return Pkcs11Uri.from({
    token: token.label,
    serial: token.serialNumber,
    manufacturer: token.manufacturerId,
    model: token.model,
    ...(id === undefined || id.length === 0 ? {} : { id }),
    ...(label ? { object: label } : {}),
    ...(type === undefined ? {} : { type }),
  }).format();
}
