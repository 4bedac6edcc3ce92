// The module in strict_module.c, compiled for one test file: it follows the rules, and fails, blocks or lies on command.
import type { FunctionName } from "../../ffi/tables/functions.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import type { NativeResult } from "../../ffi/runtime/native.ts";
import { compileModule, compilerSkip } from "./c_compiler.ts";

/** For `it(name, { skip: strictModuleSkip }, …)`: why the module cannot be compiled, else false. */
export const strictModuleSkip: string | false = compilerSkip;

/** What a test may change: sizes of results, whether they are announced, lies about lengths, and so on. */
export const STRICT = {
  output: 0n,
  announce: 1n,
  lie: 2n,
  sticky: 3n,
  objects: 4n,
  alwaysAuthenticate: 5n,
  uneven: 6n,
  secret: 7n,
  secretLength: 8n,
  habits: 9n,
  readers: 10n,
  event: 11n,
} as const;

/** Bits of `habits`: what some modules do otherwise. */
export const HABIT = {
  /** The answer that the room is too small ends the operation. */
  endsWhenTooSmall: 128,
  /** C_GetInfo says that Mozilla has made it. */
  madeByMozilla: 8,
  /** Parts that are no multiple of 16 bytes are refused. */
  wantsBlocks: 16,
  /** What a cipher gives comes with its end. */
  givesAtTheEnd: 32,
  /** A part wants room for everything that is kept back, too, though it may give nothing. */
  wantsRoomForAll: 512,
  /** A search begins again when it has found everything. */
  findsForEver: 256,
  /** The token's label is filled with NULs. */
  padsWithNul: 64,
} as const;

const encoder = new TextEncoder();

/** A compiled module. */
export class StrictModule {
  /** The library. */
  readonly path: string;
  readonly #call: (name: string, arity: number) => (...words: bigint[]) => number;
  readonly #names = new Map<string, Uint8Array>();

  /** Compiles a module of its own with the functions of PKCS#11 2.40 or 3.2. */
  constructor(version: "2.40" | "3.2" = "3.2") {
    this.path = compileModule("strict_module", [`-DVERSION=${version === "2.40" ? 240 : 302}`]);
    const library = nativeRuntime().open(this.path);
    const result: NativeResult = "u32";
    this.#call = (name, arity) => {
      const fn = library.bind(name, arity, result);
      if (fn === null) throw new Error(`Cannot command the module: it has no ${name}`);
      return (...words) => fn(...words) as number;
    };
  }

  #name(fn: FunctionName): bigint {
    let name = this.#names.get(fn);
    if (!name) {
      name = new Uint8Array(new ArrayBuffer(64));
      encoder.encodeInto(fn, name);
      this.#names.set(fn, name);
    }
    return nativeRuntime().address(name);
  }

  /** How often a function was called. */
  calls(fn: FunctionName): number {
    return this.#call("strict_calls", 1)(this.#name(fn));
  }

  /** The next calls of a function return `rv`, after so many that do not. */
  fail(fn: FunctionName, rv: number, { after = 0, times = 1 } = {}): void {
    this.#call("strict_fail", 4)(this.#name(fn), BigInt(rv), BigInt(after), BigInt(times));
  }

  /** Calls of a function do not return before {@linkcode StrictModule.release}. */
  block(fn: FunctionName): void {
    this.#call("strict_block", 1)(this.#name(fn));
  }

  /** Lets every blocked call return. */
  release(): void {
    this.#call("strict_release", 0)();
  }

  /** Resolves when so many calls are blocked. */
  async blocked(count = 1): Promise<void> {
    const blocked = this.#call("strict_blocked", 0);
    for (const end = performance.now() + 60_000; blocked() < count;) {
      if (performance.now() > end) throw new Error(`Cannot wait any longer for ${count} blocked calls`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Changes how the module behaves. */
  set(what: keyof typeof STRICT, value: number | bigint): void {
    this.#call("strict_set", 2)(STRICT[what], BigInt(value));
  }

  /** Forgets every command and count of calls. */
  reset(): void {
    this.#call("strict_reset", 0)();
  }

  /** Calls that met another one on their session, and C_Finalize calls that met any: there must be none. */
  get overlaps(): number {
    return this.#call("strict_overlaps", 0)();
  }

  /** Objects that were created and not destroyed. */
  get liveObjects(): number {
    return this.#call("strict_live_objects", 0)();
  }

  /** Sessions open. */
  get sessions(): number {
    return this.#call("strict_sessions", 0)();
  }

  /** Sessions with an operation active. */
  get active(): number {
    return this.#call("strict_active", 0)();
  }
}
