// The module in waiting_module.c: SoftHSM2 whose signatures wait for each other, take their time, or fail.
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../ffi/tables/functions.ts";
import { compileAround } from "./c_compiler.ts";

/** A compiled module. */
export class WaitingModule {
  /** The library. */
  readonly path: string;

  /** Compiles a module of its own around SoftHSM2's; `path` is one that another process has compiled. */
  constructor(softhsm: string, path?: string) {
    this.path = path ?? compiled(softhsm);
  }

  #call(name: string, ...words: bigint[]): number {
    const fn = nativeRuntime().open(this.path).bind(name, words.length, "u32");
    if (fn === null) throw new Error(`Cannot command the module: it has no ${name}`);
    return fn(...words) as number;
  }

  /** From now on signatures wait until so many are under way. */
  waitFor(count: number): void {
    this.#call("waiting_set", BigInt(count));
  }

  /** From now on each signature takes so many milliseconds more. */
  pause(milliseconds: number): void {
    this.#call("waiting_pause", BigInt(milliseconds));
  }

  /** From now on each signature is made and ends with this CK_RV; 0 is its own. */
  fail(rv: number): void {
    this.#call("waiting_fail", BigInt(rv));
  }

  /** How often somebody has tried to log in. */
  get logins(): number {
    return this.#call("waiting_logins");
  }

  /** Sessions that were opened and not closed by themselves. */
  get sessions(): number {
    return this.#call("waiting_sessions");
  }

  /** Signatures under way. */
  get inside(): number {
    return this.#call("waiting_inside");
  }

  /** Most signatures that were under way at the same time, since the last `waitFor`. */
  get most(): number {
    return this.#call("waiting_most");
  }
}

let made = 0;

function compiled(softhsm: string): string {
  const macros = ["C_Sign", "C_Login", "C_OpenSession", "C_CloseSession", "C_GetInfo"].map((name) =>
    `-D${name.toUpperCase()}=${FUNCTION_NAMES.indexOf(name as FunctionName)}`
  );
  return compileAround(softhsm, "waiting_module", [`-DOWN_LETTER=${65 + made++}`, ...macros]);
}
