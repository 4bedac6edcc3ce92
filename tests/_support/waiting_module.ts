// The module in waiting_module.c: SoftHSM2 whose signatures wait for each other.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { FUNCTION_NAMES } from "../../ffi/tables/functions.ts";
import { temporaryFolder } from "./temporary_folder.ts";

/** A compiled module. */
export class WaitingModule {
  /** The library. */
  readonly path: string;

  /** Compiles a module of its own around SoftHSM2's. */
  constructor(softhsm: string) {
    const source = fileURLToPath(new URL("./waiting_module.c", import.meta.url));
    this.path = `${temporaryFolder("waiting")}/waiting.so`;
    const macros = [`-DSOFTHSM="${softhsm}"`, `-DC_SIGN=${FUNCTION_NAMES.indexOf("C_Sign")}`];
    execFileSync("cc", ["-O1", "-shared", "-fPIC", "-w", ...macros, source, "-lpthread", "-ldl", "-o", this.path], {
      stdio: "pipe",
    });
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

  /** Signatures under way. */
  get inside(): number {
    return this.#call("waiting_inside");
  }

  /** Most signatures that were under way at the same time, since the last `waitFor`. */
  get most(): number {
    return this.#call("waiting_most");
  }
}
