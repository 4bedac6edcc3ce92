/** What a worker thread leaves open that ends without closing the module: the next who comes ends it, while he holds the lock. */
import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import { FN, type Frame } from "../../ffi/engine/frame.ts";
import { Ask, type Program, whenItsTurnComes } from "../../ffi/engine/program.ts";
import { CKF, CKR } from "../../ffi/constants/mod.ts";
import type { Callers, Leftovers } from "./callers.ts";
import { ENTRY } from "./session_table.ts";
import { SessionBusyError } from "../errors.ts";

/** A login that somebody who lives counts on. */
export const HELD: readonly bigint[] = [ENTRY.login, ENTRY.uncounted];

/** Ends the sessions of callers whose threads have died, and their logins that nobody else counts on. */
export function* endLeftovers(frame: Frame, callers: Callers): Program<void> {
  if (!callers.hasLeftovers) return;
  // What this thread holds for an asynchronous load or close cannot be waited for in place: the next call ends them.
  if (frame.inPlace && callers.heldHere) return;
  yield* locked(frame, callers, "end the sessions of a thread that has died", () => endAllLeftovers(frame, callers));
}

/** {@linkcode endLeftovers} while holding the lock. */
export function* endAllLeftovers(frame: Frame, callers: Callers): Program<void> {
  for (const left of callers.leftovers()) {
    const table = left.list === frame.table.address ? frame.table : Cryptoki.fromFunctionList(left.list);
    const logins = new Set(left.entries.filter(({ kind }) => kind !== ENTRY.session).map(({ slot }) => slot));
    for (const slot of logins) {
      if (!callers.hasLogin(slot, HELD)) yield* logoutThere(frame, table, left, slot);
    }
    for (const session of sessionsOf(left)) {
      const fn = table.at(FN.C_CloseSession);
      if (fn !== null) yield [{ fn, args: [session] }];
    }
    callers.endLeftovers(left.place);
  }
}

/** C_Logout through a session of the caller who has died; where none of them works any more, through another. */
function* logoutThere(frame: Frame, table: Cryptoki, left: Leftovers, slot: bigint): Program<void> {
  const logout = table.at(FN.C_Logout);
  if (logout === null) return;
  for (const session of sessionsOf(left, slot)) {
    const rv = yield [{ fn: logout, args: [session] }];
    if (rv === CKR.OK || rv === CKR.USER_NOT_LOGGED_IN) return;
  }
  const [open, close] = [table.at(FN.C_OpenSession), table.at(FN.C_CloseSession)];
  if (open === null || close === null) return;
  const handle = frame.ulong();
  const rv = yield [{ fn: open, args: [slot, BigInt(CKF.SERIAL_SESSION), 0n, 0n, frame.block.address(handle)] }];
  if (rv !== CKR.OK) return;
  const session = frame.block.getHandle(handle);
  yield [{ fn: logout, args: [session] }];
  yield [{ fn: close, args: [session] }];
}

function sessionsOf({ entries }: Leftovers, slot?: bigint): bigint[] {
  return entries
    .filter((entry) =>
      entry.kind === ENTRY.session && entry.handle !== 0n && (slot === undefined || entry.slot === slot)
    )
    .map(({ handle }) => handle);
}

/** Runs part of an operation while holding the lock of a module's callers. */
export function* locked<T>(frame: Frame, callers: Callers, action: string, body: () => Program<T>): Program<T> {
  yield* whenItsTurnComes(frame);
  while (!callers.tryLock()) {
    if (!frame.inPlace) yield new Ask(() => callers.rest());
    // What this thread holds for an asynchronous call cannot be given back while the thread waits here.
    else if (callers.heldHere) throw new SessionBusyError(action, "an asynchronous load or close", "the module");
    else callers.pause();
  }
  try {
    return yield* body();
  } finally {
    callers.unlock();
  }
}
