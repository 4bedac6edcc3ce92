import { distance } from "../../internal/expected.ts";
import { CKM } from "./ckm.ts";
import type { MechanismType } from "./flavor.ts";

const NEAREST = 3;

/**
 * The number of a mechanism by its name, the way back from {@linkcode ckmName}.
 *
 * @param name Its name with or without `CKM_`, or `CKM_0x80000001` for a vendor's own.
 * @returns The {@linkcode CKM} number.
 * @throws {TypeError} When the name is no text.
 * @throws {RangeError} When there is no such mechanism; the message has the nearest names.
 *
 * @example A mechanism from a configuration
 * ```ts
 * import { CKM, mechanismByName } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mechanismByName("ECDSA_SHA256"), CKM.ECDSA_SHA256);
 * assertEquals(mechanismByName("CKM_AES_GCM"), CKM.AES_GCM);
 * ```
 */
export function mechanismByName(name: string): MechanismType {
  if (typeof name !== "string") throw new TypeError(`Cannot find a mechanism: its name is a ${typeof name}, not text`);
  const short = name.replace(/^CKM_/, "");
  if (Object.hasOwn(CKM, short)) return CKM[short as keyof typeof CKM];
  if (/^0x[0-9a-f]{1,8}$/i.test(short)) return Number(short);
  throw new RangeError(
    `Cannot find the mechanism ${JSON.stringify(name.slice(0, 100))}: the nearest are ${nearest(short).join(", ")}`,
  );
}

function nearest(name: string): string[] {
  const wanted = name.slice(0, 100).toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  return Object.keys(CKM).map((known) => ({ known, steps: distance(wanted, known) }))
    .sort((one, other) => one.steps - other.steps)
    .slice(0, NEAREST)
    .map(({ known }) => `CKM_${known}`);
}
