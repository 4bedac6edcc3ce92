import { mechanismByName, type MechanismType } from "../../ffi/constants/mod.ts";
import { UsageError } from "../terminal/errors.ts";

/**
 * The number of a mechanism that was named on a command line: `CKM_ECDSA_SHA256`, `ecdsa-sha256`, `0x1044`.
 *
 * @throws {UsageError} When there is none of that name; names that are near are suggested.
 */
export function mechanismNumber(text: string, command: string): MechanismType {
  try {
    return mechanismByName(text.toUpperCase().replaceAll("-", "_"));
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message, command);
    throw error;
  }
}
