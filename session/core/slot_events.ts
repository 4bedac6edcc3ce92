/** Waiting for tokens to come and go, without blocking a thread in C_WaitForSlotEvent. */
import { moduleSlotFlags, slotEvent, type SlotFlags } from "../../ffi/operations/modules.ts";
import { type Abortable, listen, stopListening } from "../../ffi/engine/aborts.ts";
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";
import type { CallOptions } from "./call_options.ts";

const INTERVAL_MS = 100;

/** What a module's caller has been told of its slots. */
interface Watch {
  /** The slots as the caller knows them; `null` before the first wait. */
  known: Map<bigint, boolean> | null;
  /** Events that the module has given and that nobody has been told: their wait was aborted. */
  readonly untold: bigint[];
  /** Whether the module has events. */
  events: boolean;
}

const watches = new WeakMap<ModuleCore, Watch>();

/**
 * The slot in which something has happened since the last wait. Modules without events, and slots that a module does not
 * tell of, are watched by comparing the slots with what the caller knows.
 */
export async function waitForSlotEvent(core: ModuleCore, options: CallOptions): Promise<bigint> {
  checkOptions(options);
  let watch = watches.get(core);
  if (!watch) watches.set(core, watch = { known: null, untold: [], events: true });
  for (;;) {
    options.signal?.throwIfAborted();
    core.assertOpen("C_WaitForSlotEvent");
    const slot = await happened(core, watch, options);
    if (slot !== null) return slot;
    await pause(options.signal);
  }
}

async function happened(core: ModuleCore, watch: Watch, options: CallOptions): Promise<bigint | null> {
  if (watch.events && watch.untold.length === 0) await askModule(core, watch, options);
  const now = await core.call("C_GetSlotList", moduleSlotFlags, null, options);
  const known = watch.known ??= new Map(now);
  const slot = watch.untold.shift() ?? changedSlot(known, now);
  if (slot === null) return null;
  const present = now.get(slot);
  if (present === undefined) known.delete(slot);
  else known.set(slot, present);
  return slot;
}

async function askModule(core: ModuleCore, watch: Watch, options: CallOptions): Promise<void> {
  try {
    await core.call("C_WaitForSlotEvent", slotEvent, { happened: (slot) => watch.untold.push(slot) }, options);
  } catch (error) {
    if (!(error instanceof Pkcs11Error) || error.code !== CKR.FUNCTION_NOT_SUPPORTED) throw error;
    watch.events = false;
  }
}

function changedSlot(before: SlotFlags, now: SlotFlags): bigint | null {
  for (const [slot, flags] of now) if (before.get(slot) !== flags) return slot;
  for (const slot of before.keys()) if (!now.has(slot)) return slot;
  return null;
}

function pause(signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      if (signal) stopListening(signal, waiter);
      resolve();
    };
    const waiter: Abortable = { abort: end };
    const timer = setTimeout(end, INTERVAL_MS);
    if (signal) listen(signal, waiter);
  });
}
