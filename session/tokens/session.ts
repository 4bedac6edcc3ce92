/** Sessions: where keys are found, made and used. */
import { moduleCoreOf, Slot } from "./slot.ts";
import type { Interaction, OpenSessionOptions, PinCallback } from "./options.ts";
import { SessionCore } from "../core/session_core.ts";
import { SessionForms } from "./session_forms.ts";
import { setFace } from "./faces.ts";

/** How a handle is wrapped. */
export interface FromHandleOptions {
  /**
   * Whether the handle was opened for reading and writing.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE are asked for. */
  readonly interaction?: Interaction | undefined;
}

/**
 * A session with a token (`GP11Session`). Every verb has two forms: a plain one runs its native calls on a worker thread
 * and returns a promise, one with `Sync` at its end runs them in place. Calls on one session wait for each other, so any
 * number can be made at once; a synchronous call while another one runs throws SessionBusyError.
 *
 * @example Sign with a key that never leaves the token
 * ```ts
 * import { CKM, CKO, CKU, Module } from "@gp11/gp11";
 *
 * async function sign(path: string, pin: string, label: string, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
 *   await using module = await Module.load(path);
 *   const [slot] = await module.slots({ tokenPresent: true });
 *   await using session = await slot!.openSession({ login: { userType: CKU.USER, pin } });
 *   const [key] = await session.findObjects({ class: CKO.PRIVATE_KEY, label });
 *   return await session.sign(key!, CKM.ECDSA_SHA256, data);
 * }
 * ```
 */
export class Session extends SessionForms {
  /**
   * Wraps a handle and owns it: it is discarded when the wrapper closes (`gp11_session_from_handle`). The handle is not
   * checked.
   *
   * @throws {RangeError} when the handle is negative or no CK_SESSION_HANDLE
   */
  static fromHandle(slot: Slot, handle: bigint, options: FromHandleOptions = {}): Session {
    if (typeof handle !== "bigint") {
      throw new TypeError(`Cannot wrap a session handle: expected a bigint, got a ${typeof handle}`);
    }
    if (handle < 0n || handle > 0xffff_ffff_ffff_ffffn) {
      throw new RangeError(`Cannot wrap a session handle: ${handle} is out of range`);
    }
    if (!(slot instanceof Slot)) throw new TypeError("Cannot wrap a session handle: the slot is no Slot");
    moduleCoreOf(slot).assertOpen("C_OpenSession");
    // What has been done with the handle before is not known: the pool does not get it.
    return sessionOn(slot, handle, options, null);
  }
}

/** A session on a handle that has just been opened; one that was opened here has a copy of its login's PIN. */
export function sessionOn(
  slot: Slot,
  handle: bigint,
  options: Pick<OpenSessionOptions, "readWrite" | "interaction">,
  opened: { readonly pin: Uint8Array | PinCallback | null } | null,
): Session {
  const pin = opened?.pin ?? null;
  const core = new SessionCore(moduleCoreOf(slot), slot.id, handle, {
    readWrite: options.readWrite ?? false,
    pin: typeof pin === "function" ? null : pin,
    reusable: opened !== null,
  });
  setFace(core, {
    slot,
    interaction: options.interaction ?? null,
    askedAtLogin: typeof pin === "function" ? pin : null,
  });
  const session = new Session(core);
  core.session = session;
  return session;
}
