/**
 * What belongs to the state of a session or of a module without being known there: the slot as an object, and the
 * callbacks for PINs. The state itself knows neither slots nor objects.
 */
import { checkOptions } from "../../internal/expected.ts";
import type { ModuleCore } from "../core/module_core.ts";
import type { AutoAuthenticate, Interaction, PinCallback } from "./options.ts";
import type { SessionCore } from "../core/session_core.ts";
import type { Session } from "./session.ts";
import type { Slot } from "./slot.ts";

/** The slot and the callbacks of a session. */
export interface SessionContext {
  readonly slot: Slot;
  /** Asks for PINs. */
  readonly interaction: Interaction | null;
  /** The callback that gave the PIN at login; keys that want a PIN for each use ask it too. */
  readonly askedAtLogin: PinCallback | null;
}

/** The state behind a session, for the other modules of session/. */
export let coreOf: (session: Session) => SessionCore;

/** Takes from the class of sessions how their state is read. */
export function revealCore(read: typeof coreOf): void {
  coreOf = read;
}

/** Notes slot and callbacks of a session. */
export function setContext(core: SessionCore, context: SessionContext): void {
  core.context = context;
}

/** The slot and the callbacks of a session. */
export function contextOf(core: SessionCore): SessionContext {
  return core.context as SessionContext;
}

/**
 * Sets the callbacks that are used where a session has none.
 *
 * @throws {TypeError} when they are none
 */
export function setAutoAuthenticate(core: ModuleCore, autoAuthenticate: AutoAuthenticate | null): void {
  core.autoAuthenticate = autoAuthenticate === null
    ? null
    : checkOptions("set autoAuthenticate", autoAuthenticate, ["tokens", "objects"]);
}

/** The callbacks that are used where a session has none. */
export function autoAuthenticateOf(core: ModuleCore): AutoAuthenticate | null {
  return core.autoAuthenticate as AutoAuthenticate | null;
}
