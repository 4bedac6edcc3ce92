// The module in card_module.c, compiled for one test file: a card with three tries and a log of what reaches it.
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../ffi/tables/functions.ts";
import { Module } from "../../session/tokens/module.ts";
import type { ModuleOptions } from "../../session/managed/options.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import { compileModule, compilerSkip } from "./c_compiler.ts";

/** For `it(name, { skip: cardModuleSkip }, …)`: why the module cannot be compiled, else false. */
export const cardModuleSkip: string | false = compilerSkip;

const SETTINGS = {
  pinPad: 0n,
  mostSessions: 1n,
  earlyPin: 2n,
  failedStayActive: 3n,
  microseconds: 4n,
  mostRandomBytes: 5n,
  leastPinLength: 6n,
  silentSetPin: 7n,
  pinExpired: 8n,
} as const;

/** A call that has reached the card. */
export interface CardCall {
  /** The function. */
  readonly fn: FunctionName;
  /** The session; 0 where it has none. */
  readonly session: number;
}

/** A compiled card. Its PIN is 1234, the security officer's 87654321. */
export class CardModule {
  /** The library. */
  readonly path: string;
  readonly #call: (name: string, ...words: bigint[]) => number;

  /** Compiles a card of its own. */
  constructor() {
    this.path = compileModule("card_module");
    const library = nativeRuntime().open(this.path);
    this.#call = (name, ...words) => {
      const fn = library.bind(name, words.length, "u32");
      if (fn === null) throw new Error(`Cannot command the card: it has no ${name}`);
      return fn(...words) as number;
    };
  }

  /** Loads the module and gives the card's slot. */
  async slot(options: ModuleOptions = { managed: false }): Promise<Slot> {
    const module = await Module.load(this.path, options);
    return (await module.slots())[0]!;
  }

  /** Changes a habit. */
  set(what: keyof typeof SETTINGS, value: number): void {
    this.#call("card_set", SETTINGS[what], BigInt(value));
  }

  /** A new card: three tries, nobody logged in, the usual habits, an empty log. Open sessions stay. */
  reset(): void {
    this.#call("card_reset");
  }

  /** The calls that have reached the card since the last reset, in order. */
  get log(): CardCall[] {
    return Array.from({ length: this.#call("card_events") }, (_, i) => {
      const event = this.#call("card_event", BigInt(i));
      return { fn: FUNCTION_NAMES[event >>> 16]!, session: event & 0xffff };
    });
  }

  /** How often a function was called. */
  calls(fn: FunctionName): number {
    return this.log.filter((call) => call.fn === fn).length;
  }

  /** Tries left. */
  get tries(): number {
    return this.#call("card_tries");
  }

  /** Tries that the security officer has left. */
  get officersTries(): number {
    return this.#call("card_officers_tries");
  }

  /** Uses for which the PIN was given and that have not ended: other programs wait for the card. */
  get locks(): number {
    return this.#call("card_locks");
  }

  /** Sessions open. */
  get sessions(): number {
    return this.#call("card_sessions");
  }

  /** Sessions with an operation active. */
  get active(): number {
    return this.#call("card_active");
  }
}
