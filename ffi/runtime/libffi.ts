/**
 * Calling a function by its address through libffi, for runtimes that can only call exported symbols fast (Deno) or at
 * all (Node). Self-contained: its text also runs inside worker threads.
 */
import type { NativeFunction, NativeResult } from "./native.ts";

/** What libffi needs from the runtime that has opened it. */
export interface LibffiBinding {
  /** `ffi_prep_cif(cif, abi, nargs, rtype, atypes)`. */
  prepare: (cif: bigint, abi: bigint, count: bigint, result: bigint, types: bigint) => number;
  /** `ffi_call(cif, fn, rvalue, avalue)`. */
  call: (cif: bigint, fn: bigint, result: bigint, values: bigint) => unknown;
  /** Address of the `ffi_type_uint64` description. */
  uint64: bigint;
  /** The ABI number of this platform: 2 on x86-64 Unix, 1 elsewhere. */
  abi: bigint;
  /** The address of a buffer. */
  address: (view: Uint8Array) => bigint;
}

/** Binds addresses with a scratch area of their own for each function; no call may re-enter the same function. */
export type AddressBinder = (address: bigint, arity: number, result: NativeResult) => NativeFunction;

/** Makes the binder of one libffi. Uses nothing from outside, as its text is sent to worker threads. */
export function libffiBinder(ffi: LibffiBinding): AddressBinder {
  const shapes = new Map<number, { memory: Uint8Array; cif: bigint }>();
  const shape = (arity: number) => {
    const known = shapes.get(arity);
    if (known) return known;
    const memory = new Uint8Array(new ArrayBuffer(128 + 8 * arity));
    const base = ffi.address(memory);
    const types = new BigUint64Array(memory.buffer, 128, arity);
    types.fill(ffi.uint64);
    const status = ffi.prepare(base, ffi.abi, BigInt(arity), ffi.uint64, base + 128n);
    if (status !== 0) throw new Error(`Cannot prepare a call with ${arity} arguments: libffi answered ${status}`);
    const made = { memory, cif: base };
    shapes.set(arity, made);
    return made;
  };
  return (address, arity, result) => {
    const { cif } = shape(arity);
    const memory = new ArrayBuffer(16 + 16 * arity);
    const base = ffi.address(new Uint8Array(memory));
    const words = new BigUint64Array(memory, 16, arity);
    const pointers = new BigUint64Array(memory, 16 + 8 * arity, arity);
    const result64 = new BigUint64Array(memory, 0, 1);
    const result32 = new Uint32Array(memory, 0, 1);
    for (let i = 0; i < arity; i++) pointers[i] = base + BigInt(16 + 8 * i);
    const values = base + BigInt(16 + 8 * arity);
    return (...given) => {
      if (given.length !== arity) {
        throw new TypeError(`Cannot call a function of ${arity} arguments: got ${given.length}`);
      }
      for (let i = 0; i < arity; i++) words[i] = given[i]!;
      ffi.call(cif, address, base, values);
      if (result === "u32") return result32[0]!;
      if (result === "u64") return result64[0]!;
      return result === "i32" ? result32[0]! | 0 : undefined;
    };
  };
}
