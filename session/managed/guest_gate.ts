import { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { CallGate } from "../../ffi/engine/gate.ts";
import type { Callers } from "./callers.ts";

/**
 * The gate of a guest: whoever has initialised the module ends it without asking him, but not during his calls, and no
 * call of his reaches the module afterwards.
 */
export class GuestGate implements CallGate {
  readonly #table: Cryptoki;
  readonly #callers: Callers;
  readonly #place: number;
  /** How often the module had been finalised when the guest came. */
  readonly #finalised: bigint;
  #calls = 0;

  /** The gate of the guest at a place, which becomes a guest's. Needs the lock. */
  constructor(table: Cryptoki, callers: Callers, place: number) {
    this.#table = table;
    this.#callers = callers;
    this.#place = place;
    this.#finalised = callers.finalised;
    callers.becomeGuest(place);
  }

  /** Begins a call; false when the module is no longer the one he found. */
  enter(): boolean {
    if (this.#calls === 0) {
      const isThere = this.#callers.exclusively(() => {
        if (this.#callers.finalised !== this.#finalised) return false;
        this.#callers.setCalling(this.#place, true);
        return true;
      });
      if (!isThere) return false;
    }
    this.#calls++;
    return true;
  }

  /** Ends a call, and the module if that was waited for. */
  leave(): void {
    if (--this.#calls > 0) return;
    this.#callers.exclusively(() => {
      this.#callers.setCalling(this.#place, false);
      for (const list of this.#callers.takeDue()) {
        const table = list === this.#table.address ? this.#table : Cryptoki.fromFunctionList(list);
        table.call("C_Finalize", 0n);
      }
    });
  }
}
