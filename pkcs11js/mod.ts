/**
 * PKCS#11 as npm's pkcs11js 2.1 has it: its class, its names, arguments, results, errors and constants, over this
 * library's own calls. Programs and packages written for the addon run on it with nothing to compile.
 *
 * @example Which tokens are there
 * ```ts
 * import { PKCS11 } from "@gp11/gp11/pkcs11js";
 *
 * function tokens(library: string): string[] {
 *   const pkcs11 = new PKCS11(library);
 *   pkcs11.C_Initialize();
 *   try {
 *     return pkcs11.C_GetSlotList(true).map((slot) => pkcs11.C_GetTokenInfo(slot).label.trim());
 *   } finally {
 *     pkcs11.C_Finalize();
 *   }
 * }
 * ```
 *
 * @module
 */
import "./load_order.ts";
import * as constants from "./constants/mod.ts";
import { NativeError, Pkcs11Error } from "./errors.ts";
import { PKCS11 } from "./pkcs11.ts";

export * from "./constants/mod.ts";
export type { Functions } from "./functions.ts";
export * from "./parameter_types.ts";
export * from "./types.ts";
export { NativeError, PKCS11, Pkcs11Error };

/** Everything that pkcs11js exports, as one object. */
const pkcs11js: typeof constants & {
  /** The class. */
  readonly PKCS11: typeof PKCS11;
  /** What is no return value of the module. */
  readonly NativeError: typeof NativeError;
  /** What a function of the module has returned. */
  readonly Pkcs11Error: typeof Pkcs11Error;
} = { ...constants, NativeError, Pkcs11Error, PKCS11 };

export default pkcs11js;
