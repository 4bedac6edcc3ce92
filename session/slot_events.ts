/** Waiting for tokens to come and go, without blocking a thread in C_WaitForSlotEvent. */
import { moduleSlotFlags, slotEvent, type SlotFlags } from "../ffi/operations/modules.ts";
import { checkOptions } from "../ffi/engine.ts";
import { CKR } from "../ffi/constants/mod.ts";
import { Pkcs11Error } from "./errors.ts";
import type { ModuleCore } from "./module_core.ts";
import type { CallOptions } from "./options.ts";

const INTERVAL_MS = 100;

/** The slot in which something has happened. A module without events is watched by comparing its slots. */
export async function waitForSlotEvent(core: ModuleCore, options: CallOptions): Promise<bigint> {
  checkOptions(options);
  let before: SlotFlags | null = null;
  let events = true;
  for (;;) {
    options.signal?.throwIfAborted();
    core.assertOpen("C_WaitForSlotEvent");
    if (events) {
      try {
        const slot = await core.run(null, slotEvent, null, options);
        if (slot !== null) return slot;
      } catch (error) {
        if (!(error instanceof Pkcs11Error) || error.code !== CKR.FUNCTION_NOT_SUPPORTED) throw error;
        events = false;
      }
    }
    if (!events) {
      const now = await core.run(null, moduleSlotFlags, null, options);
      const changed = before && changedSlot(before, now);
      if (typeof changed === "bigint") return changed;
      before = now;
    }
    await pause(options.signal);
  }
}

function changedSlot(before: SlotFlags, now: SlotFlags): bigint | null {
  for (const [slot, flags] of now) if (before.get(slot) !== flags) return slot;
  for (const slot of before.keys()) if (!now.has(slot)) return slot;
  return null;
}

function pause(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, INTERVAL_MS);
    signal?.addEventListener("abort", end, { once: true });
  });
}
