// The module in moving_module.c, compiled for one test file: SoftHSM2 with tokens that change their slots.
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { compileAround, compilerSkip } from "./c_compiler.ts";
import { softhsmModule, softhsmSkip } from "./softhsm.ts";

/** For `it(name, { skip: movingModuleSkip }, …)`: why there is no such module, else false. */
export const movingModuleSkip: string | false = softhsmSkip || compilerSkip;

/** SoftHSM2 behind slots that can be changed. Tokens are made with `createToken` before it is loaded. */
export class MovingModule {
  /** The library. */
  readonly path: string;
  readonly #call: (name: string, ...words: bigint[]) => number;

  /** Compiles a module of its own. */
  constructor() {
    this.path = compileAround(softhsmModule()!, "moving_module");
    const library = nativeRuntime().open(this.path);
    this.#call = (name, ...words) => {
      const fn = library.bind(name, words.length, "u32");
      if (fn === null) throw new Error(`Cannot command the module: it has no ${name}`);
      return fn(...words) as number;
    };
  }

  /** Puts the token of a slot into another one; slot 0 is none, where one token at a time can be. */
  move(from: bigint, to: bigint): void {
    this.#call("moving_put", from, to);
  }

  /** The token of a slot is not told of: C_GetTokenInfo answers `rv`; slot 0 is none. */
  break(slot: bigint, rv: number): void {
    this.#call("moving_break", slot, BigInt(rv));
  }

  /** C_Login calls that were made. */
  get logins(): number {
    return this.#call("moving_logins");
  }
}
