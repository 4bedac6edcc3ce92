import process from "node:process";
import { requireRuntime } from "../internal/required_runtime.ts";
import { bunRuntime } from "./bun.ts";
import { denoRuntime } from "./deno.ts";
import { libffiBinder } from "./libffi.ts";
import type { Abi } from "./memory.ts";
import { nodeRuntime } from "./node.ts";

/**
 * What a JavaScript runtime must offer to call C: open a library, bind a symbol or an address, take an address, read
 * memory. Each of deno.ts, bun.ts and node.ts makes one from a self-contained function, so that the same text runs on
 * the caller's thread and inside worker threads.
 */

/** What a bound function returns: CK_RV and other 32-bit results as `u32`, C ints as `i32`, pointers as `u64`. */
export type NativeResult = "u32" | "i32" | "u64" | "void";

/**
 * A bound C function. Every parameter is a 64-bit word, given as a bigint; `u32` and `i32` results are numbers,
 * `u64` results bigints, `void` gives `undefined`.
 */
export type NativeFunction = (...words: bigint[]) => number | bigint | undefined;

/** An open shared library; it stays open for the life of the process. */
export interface NativeLibrary {
  /** The path it was opened by. */
  readonly path: string;
  /** The address of an exported symbol; `null` where it is missing or the runtime cannot tell. */
  symbol(name: string): bigint | null;
  /** Binds an exported function; `null` where it is missing. */
  bind(name: string, arity: number, result: NativeResult): NativeFunction | null;
}

/** One runtime's way to call C. */
export interface NativeRuntime {
  /** Which runtime this is. */
  readonly name: "deno" | "bun" | "node";
  /** The address of a view's first byte. The buffer must stay referenced while C may use it. */
  address(view: Uint8Array): bigint;
  /** Copies native memory at `address` into `into`. */
  read(address: bigint, into: Uint8Array): void;
  /** Whether a library may be opened without asking the program's user for permission first. */
  allows(path: string): boolean;
  /** Opens a library; throws the loader's own error. */
  open(path: string): NativeLibrary;
  /** A number of the calling thread, by which another can ask whether it is still there; 0 where that cannot be told. */
  threadId?(): number;
  /** Whether a thread is still there. */
  threadAlive?(id: number): boolean;
  /** Binds a function by its address. */
  bindAddress(address: bigint, arity: number, result: NativeResult): NativeFunction;
}

/** Where a bound function comes from, in a form that another thread can bind again. */
export type NativeSource =
  | { readonly kind: "symbol"; readonly path: string; readonly name: string }
  | { readonly kind: "address"; readonly address: bigint };

let current: NativeRuntime | null = null;

/** The runtime this program runs on, made on first use. */
export function nativeRuntime(): NativeRuntime {
  current ??= makeRuntime();
  return current;
}

const WINDOWS: Abi = { ulong: 4, packed: true };
const UNIX: Abi = { ulong: 8, packed: false };

/** How this platform's C compiler lays out PKCS#11 structures. */
export function nativeAbi(): Abi {
  return process.platform === "win32" ? WINDOWS : UNIX;
}

/** Source text of an expression that makes the same runtime inside a worker thread. */
export function runtimeSource(): string {
  const binder = `(${libffiBinder})`;
  switch (runtimeName()) {
    case "deno":
      return `(${denoRuntime})(${binder})`;
    case "bun":
      return `(${bunRuntime})()`;
    case "node":
      return `(${nodeRuntime})(${binder})`;
  }
}

function makeRuntime(): NativeRuntime {
  requireRuntime("PKCS#11 modules");
  switch (runtimeName()) {
    case "deno":
      return denoRuntime(libffiBinder);
    case "bun":
      return bunRuntime();
    case "node":
      return nodeRuntime(libffiBinder);
  }
}

function runtimeName(): NativeRuntime["name"] {
  const versions: Record<string, string | undefined> = process.versions;
  return versions["deno"] ? "deno" : versions["bun"] ? "bun" : "node";
}
