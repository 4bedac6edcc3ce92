import { P11Kit } from "../../ffi/p11_kit.ts";

let opened: P11Kit | null | undefined;
let failure: unknown;

/** The system's libp11-kit, opened on first use; `null` where it cannot be opened. */
export function systemP11Kit(): P11Kit | null {
  if (opened !== undefined) return opened;
  for (const path of P11Kit.candidates()) {
    try {
      return opened = P11Kit.open(path);
    } catch (error) {
      failure ??= error;
    }
  }
  return opened = null;
}

/** Why libp11-kit could not be opened. */
export function p11KitFailure(): unknown {
  return failure;
}
