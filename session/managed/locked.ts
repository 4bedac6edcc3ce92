import { Ask, type Program, whenItsTurnComes } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { SessionBusyError } from "../errors.ts";
import type { Callers } from "./callers.ts";

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
