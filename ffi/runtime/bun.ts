/** Bun's way to call C: every function by its address at full speed. */
import type { NativeFunction, NativeLibrary, NativeResult, NativeRuntime } from "./native.ts";

// deno-lint-ignore no-explicit-any
type Untyped = any;

/** Makes Bun's runtime. Uses nothing from outside, as its text is sent to worker threads. */
export function bunRuntime(): NativeRuntime {
  const ffi: Untyped = (globalThis as Untyped).process.getBuiltinModule("bun:ffi");
  const definition = (arity: number, result: NativeResult): Untyped => ({
    args: new Array(arity).fill("u64"),
    returns: result,
  });
  return {
    name: "bun",
    takesNumbers: true,
    address: (view: Uint8Array): bigint => BigInt(ffi.ptr(view)),
    read(from: bigint, into: Uint8Array): void {
      if (into.length > 0) into.set(new Uint8Array(ffi.toArrayBuffer(Number(from), 0, into.length)));
    },
    allocateAndFree(size: number): void {
      const functions = { malloc: definition(1, "u64"), free: definition(1, "void") };
      try {
        const { malloc, free } = ffi.dlopen("libc.so.6", functions).symbols;
        free(malloc(BigInt(size)));
      } catch {
        // No glibc: what is gained by this is glibc's alone.
      }
    },
    allows: (): boolean => true,
    open(path: string): NativeLibrary {
      // Bun opens a library only together with a symbol: asking for one that cannot exist tells a missing library
      // from a missing symbol by the message.
      try {
        ffi.dlopen(path, { gp11_no_such_symbol: definition(0, "u32") });
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith("Symbol ")) throw error;
      }
      return {
        path,
        symbol: (): null => null,
        bind(name: string, arity: number, result: NativeResult): NativeFunction | null {
          try {
            return ffi.dlopen(path, { [name]: definition(arity, result) }).symbols[name];
          } catch (error) {
            if (error instanceof Error && error.message.startsWith("Symbol ")) return null;
            throw error;
          }
        },
      };
    },
    bindAddress(at: bigint, arity: number, result: NativeResult): NativeFunction {
      return new ffi.CFunction({ ptr: Number(at), ...definition(arity, result) });
    },
  };
}
