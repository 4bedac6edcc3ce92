/**
 * One use of a key that wants its PIN for each (CKA_ALWAYS_AUTHENTICATE). To a card the PIN counts for the very next thing
 * that is done, by whatever session; so from the PIN to the end of the use the token is the operation's own. It runs in a
 * session of its own: one that is refused its PIN ends with that session, and the key is not used to end it.
 */
import { CKF, CKU } from "../constants/mod.ts";
import type { ActiveKind, AuthenticatedUse, BegunUse } from "../engine/active.ts";
import { Ask, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import type { KeyAuthentication } from "./authentication.ts";
import { endOperation, tryCancel } from "./ending.ts";
import { isQuestion, tryOnce, tryPins } from "./pin_tries.ts";
import { type PinBytes, placePin } from "./pins.ts";
import { closeSession, tryOpenSession } from "./sessions.ts";

const CKF_SERIAL_SESSION = BigInt(CKF.SERIAL_SESSION);
const CKU_CONTEXT_SPECIFIC = BigInt(CKU.CONTEXT_SPECIFIC);

/** A use that has not begun. */
export function newUse(own: bigint, kind: ActiveKind, begun: BegunUse | null = null): AuthenticatedUse {
  return { session: own, own, kind, begun, wantsPin: false, active: false, isAuthenticated: false };
}

/** Whether a use is what its session has left begun. */
export function isLeftBegun(frame: Frame, { kind, begun }: AuthenticatedUse): boolean {
  const left = frame.lane?.unused;
  return !!left && begun !== null && left.kind === kind && left.begun?.key === begun.key &&
    left.begun.mechanism === begun.mechanism;
}

/** Opens the session of a use. */
export function* openUse(frame: Frame, slot: bigint, use: AuthenticatedUse): Program<void> {
  use.session = (yield* tryOpenSession(frame, { slot, flags: CKF_SERIAL_SESSION })) ?? use.session;
}

/** Takes the token for the operation alone, until {@linkcode endTurn}. */
export function* takeTurn(frame: Frame): Program<void> {
  const { turn } = frame;
  if (turn === null || turn.isHeldBy(frame)) return;
  yield new Ask(() => {
    if (!frame.inPlace) return turn.claim(frame);
    if (!turn.claimInPlace(frame)) throw frame.engine.errors.busy("another call", turn);
    return undefined;
  });
}

/** Gives the token back. */
export function endTurn(frame: Frame): void {
  frame.turn?.release(frame);
}

/**
 * Makes calls right after the PIN was given: `before`, C_Login, `after`, as one step nothing comes between. Needs
 * {@linkcode takeTurn}.
 */
export function* loginAndUse(
  frame: Frame,
  use: AuthenticatedUse,
  pin: PinBytes,
  before: readonly NativeCall[],
  after: readonly NativeCall[],
): Program<number> {
  const login = { fn: frame.fn(FN.C_Login), args: [use.session, CKU_CONTEXT_SPECIFIC, ...placePin(frame, pin)] };
  const rv = yield [...before, login, ...after];
  use.active ||= frame.stopped >= before.length;
  use.isAuthenticated = frame.stopped > before.length;
  if (use.isAuthenticated && use.session === use.own && frame.lane) frame.lane.unused = null;
  return rv;
}

/** Tries the PIN of a key, or asks for it; `attempt` answers the CK_RV of C_Login. */
export function* tryKeyPins(
  frame: Frame,
  { slot, pin }: KeyAuthentication,
  attempt: (pin: PinBytes) => Program<number>,
): Program<number> {
  if (isQuestion(pin)) return yield* tryPins(frame, slot, CKU_CONTEXT_SPECIFIC, pin, attempt);
  return yield* tryOnce(frame, { slot, userType: CKU_CONTEXT_SPECIFIC, fn: "C_Login" }, pin, attempt);
}

/**
 * Ends a use, whatever has become of it: finished where the token waits for that, else by closing its session. One that
 * has borrowed its user's session is left as it is where it cannot be cancelled. The token is given back.
 */
export function* endUse(frame: Frame, use: AuthenticatedUse): Program<void> {
  const { session, own } = use;
  try {
    if (use.active && (use.isAuthenticated || session === own)) {
      if (use.isAuthenticated || !use.wantsPin) yield* endOperation(frame, use.kind, session);
      else if (!(yield* tryCancel(frame, use.kind, session)) && frame.lane) {
        frame.lane.unused = { kind: use.kind, begun: use.begun };
      }
    }
  } finally {
    use.active = use.isAuthenticated = false;
    use.session = own;
    try {
      if (session !== own) yield* close(frame, session);
    } finally {
      endTurn(frame);
    }
  }
}

function* close(frame: Frame, session: bigint): Program<void> {
  try {
    yield* closeSession(frame, { session });
  } catch (error) {
    // An abort that comes meanwhile must not leave the session open.
    yield* closeSession(frame, { session });
    throw error;
  }
}
