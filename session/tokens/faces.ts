/**
 * What the state of a session and of a module leaves to its face: the slot as an object, and whom its user has named to be
 * asked for PINs. The state itself knows neither slots nor objects.
 */
import type { ModuleCore } from "../core/module_core.ts";
import type { AutoAuthenticate, Interaction, PinCallback } from "./options.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Session } from "./session.ts";
import type { Slot } from "./slot.ts";

/** The face of a session. */
export interface SessionFace {
  readonly slot: Slot;
  /** Who is asked for PINs. */
  readonly interaction: Interaction | null;
  /** Who was asked for the PIN the session was opened with: keys that want it for each use ask there too. */
  readonly askedAtLogin: PinCallback | null;
}

/** The state behind a session, for the rooms of this floor. */
export let coreOf: (session: Session) => SessionCore;

/** The session's class shows how its state is read. */
export function revealCore(read: typeof coreOf): void {
  coreOf = read;
}

const faces = new WeakMap<SessionCore, SessionFace>();
const askers = new WeakMap<ModuleCore, AutoAuthenticate>();

/** Gives a session its face. */
export function setFace(core: SessionCore, face: SessionFace): void {
  faces.set(core, face);
}

/** The face of a session. */
export function faceOf(core: SessionCore): SessionFace {
  return faces.get(core)!;
}

/** Names who is asked when nobody else is. */
export function setAutoAuthenticate(core: ModuleCore, asker: AutoAuthenticate | null): void {
  if (asker === null) askers.delete(core);
  else askers.set(core, asker);
}

/** Who is asked when nobody else is. */
export function autoAuthenticateOf(core: ModuleCore): AutoAuthenticate | null {
  return askers.get(core) ?? null;
}
