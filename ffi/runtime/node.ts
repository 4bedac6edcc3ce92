/**
 * Node's way to call C, by node:ffi. Node exports its own OpenSSL, which a module would otherwise bind to instead of the
 * one it was linked with: every library is opened with RTLD_DEEPBIND first.
 */
import type { NativeFunction, NativeLibrary, NativeResult, NativeRuntime } from "./native.ts";
import type { AddressBinder, libffiBinder, LibffiBinding } from "./libffi.ts";

// deno-lint-ignore no-explicit-any
type Untyped = any;

/** Makes Node's runtime. Uses nothing from outside, as its text is sent to worker threads. */
export function nodeRuntime(createBinder: typeof libffiBinder): NativeRuntime {
  const process: Untyped = (globalThis as Untyped).process;
  const ffi: Untyped = process.getBuiltinModule("node:ffi");
  if (!ffi) {
    throw new Error(
      `Cannot use PKCS#11 modules on Node ${process.versions.node}: node:ffi is not there, start Node 26.1 or later ` +
        "with --experimental-ffi; from 26.9 on it is there without",
    );
  }
  const types = { u32: "uint32", i32: "int32", u64: "uint64", void: "void" } as const;
  // Words that are said to be pointers are checked in less time; what is called is the same.
  const signature = (arity: number, result: NativeResult): Untyped => ({
    arguments: new Array(arity).fill("pointer"),
    return: types[result],
  });
  // V8 compiles calls of node:ffi functions in the background and reads their signatures meanwhile: one that goes away
  // then, with the worker thread that bound it, ends the process. Such calls are left uncompiled.
  process.getBuiltinModule("node:v8").setFlagsFromString("--no-turbo-fast-api-calls");
  // For the same reason nothing that was bound is given up, and each function is called from a site of its own arity.
  const libraries = new Map<string, Untyped>();
  const functions = new Map<string, NativeFunction>();
  const fixed: readonly ((f: NativeFunction) => NativeFunction)[] = [
    (f) => () => f(),
    (f) => (a) => f(a!),
    (f) => (a, b) => f(a!, b!),
    (f) => (a, b, c) => f(a!, b!, c!),
    (f) => (a, b, c, d) => f(a!, b!, c!, d!),
    (f) => (a, b, c, d, e) => f(a!, b!, c!, d!, e!),
    (f) => (a, b, c, d, e, g) => f(a!, b!, c!, d!, e!, g!),
    (f) => (a, b, c, d, e, g, h) => f(a!, b!, c!, d!, e!, g!, h!),
    (f) => (a, b, c, d, e, g, h, i) => f(a!, b!, c!, d!, e!, g!, h!, i!),
    (f) => (a, b, c, d, e, g, h, i, j) => f(a!, b!, c!, d!, e!, g!, h!, i!, j!),
    (f) => (a, b, c, d, e, g, h, i, j, k) => f(a!, b!, c!, d!, e!, g!, h!, i!, j!, k!),
  ];
  const libraryOf = (path: string): Untyped => {
    let library = libraries.get(path);
    if (!library) libraries.set(path, library = new ffi.DynamicLibrary(path));
    return library;
  };
  const functionOf = (path: string, name: string, arity: number, result: NativeResult): NativeFunction => {
    const key = `${path}\0${name}\0${arity}\0${result}`;
    let fn = functions.get(key);
    if (!fn) functions.set(key, fn = fixed[arity]!(libraryOf(path).getFunction(name, signature(arity, result))));
    return fn;
  };
  const address = (view: Uint8Array): bigint => BigInt(ffi.getRawPointer(view));
  const RTLD_NOW_DEEPBIND = 2n | 8n;
  let libcDlopen: NativeFunction | null | undefined;
  const bindDeep = (path: string): void => {
    if (libcDlopen === undefined) libcDlopen = process.platform === "linux" ? findDlopen() : null;
    if (!libcDlopen) return;
    const name = new TextEncoder().encode(`${path}\0`);
    const buffer = new Uint8Array(new ArrayBuffer(name.length));
    buffer.set(name);
    libcDlopen(address(buffer), RTLD_NOW_DEEPBIND);
    // Still used here, so that it cannot be collected while C reads it.
    buffer.fill(0);
  };
  const findDlopen = (): NativeFunction | null => {
    try {
      return functionOf("libc.so.6", "dlopen", 2, "u64");
    } catch {
      // No glibc: other C libraries know no RTLD_DEEPBIND.
      return null;
    }
  };
  let binder: AddressBinder | null = null;
  const addressBinder = (): AddressBinder => {
    const names = process.platform === "darwin" ? ["/usr/lib/libffi.dylib"] : ["libffi.so.8", "libffi.so.7"];
    let failure: unknown = null;
    for (const name of names) {
      try {
        const library = libraryOf(name);
        return createBinder({
          prepare: functionOf(name, "ffi_prep_cif", 5, "u32") as LibffiBinding["prepare"],
          call: functionOf(name, "ffi_call", 4, "void"),
          uint64: library.getSymbol("ffi_type_uint64"),
          abi: process.arch === "x64" && process.platform !== "win32" ? 2n : 1n,
          address,
        });
      } catch (error) {
        failure ??= error;
      }
    }
    throw new Error("Cannot call a function by its address: Node needs the system's libffi", { cause: failure });
  };
  return {
    name: "node",
    address,
    read(from: bigint, into: Uint8Array): void {
      if (into.length > 0) into.set(new Uint8Array(ffi.toArrayBuffer(from, into.length, false)));
    },
    allows: (): boolean => true,
    endProcess(code: number): void {
      // As Node itself finds it.
      const own = new ffi.DynamicLibrary(null);
      own.getFunction("_exit", { arguments: ["int32"], return: "void" })(code);
    },
    open(path: string): NativeLibrary {
      if (!libraries.has(path)) bindDeep(path);
      const library = libraryOf(path);
      const symbol = (name: string): bigint | null => {
        try {
          return library.getSymbol(name);
        } catch (error) {
          if (String((error as Untyped).message).startsWith("dlsym failed")) return null;
          throw error;
        }
      };
      return {
        path,
        symbol,
        bind: (name: string, arity: number, result: NativeResult): NativeFunction | null =>
          symbol(name) === null ? null : functionOf(path, name, arity, result),
      };
    },
    bindAddress(at: bigint, arity: number, result: NativeResult): NativeFunction {
      binder ??= addressBinder();
      return binder(at, arity, result);
    },
  };
}
