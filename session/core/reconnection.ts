import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleCore } from "./module_core.ts";

/** Calls that need no session: what fails here while the server is away can be made again when it is back. */
const SESSIONLESS: ReadonlySet<string> = new Set([
  "C_GetInfo",
  "C_GetSlotList",
  "C_GetSlotInfo",
  "C_GetTokenInfo",
  "C_GetMechanismList",
  "C_GetMechanismInfo",
  "C_OpenSession",
]);

/** Whether an error says that the server of a remote module is gone. */
function isLost(error: unknown): boolean {
  return error instanceof Pkcs11Error && SESSIONLESS.has(error.fn) &&
    (error.code === CKR.DEVICE_ERROR || error.code === CKR.DEVICE_REMOVED);
}

/**
 * Finds the server of a remote module again. Its sessions and objects ended with it: what is left of them here is closed
 * for good, as the new server may give their handles to something else.
 */
export class Reconnection {
  readonly #core: ModuleCore;
  #under: Promise<void> | null = null;
  /** Whether the module was finalised and could not be initialised again. */
  #down = false;

  /** For a caller of a remote module. */
  constructor(core: ModuleCore) {
    this.#core = core;
  }

  /** Makes a call that needs no session; once more, after reconnecting, if the server turns out to be gone. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#under !== null || this.#down) await this.#reconnect();
    try {
      return await call();
    } catch (error) {
      if (!isLost(error) || this.#core.closed) throw error;
      // The new failure says no more than the first one.
      await this.#reconnect().catch(() => Promise.reject(error));
      return await call();
    }
  }

  /** {@linkcode Reconnection.run} in place. While other calls are under way it does not reconnect. */
  runSync<T>(call: () => T): T {
    if (this.#down) this.#reconnectSync();
    try {
      return call();
    } catch (error) {
      if (!isLost(error) || this.#core.closed || this.#core.engine.inFlight > 0) throw error;
      try {
        this.#reconnectSync();
      } catch {
        throw error;
      }
      return call();
    }
  }

  #reconnect(): Promise<void> {
    return this.#under ??= this.#connectAgain().finally(() => this.#under = null);
  }

  async #connectAgain(): Promise<void> {
    const { engine, backend } = this.#core;
    this.#giveUpSessions();
    while (engine.inFlight > 0) await engine.drained();
    this.#down = true;
    await engine.run(null, backend.reconnect!, null, { observer: this.#core.observer(false) });
    this.#down = false;
  }

  #reconnectSync(): void {
    const { engine, backend } = this.#core;
    this.#giveUpSessions();
    this.#down = true;
    engine.runSync(null, backend.reconnect!, null, { observer: this.#core.observer(true) });
    this.#down = false;
  }

  #giveUpSessions(): void {
    for (const session of [...this.#core.sessions]) session.lose();
    this.#core.pool?.drain();
    this.#core.backend.register?.clear();
  }
}
