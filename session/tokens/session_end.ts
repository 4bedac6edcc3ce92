/** The end of a session: its handle is given up, and closed unless somebody claims it. */
import { CKR } from "../../ffi/constants/mod.ts";
import { closeSession } from "../../ffi/operations/sessions.ts";
import { DiscardHandleEvent } from "../core/events.ts";
import { leave } from "../core/handle_pool.ts";
import type { SessionCore } from "../core/session_core.ts";
import { Pkcs11Error, SessionBusyError, SessionClosedError } from "../errors.ts";
import type { Session } from "./session.ts";
import { coreOf } from "./session_contexts.ts";

/** Answers of C_CloseSession that mean there is nothing left to close. */
const GONE: ReadonlySet<number> = new Set([
  CKR.OK,
  CKR.SESSION_HANDLE_INVALID,
  CKR.SESSION_CLOSED,
  CKR.DEVICE_REMOVED,
  CKR.TOKEN_NOT_PRESENT,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]);

/** Ends a session when the call that runs has ended; those that wait are refused. */
export async function endSession(session: Session): Promise<void> {
  const core = coreOf(session);
  if (core.closed) return;
  core.close();
  core.lane.dropWaiting(new SessionClosedError("run the call that was waiting"));
  try {
    await core.lane.idle();
    // Past the session, which refuses calls from now on.
    const { module, lane } = core;
    if (!discard(session, core, await module.run(lane, leave, { core }))) {
      checkClosed(core, await module.run(lane, closeSession, { session: core.handle }));
    }
  } finally {
    core.release();
  }
}

/** Ends a session at once, on which nothing may run. */
export function endSessionSync(session: Session): void {
  const core = coreOf(session);
  if (core.closed) return;
  if (core.lane.busy) throw new SessionBusyError("close the session", core.lane.open ?? "an asynchronous call");
  core.close();
  try {
    const { module, lane } = core;
    if (!discard(session, core, module.runSync(lane, leave, { core }))) {
      checkClosed(core, module.runSync(lane, closeSession, { session: core.handle }));
    }
  } finally {
    core.release();
  }
}

/** Offers the handle, to the pool too if it is fit for it; returns whether somebody has claimed it. */
function discard(session: Session, core: SessionCore, fit: boolean): boolean {
  const event = new DiscardHandleEvent(core.handle);
  session.dispatchEvent(event);
  // It is somebody else's from now on.
  if (event.claimed) core.lane.register?.forget(core.handle);
  if (!event.claimed && fit && core.reusable && !core.module.closed) {
    core.module.pool?.offer(event, core.slot, core.readWrite);
  }
  core.lane.open = null;
  return event.claimed;
}

function checkClosed(core: SessionCore, rv: number): void {
  // A server that is away has closed its sessions.
  if (GONE.has(rv) || rv === CKR.DEVICE_ERROR && core.module.backend.reconnect !== null) return;
  throw new Pkcs11Error(rv, "C_CloseSession", { token: core.lane.token?.label });
}
