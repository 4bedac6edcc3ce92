import { CKR } from "../../ffi/constants/mod.ts";
import type { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { Program } from "../../ffi/engine/program.ts";
import { Pkcs11Error } from "../errors.ts";
import { Callers, ROAD } from "./callers.ts";
import { CountedBackend } from "./counted_backend.ts";
import { beginModule, finalizeDue, takeTurns } from "./life.ts";
import { endAllLeftovers } from "./leftovers.ts";
import { LocalCaller, tableName } from "./library.ts";
import { locked } from "./locked.ts";
import type { BackendOptions } from "./options.ts";

/**
 * Our own management, for a module by path: the first caller's C_Initialize is the real one, the last caller's
 * C_Finalize too, unless somebody else had initialised the module before us. An abandoned call counts as its caller's use.
 */
export class Gp11Backend extends CountedBackend {
  /** We count. */
  readonly managed = "gp11";
  readonly #caller: LocalCaller;

  /** A further caller of a module. */
  constructor(table: Cryptoki, path: string, options: BackendOptions) {
    super(table, path, Callers.of(path, tableName(table), options.share?.memory), options);
    this.#caller = new LocalCaller(table);
  }

  /** Whether no other caller uses the functions in this thread. */
  get last(): boolean {
    return this.#caller.isLast;
  }

  /** Whether the module's real C_Initialize was made by this management. */
  get owner(): boolean {
    return this.callers.owned;
  }

  protected override begin(frame: Frame): Program<void> {
    return locked(frame, this.callers, "load the module", () => this.#begin(frame));
  }

  *#begin(frame: Frame): Program<void> {
    const { callers } = this;
    yield* endAllLeftovers(frame, callers);
    yield* finalizeDue(frame, callers.takeDue());
    const isBegun = callers.begun;
    const place = callers.enter(this.table.address, ROAD.gp11);
    try {
      const rv = isBegun ? CKR.CRYPTOKI_ALREADY_INITIALIZED : yield* beginModule(frame, callers, this.reserved);
      if (rv !== CKR.OK && rv !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
      takeTurns(frame, callers);
      if (rv === CKR.OK) callers.own(place);
      this.begun(place);
      this.#caller.begin();
    } catch (error) {
      callers.remove(place);
      throw error;
    }
  }

  protected override ending(): void {
    this.#caller.end();
  }

  protected override finalizeDue(frame: Frame, due: readonly bigint[]): Program<void> {
    return finalizeDue(frame, due);
  }
}
