export { UriError } from "../errors.ts";
export type { UriErrorReason } from "../errors.ts";
export type { UriAttributes, UriModuleInfo, UriSlotInfo, UriTokenInfo } from "./match.ts";
export type { UriObjectType, UriScope, UriVersion } from "./parts.ts";
export { Pkcs11Uri } from "./uri.ts";
export type { Pkcs11UriInit } from "./uri.ts";
