import type { Cryptoki } from "../../ffi/tables/cryptoki.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import type { Operation, Program } from "../../ffi/engine/program.ts";
import type { CallerRegister, Callers } from "./callers.ts";
import { endAllLeftovers } from "./leftovers.ts";
import { locked } from "./locked.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { type BackendOptions, optionReader, reconnecting, releasing } from "./options.ts";

/** What stays the same whoever counts the callers of a module: this caller's place among them, and how he leaves it. */
export abstract class CountedBackend implements ModuleBackend {
  /** Who counts. */
  abstract readonly managed: "p11-kit" | "gp11";
  /** Whether this caller's C_Initialize was the real one. */
  abstract readonly owner: boolean;
  /** Whether closing this caller ends the functions he uses. */
  abstract readonly last: boolean;
  /** The functions of the module, or of this caller's wrapper of it. */
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
  /** All callers of the module that are counted together. */
  readonly callers: Callers;
  /** Text for `pReserved` of C_Initialize. */
  protected readonly reserved: string | null;
  /** Whether this caller's C_Finalize is never called. */
  protected readonly neverFinalize: boolean;
  #place = -1;
  #register: CallerRegister | null = null;

  /** A further caller of a module. */
  protected constructor(table: Cryptoki, path: string, callers: Callers, options: BackendOptions) {
    this.table = table;
    this.path = options.remote ? null : path;
    this.name = options.name ?? null;
    this.configOption = optionReader(options);
    this.reconnect = reconnecting(options);
    this.callers = callers;
    this.reserved = options.reserved ?? null;
    this.neverFinalize = options.neverFinalize ?? false;
    this.initialize = releasing(options, (frame) => this.begin(frame));
    this.finalize = (frame) => locked(frame, callers, "close the module", () => this.#end(frame, options.released));
  }

  /** Where the caller's sessions and logins are written down. */
  get register(): CallerRegister | null {
    return this.#register;
  }

  /** Whether a load or close of the module is under way in this thread. */
  get changing(): boolean {
    return this.callers.heldHere;
  }

  /** Begins this caller's use, and takes his place. */
  protected abstract begin(frame: Frame): Program<void>;

  /** Says, before the place is left, that the caller makes no more calls. */
  protected abstract ending(): void;

  /** C_Finalize of all whose turn it is. */
  protected abstract finalizeDue(frame: Frame, due: readonly bigint[]): Program<void>;

  /** The caller has begun at this place. */
  protected begun(place: number): void {
    this.#place = place;
    this.#setRegister(this.callers.register(place));
  }

  *#end(frame: Frame, released: (() => void) | undefined): Program<void> {
    this.ending();
    released?.();
    this.#setRegister(null);
    this.callers.leave(this.#place, this.neverFinalize);
    yield* endAllLeftovers(frame, this.callers);
    yield* this.finalizeDue(frame, this.callers.takeDue());
  }

  #setRegister(register: CallerRegister | null): void {
    this.#register?.close();
    this.#register = register;
  }
}
