/** libp11-kit by its symbol table: the managed modules other programs in this process share with us. */
import { nativeRuntime } from "../runtime/runtime.ts";
import type { NativeFunction, NativeLibrary } from "../runtime/native.ts";
import { cString, systemLibraryPaths, textAt } from "./system_library.ts";

/** libp11-kit's functions: what each returns and the C type and name of every parameter. */
export const P11_KIT_FUNCTIONS = {
  p11_kit_modules_load: ["u64", "const char *reserved", "int flags"], // CK_FUNCTION_LIST **
  p11_kit_modules_load_and_initialize: ["u64", "int flags"], // CK_FUNCTION_LIST **
  p11_kit_modules_initialize: ["u32", "CK_FUNCTION_LIST **modules", "p11_kit_destroyer failure_callback"],
  p11_kit_modules_finalize: ["u32", "CK_FUNCTION_LIST **modules"],
  p11_kit_modules_release: ["void", "CK_FUNCTION_LIST **modules"],
  p11_kit_modules_finalize_and_release: ["void", "CK_FUNCTION_LIST **modules"],
  p11_kit_module_for_name: ["u64", "CK_FUNCTION_LIST **modules", "const char *name"], // CK_FUNCTION_LIST *
  p11_kit_module_load: ["u64", "const char *module_path", "int flags"], // CK_FUNCTION_LIST *
  p11_kit_module_initialize: ["u32", "CK_FUNCTION_LIST *module"],
  p11_kit_module_finalize: ["u32", "CK_FUNCTION_LIST *module"],
  p11_kit_module_release: ["void", "CK_FUNCTION_LIST *module"],
  p11_kit_module_get_name: ["u64", "CK_FUNCTION_LIST *module"], // char *, to be freed
  p11_kit_module_get_filename: ["u64", "CK_FUNCTION_LIST *module"], // char *, to be freed
  p11_kit_module_get_flags: ["i32", "CK_FUNCTION_LIST *module"],
  p11_kit_config_option: ["u64", "CK_FUNCTION_LIST *module", "const char *option"], // char *, to be freed
  p11_kit_message: ["u64"], // const char *, of the calling thread
  p11_kit_strerror: ["u64", "CK_RV rv"], // const char *
  p11_kit_be_quiet: ["void"],
  p11_kit_be_loud: ["void"],
  p11_kit_set_progname: ["void", "const char *progname"],
  p11_kit_override_system_files: [
    "void",
    "const char *system_conf",
    "const char *user_conf",
    "const char *package_modules",
    "const char *system_modules",
    "const char *user_modules",
  ],
} as const;

/** Name of a function of libp11-kit. */
export type P11KitFunction = keyof typeof P11_KIT_FUNCTIONS;

/** Flags of `p11_kit_modules_load` and `p11_kit_module_load`. */
export const P11_KIT_MODULE = { UNMANAGED: 1, CRITICAL: 2, TRUSTED: 4, VERBOSE: 8 } as const;

const POINTER = 8;
/** For whom texts are made. */
const TO = "libp11-kit";

/** Configuration files of libp11-kit; `null` keeps what it uses now. */
export type P11KitFiles = readonly [
  systemConf: string | null,
  userConf: string | null,
  packageModules: string | null,
  systemModules: string | null,
  userModules: string | null,
];

/** libp11-kit as this process sees it; its state is shared by all threads, and by native users of the same library. */
export class P11Kit {
  /** The path it was opened by. */
  readonly path: string;
  readonly #library: NativeLibrary;
  readonly #bound = new Map<P11KitFunction | "free", NativeFunction | null>();
  // libp11-kit keeps pointers to these texts for good.
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];
  /** What the call under way points to: nothing else may refer to it any more. */
  #lent: Uint8Array<ArrayBuffer>[] = [];

  private constructor(library: NativeLibrary) {
    this.#library = library;
    this.path = library.path;
  }

  /**
   * Opens libp11-kit.
   *
   * @param path The library's path, or its name where the system's loader finds it.
   * @throws {Error} What the loader says, where there is none.
   */
  static open(path: string): P11Kit {
    return new P11Kit(nativeRuntime().open(path));
  }

  /** Where libp11-kit is looked for: the library folders of the system, then the loader's own search. */
  static candidates(): string[] {
    return systemLibraryPaths({
      elf: "libp11-kit.so.0",
      macos: "libp11-kit.0.dylib",
      windows: "libp11-kit-0.dll",
    });
  }

  /** Whether this build of libp11-kit has a function. */
  has(name: P11KitFunction): boolean {
    return this.#function(name) !== null;
  }

  /**
   * Calls a function by its C name with raw words.
   *
   * @throws {TypeError} when the number of words is not the function's
   */
  call(name: P11KitFunction, ...words: bigint[]): number | bigint | undefined {
    const fn = this.#function(name);
    if (fn === null) throw new Error(`Cannot call ${name}: ${this.path} does not have it`);
    const arity = P11_KIT_FUNCTIONS[name].length - 1;
    if (words.length !== arity) {
      throw new TypeError(`Cannot call ${name}: it takes ${arity} arguments, got ${words.length}`);
    }
    return fn(...words);
  }

  /** What the last failing call on this thread had to say; `null` for nothing. */
  message(): string | null {
    return textAt(this.call("p11_kit_message") as bigint);
  }

  /**
   * Loads a module for a caller of its own (`p11_kit_module_load`) and answers the address of its function list;
   * 0 when it failed, which {@linkcode P11Kit.message} explains.
   */
  loadModule(path: string, flags = 0): bigint {
    return this.#lending(() =>
      this.call("p11_kit_module_load", this.#lend(cString(path, TO)), BigInt(flags)) as bigint
    );
  }

  /**
   * Loads the modules of libp11-kit's own configuration (`p11_kit_modules_load`) and answers the addresses of their
   * function lists; `null` when it failed.
   */
  loadModules(flags = 0): bigint[] | null {
    return this.#takeLists(this.call("p11_kit_modules_load", 0n, BigInt(flags)) as bigint);
  }

  /** Loads them and initialises them (`p11_kit_modules_load_and_initialize`); those that fail are left out. */
  loadAndInitializeModules(flags = 0): bigint[] | null {
    return this.#takeLists(this.call("p11_kit_modules_load_and_initialize", BigInt(flags)) as bigint);
  }

  /** The module of this name among loaded ones (`p11_kit_module_for_name`); 0 where there is none. */
  moduleForName(lists: readonly bigint[], name: string): bigint {
    const array = new BigUint64Array(new ArrayBuffer((lists.length + 1) * POINTER));
    array.set(lists);
    return this.#lending(() => {
      const words = [this.#lend(new Uint8Array(array.buffer)), this.#lend(cString(name, TO))] as const;
      return this.call("p11_kit_module_for_name", ...words) as bigint;
    });
  }

  /** Initialises a module (`p11_kit_module_initialize`) and answers the CK_RV. */
  initializeModule(list: bigint): number {
    return this.call("p11_kit_module_initialize", list) as number;
  }

  /** Finalises a module (`p11_kit_module_finalize`) and answers the CK_RV. */
  finalizeModule(list: bigint): number {
    return this.call("p11_kit_module_finalize", list) as number;
  }

  /** Gives a loaded module back (`p11_kit_module_release`). */
  releaseModule(list: bigint): void {
    this.call("p11_kit_module_release", list);
  }

  /** The name a module has in the configuration. */
  moduleName(list: bigint): string | null {
    return this.#ownedText(this.call("p11_kit_module_get_name", list) as bigint);
  }

  /** The absolute path of a module. */
  moduleFilename(list: bigint): string | null {
    return this.#ownedText(this.call("p11_kit_module_get_filename", list) as bigint);
  }

  /** The `P11_KIT_MODULE` flags of a module. */
  moduleFlags(list: bigint): number {
    return this.call("p11_kit_module_get_flags", list) as number;
  }

  /** A setting of a module, or a global one for `0n`. */
  configOption(list: bigint, option: string): string | null {
    return this.#lending(() =>
      this.#ownedText(this.call("p11_kit_config_option", list, this.#lend(cString(option, TO))) as bigint)
    );
  }

  /** Chooses the files read at the next load of the configuration, for every user of libp11-kit in this process. */
  overrideSystemFiles(files: P11KitFiles): void {
    const words = files.map((file) => {
      if (file === null) return 0n;
      const text = cString(file, TO);
      this.#kept.push(text);
      return nativeRuntime().address(text);
    });
    this.call("p11_kit_override_system_files", ...words);
  }

  /** Gives memory back that libp11-kit has allocated for its caller. */
  free(address: bigint): void {
    // Found through libp11-kit itself, so it is the C library's own that libp11-kit allocates with.
    if (address !== 0n) this.#function("free")?.(address);
  }

  #lend(bytes: Uint8Array<ArrayBuffer>): bigint {
    this.#lent.push(bytes);
    return nativeRuntime().address(bytes);
  }

  #lending<T>(call: () => T): T {
    try {
      return call();
    } finally {
      this.#lent = [];
    }
  }

  #takeLists(array: bigint): bigint[] | null {
    if (array === 0n) return null;
    const lists: bigint[] = [];
    const word = new Uint8Array(new ArrayBuffer(POINTER));
    for (let at = array;; at += BigInt(POINTER)) {
      nativeRuntime().read(at, word);
      const list = new DataView(word.buffer).getBigUint64(0, true);
      if (list === 0n) break;
      lists.push(list);
    }
    this.free(array);
    return lists;
  }

  #function(name: P11KitFunction | "free"): NativeFunction | null {
    let fn = this.#bound.get(name);
    if (fn === undefined) {
      const [result, arity] = name === "free"
        ? ["void" as const, 1]
        : [P11_KIT_FUNCTIONS[name][0], P11_KIT_FUNCTIONS[name].length - 1];
      fn = this.#library.bind(name, arity, result, true);
      this.#bound.set(name, fn);
    }
    return fn;
  }

  #ownedText(address: bigint): string | null {
    const text = textAt(address);
    this.free(address);
    return text;
  }
}
