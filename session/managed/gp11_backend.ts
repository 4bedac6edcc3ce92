import { CKR } from "../../ffi/constants/mod.ts";
import type { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Operation } from "../../ffi/engine/program.ts";
import { Pkcs11Error } from "../errors.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { type CallerRegister, Callers, ROAD } from "./callers.ts";
import { beginModule, finalizeDue, takeTurns } from "./life.ts";
import { endAllLeftovers } from "./leftovers.ts";
import { LocalCaller, tableName } from "./library.ts";
import { locked } from "./locked.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";

/**
 * Our own management, for a module by path: the first caller's C_Initialize is the real one, the last caller's
 * C_Finalize too, unless somebody else had initialised the module before us. An abandoned call counts as its caller's use.
 */
export class Gp11Backend implements ModuleBackend {
  /** We count. */
  readonly managed = "gp11";
  /** The module's functions. */
  readonly table: Cryptoki;
  /** The library's path; `null` for a module that runs elsewhere. */
  readonly path: string | null;
  /** The name in the configuration. */
  readonly name: string | null;
  /** Begins this caller's use of the module. */
  readonly initialize: Operation<void, null>;
  /** Ends it. */
  readonly finalize: Operation<void, null>;
  /** Begins anew after the server of a remote module went away. */
  readonly reconnect: Operation<void, null> | null;
  /** A value of the module's configuration. */
  readonly configOption: (key: string) => string | null;
  /** Nothing stands in the way of a call. */
  readonly gate = null;
  /** All callers of the module in this process. */
  readonly callers: Callers;
  readonly #caller: LocalCaller;
  #register: CallerRegister | null = null;

  /** A further caller of a module. */
  constructor(table: Cryptoki, path: string, options: BackendOptions) {
    this.table = table;
    this.path = options.remote ? null : path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    const callers = Callers.of(path, tableName(table), options.share?.memory);
    this.callers = callers;
    const reserved = options.reserved ?? null;
    const caller = new LocalCaller(table);
    this.#caller = caller;
    const setRegister = (register: CallerRegister | null) => {
      this.#register?.close();
      this.#register = register;
    };
    let place = -1;
    this.initialize = releasing(options, (frame) =>
      locked(frame, callers, "load the module", function* () {
        yield* endAllLeftovers(frame, callers);
        yield* finalizeDue(frame, callers.takeDue());
        const isBegun = callers.begun;
        place = callers.enter(table.address, ROAD.gp11);
        try {
          const rv = isBegun ? CKR.CRYPTOKI_ALREADY_INITIALIZED : yield* beginModule(frame, callers, reserved);
          if (rv !== CKR.OK && rv !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw new Pkcs11Error(rv, "C_Initialize");
          takeTurns(frame, callers);
          if (rv === CKR.OK) callers.own(place);
          setRegister(callers.register(place));
          caller.begin();
        } catch (error) {
          callers.remove(place);
          throw error;
        }
      }));
    this.finalize = (frame) =>
      locked(frame, callers, "close the module", function* () {
        caller.end();
        options.released?.();
        setRegister(null);
        callers.leave(place, options.neverFinalize ?? false);
        yield* endAllLeftovers(frame, callers);
        yield* finalizeDue(frame, callers.takeDue());
      });
  }

  /** Where the caller's sessions and logins are written down. */
  get register(): CallerRegister | null {
    return this.#register;
  }

  /** Whether a load or close of the module is under way in this thread. */
  get changing(): boolean {
    return this.callers.heldHere;
  }

  /** Whether no other caller uses the functions in this thread. */
  get last(): boolean {
    return this.#caller.isLast;
  }

  /** Whether the module's real C_Initialize was made by this management. */
  get owner(): boolean {
    return this.callers.owned;
  }
}
