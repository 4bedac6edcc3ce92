/**
 * Deno's way to call C. It needs `--allow-ffi` for the module and the C library only: addresses are taken and memory is
 * read through `memcpy`, never through `Deno.UnsafePointer`, which a list of allowed paths would not permit.
 */
import type { NativeFunction, NativeLibrary, NativeResult, NativeRuntime } from "./native.ts";
import type { AddressBinder, libffiBinder } from "./libffi.ts";

// deno-lint-ignore no-explicit-any
type Untyped = any;

/** Makes Deno's runtime. Uses nothing from outside, as its text is sent to worker threads. */
export function denoRuntime(createBinder: typeof libffiBinder): NativeRuntime {
  const deno: Untyped = (globalThis as Untyped).Deno;
  const granted = (path?: string): boolean =>
    deno.permissions.querySync(path === undefined ? { name: "ffi" } : { name: "ffi", path }).state === "granted";
  const machine = deno.build.arch === "x86_64" ? "x86_64" : "aarch64";
  const libcPaths: string[] = deno.build.os === "windows"
    ? ["C:\\Windows\\System32\\ucrtbase.dll", "C:\\Windows\\System32\\msvcrt.dll"]
    : deno.build.os === "darwin"
    ? ["/usr/lib/libSystem.B.dylib"]
    : [
      `/lib/${machine}-linux-gnu/libc.so.6`,
      `/usr/lib/${machine}-linux-gnu/libc.so.6`,
      "/lib64/libc.so.6",
      "/usr/lib64/libc.so.6",
      "/usr/lib/libc.so.6",
      "/lib/libc.so.6",
      `/lib/ld-musl-${machine}.so.1`,
    ];
  const ffiPaths: string[] = deno.build.os === "darwin"
    ? ["/usr/lib/libffi.dylib", "/opt/homebrew/opt/libffi/lib/libffi.8.dylib"]
    : deno.build.os === "windows"
    ? []
    : [
      `/usr/lib/${machine}-linux-gnu/libffi.so.8`,
      `/lib/${machine}-linux-gnu/libffi.so.8`,
      "/usr/lib64/libffi.so.8",
      "/usr/lib/libffi.so.8",
      `/usr/lib/${machine}-linux-gnu/libffi.so.7`,
    ];
  const ffiNames: string[] = deno.build.os === "windows" ? [] : ["libffi.so.8", "libffi.so.7", "libffi.dylib"];
  const openFirst = (paths: string[], symbols: Untyped, names: string[]): { path: string; symbols: Untyped } | null => {
    const all = granted();
    let failure: unknown = null;
    for (const path of all ? [...paths, ...names] : paths.filter((path) => granted(path))) {
      try {
        return { path, symbols: deno.dlopen(path, symbols).symbols };
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure) throw failure;
    return null;
  };
  const memcpySymbols = {
    addressOf: { name: "memcpy", parameters: ["buffer", "u64", "u64"], result: "u64" },
    pointerValue: { name: "memcpy", parameters: ["pointer", "u64", "u64"], result: "u64" },
  };
  let libcPath = "";
  let libc: Untyped = null;
  const memory = (): Untyped => {
    if (libc !== null) return libc;
    // Without any grant the first candidate is opened all the same, so that Deno asks, or names the missing permission.
    const opened = openFirst(libcPaths, memcpySymbols, ["libc.so.6"]);
    libcPath = opened?.path ?? libcPaths[0]!;
    libc = opened?.symbols ?? deno.dlopen(libcPath, memcpySymbols).symbols;
    return libc;
  };
  const address = (view: Uint8Array): bigint => memory().addressOf(view, 0n, 0n);
  // Made once: a short array lies in the heap, and C's memory is made for each that is handed to C.
  const written = new Int32Array(new ArrayBuffer(8));
  const writtenBytes = new Uint8Array(written.buffer);

  // The C library runs exit handlers newest first: its streams are flushed, then the process is over.
  const skipExitHandlers = (): void => {
    const libc = cLibrary();
    const onExit = libc.bind("on_exit", 2, "i32");
    const [end, flush] = [libc.symbol("_exit"), libc.symbol("fcloseall")];
    if (onExit === null || end === null || flush === null) return;
    for (const handler of [end, flush]) onExit(handler, 0n);
  };
  let leaving = false;

  const parameters = (arity: number): string[] => new Array(arity).fill("u64");
  let callSites = 0;
  /**
   * A call site of its own for each symbol, or V8 leaves the fast path once two symbols have passed through one. It takes
   * texts that are the same for one and the same site, as those of two modules would be.
   */
  const specialise = (symbols: Untyped, name: string, arity: number): NativeFunction => {
    const words = Array.from({ length: arity }, (_, i) => `a${i}`).join(",");
    const text = `return function ${name}(${words}) { /* ${callSites++} */ return call(${words}); }`;
    try {
      return new Function("call", text)(symbols[name]);
    } catch {
      // Code generation from strings is switched off: slower, but the same.
      return symbols[name];
    }
  };

  const libffi = (): Untyped => {
    try {
      return openFirst(ffiPaths, {
        ffi_prep_cif: { parameters: parameters(5), result: "u32" },
        ffi_call: { parameters: parameters(4), result: "void" },
        ffi_type_uint64: { type: "pointer" },
      }, ffiNames)?.symbols ?? null;
    } catch (error) {
      // Nobody has installed it; every Windows is like that. With a list of allowed paths there is no other way.
      if (granted()) return null;
      throw error;
    }
  };
  let binder: AddressBinder | null | undefined;
  /** Calls of addresses through libffi; null where it cannot be had. */
  const addressBinder = (): AddressBinder | null => {
    if (binder !== undefined) return binder;
    const symbols = libffi();
    binder = symbols && createBinder({
      prepare: symbols.ffi_prep_cif,
      call: specialise(symbols, "ffi_call", 4),
      uint64: memory().pointerValue(symbols.ffi_type_uint64, 0n, 0n),
      abi: deno.build.arch === "x86_64" && deno.build.os !== "windows" ? 2n : 1n,
      address,
    });
    return binder!;
  };
  const unsafeBinder: AddressBinder = (at, arity, result) => {
    const fn = new deno.UnsafeFnPointer(deno.UnsafePointer.create(at), { parameters: parameters(arity), result });
    return (...words) => fn.call(...words);
  };

  // What Deno has opened stays open for good: the same is not opened twice.
  const libraries = new Map<string, NativeLibrary>();
  const makeLibrary = (path: string): NativeLibrary => {
    const addresses = new Map<string, bigint | null>();
    const functions = new Map<string, NativeFunction | null>();
    const findSymbol = (name: string): bigint | null => {
      const found = deno.dlopen(path, { [name]: { type: "pointer", optional: true } }).symbols[name];
      return found === null ? null : memory().pointerValue(found, 0n, 0n);
    };
    const bindSymbol = (name: string, arity: number, result: NativeResult): NativeFunction | null => {
      const definition = { parameters: parameters(arity), result, optional: true };
      const symbols = deno.dlopen(path, { [name]: definition }).symbols;
      return symbols[name] ? specialise(symbols, name, arity) : null;
    };
    const symbol = (name: string): bigint | null => {
      if (!addresses.has(name)) addresses.set(name, findSymbol(name));
      return addresses.get(name)!;
    };
    // Deno compiles code for each symbol that it binds: that of ffi_call is there already.
    const bindSeldom = (name: string, arity: number, result: NativeResult): NativeFunction | null => {
      let byAddress: AddressBinder | null = null;
      try {
        byAddress = addressBinder();
      } catch {
        // A list of allowed paths that does not lead to libffi.
      }
      if (byAddress === null) return bindSymbol(name, arity, result);
      const at = symbol(name);
      return at === null ? null : byAddress(at, arity, result);
    };
    return {
      path,
      symbol,
      bind(name: string, arity: number, result: NativeResult, seldom = false): NativeFunction | null {
        const key = `${name} ${arity} ${result} ${seldom}`;
        if (!functions.has(key)) functions.set(key, (seldom ? bindSeldom : bindSymbol)(name, arity, result));
        return functions.get(key)!;
      },
    };
  };
  const openLibrary = (path: string): NativeLibrary => {
    let library = libraries.get(path);
    if (!library) {
      deno.dlopen(path, {});
      libraries.set(path, library = makeLibrary(path));
    }
    return library;
  };
  const cLibrary = (): NativeLibrary => {
    memory();
    return openLibrary(libcPath);
  };

  return {
    name: "deno",
    address,
    // A thread that is terminated takes its own buffers with it, shared ones only if nobody else has them.
    allocate: (size: number): ArrayBuffer => new SharedArrayBuffer(size) as unknown as ArrayBuffer,
    allocateForGood: (words: number): bigint => cLibrary().bind("calloc", 2, "u64", true)!(BigInt(words), 8n) as bigint,
    write(to: bigint, word: number): void {
      written[0] = word;
      cLibrary().bind("memcpy", 3, "u64", true)!(to, address(writtenBytes), 8n);
    },
    read(from: bigint, into: Uint8Array): void {
      if (into.length > 0) memory().addressOf(into, from, BigInt(into.length));
    },
    allows: (path: string): boolean => granted() || granted(path),
    permits: (descriptor: Record<string, string>): boolean =>
      deno.permissions.querySync(descriptor).state === "granted",
    auxiliaryValue: (type: bigint): bigint | null =>
      granted() || libcPaths.some((path) => granted(path))
        ? cLibrary().bind("getauxval", 1, "u64", true)?.(type) as bigint ?? null
        : null,
    threadId: (): number => (cLibrary().bind("gettid", 0, "i32")?.() ?? 0) as number,
    threadAlive: (id: number): boolean => cLibrary().bind("tgkill", 3, "i32")?.(BigInt(deno.pid), BigInt(id), 0n) === 0,
    leaveAtOnce(): void {
      skipExitHandlers();
      if (leaving) return;
      leaving = true;
      // Libraries may have added handlers of their own by then.
      (globalThis as Untyped).addEventListener("unload", skipExitHandlers);
    },
    beforeEnd(isHeldUp: () => boolean): void {
      (globalThis as Untyped).addEventListener("beforeunload", (event: Untyped) => {
        if (isHeldUp()) event.preventDefault();
      });
    },
    open: openLibrary,
    bindAddress: (at: bigint, arity: number, result: NativeResult): NativeFunction =>
      (addressBinder() ?? unsafeBinder)(at, arity, result),
  };
}
