import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { P11Kit } from "../../ffi/tables/p11_kit.ts";

let opened: P11Kit | null = null;
let failure: unknown;

/**
 * The system's libp11-kit, opened on first use; `null` where it cannot be opened.
 *
 * @param ask Whether the program's user may be asked for the permission to open it.
 */
export function systemP11Kit(ask: boolean): P11Kit | null {
  if (opened !== null) return opened;
  for (const path of P11Kit.candidates()) {
    if (!ask && !nativeRuntime().allows(path)) continue;
    try {
      return opened = P11Kit.open(path);
    } catch (error) {
      failure = error;
    }
  }
  return null;
}

/** Why libp11-kit could not be opened. */
export function p11KitFailure(): unknown {
  return failure;
}
