/** The function table of one PKCS#11 module: found through C_GetInterface or C_GetFunctionList, bound entry by entry. */
import { CKR } from "../constants/mod.ts";
import { nativeAbi, nativeRuntime } from "../runtime/runtime.ts";
import type {
  Abi,
  CallLock,
  NativeFunction,
  NativeLibrary,
  NativeResult,
  NativeRuntime,
  NativeSource,
} from "../runtime/native.ts";
import { FUNCTION_NAMES, functionCount, type FunctionName, FUNCTIONS } from "./functions.ts";
import { Block } from "../memory/block.ts";
import { oneAtATime } from "../runtime/one_at_a_time.ts";

/** A bound C function, ready to be called here or, through its source, on another thread. */
export class BoundFunction {
  /** A number of its own in this process, by which worker threads remember it. */
  readonly id: number;
  /** The C name. */
  readonly name: string;
  /** Number of parameters. */
  readonly arity: number;
  /** What it returns. */
  readonly result: NativeResult;
  /** Where another thread finds it. */
  readonly source: NativeSource;
  /** What keeps other threads out while it is called. */
  readonly lock: CallLock | null;
  /** Calls it in place. */
  readonly call: NativeFunction;

  static #next = 1;

  /** Wraps a bound function. */
  constructor(
    name: string,
    arity: number,
    result: NativeResult,
    source: NativeSource,
    call: NativeFunction,
    lock: CallLock | null = null,
  ) {
    this.lock = lock;
    this.id = BoundFunction.#next++;
    this.name = name;
    this.arity = arity;
    this.result = result;
    this.source = source;
    this.call = lock === null ? call : oneAtATime(nativeRuntime(), lock, call);
  }
}

/** A module's version of Cryptoki, as its function list states it. */
export interface CryptokiVersion {
  /** Before the dot. */
  readonly major: number;
  /** After the dot. */
  readonly minor: number;
}

/** Why a library cannot be used as a module; the object floor turns it into its own error. */
export class NotCryptokiError extends Error {
  /** The name of this class. */
  override readonly name = "NotCryptokiError";
  /** Why, as half a sentence. */
  readonly reason: string;

  /** Says why, in half a sentence. */
  constructor(reason: string) {
    super(`Cannot use the library as a PKCS#11 module: ${reason}`);
    this.reason = reason;
  }
}

const FUNCTION_LIST_VERSION: CryptokiVersion = { major: 2, minor: 40 };
const POINTER = 8;

/** The functions of one module by their C names; entries that are missing or NULL are `null`. */
export class Cryptoki {
  /** The library's path; `null` where the list was handed over by somebody else. */
  readonly path: string | null;
  /** Address of the function list: the identity of a module. */
  readonly address: bigint;
  /** Address of the function list that every user of the library gets, whatever newer one he uses. */
  readonly identity: bigint;
  /** Version stated in the list. */
  readonly version: CryptokiVersion;
  /** Layout of the module's structures. */
  readonly abi: Abi;
  readonly #runtime: NativeRuntime;
  readonly #library: NativeLibrary | null;
  readonly #addresses: readonly bigint[];
  readonly #bound: (BoundFunction | null | undefined)[] = [];
  #lock: CallLock | null = null;

  private constructor(
    runtime: NativeRuntime,
    library: NativeLibrary | null,
    list: bigint,
    version?: CryptokiVersion,
    identity = list,
  ) {
    this.#runtime = runtime;
    this.identity = identity;
    this.#library = library;
    this.path = library?.path ?? null;
    this.address = list;
    this.abi = nativeAbi();
    const head = new Uint8Array(new ArrayBuffer(2));
    runtime.read(list, head);
    this.version = version ?? { major: head[0]!, minor: head[1]! };
    const first = this.abi.packed ? 2 : POINTER;
    const bytes = new Uint8Array(new ArrayBuffer(functionCount(this.version) * POINTER));
    runtime.read(list + BigInt(first), bytes);
    this.#addresses = Array.from(new BigUint64Array(bytes.buffer));
  }

  /**
   * Opens a module's library and finds its newest function list: by C_GetInterface where it is exported, else by
   * C_GetFunctionList. Nothing is initialised.
   *
   * @throws {NotCryptokiError} when the library has no usable function list
   */
  static open(path: string): Cryptoki {
    const runtime = nativeRuntime();
    const library = runtime.open(path);
    const list = findInterface(runtime, library);
    if (list !== null) return new Cryptoki(runtime, library, list, undefined, libraryIdentity(path) || list);
    // Whatever version such a list states, it ends where that of 2.40 ends (PKCS#11 3.0 §5.4.4).
    return new Cryptoki(runtime, library, findFunctionList(runtime, library), FUNCTION_LIST_VERSION);
  }

  /**
   * Every function list that a library gives to whoever asks, the oldest first. Nothing is initialised.
   *
   * @throws {NotCryptokiError} when it gives none where it says that it has one
   */
  static all(path: string): Cryptoki[] {
    const runtime = nativeRuntime();
    const library = runtime.open(path);
    const oldest = findFunctionList(runtime, library);
    const newest = findInterface(runtime, library);
    const lists = newest === null ? [oldest] : [oldest, newest];
    return lists.map((list) => new Cryptoki(runtime, library, list, FUNCTION_LIST_VERSION));
  }

  /** The table at an address that another library handed over, such as p11-kit's wrapper of a module. */
  static fromFunctionList(address: bigint, version?: CryptokiVersion): Cryptoki {
    if (address === 0n) throw new NotCryptokiError("the address of its function list is NULL");
    return new Cryptoki(nativeRuntime(), null, address, version);
  }

  /** The names of the functions this module has. */
  names(): FunctionName[] {
    return FUNCTION_NAMES.filter((_, index) => (this.#addresses[index] ?? 0n) !== 0n);
  }

  /** Whether the module has a function. */
  has(name: FunctionName): boolean {
    return (this.#addresses[FUNCTION_NAMES.indexOf(name)] ?? 0n) !== 0n;
  }

  /** A function by its place in the list, bound on first use; `null` where the module has none. */
  at(index: number): BoundFunction | null {
    const known = this.#bound[index];
    return known === undefined ? this.#bind(index) : known;
  }

  /** A function by its C name; `null` where the module has none. */
  get(name: FunctionName): BoundFunction | null {
    return this.at(FUNCTION_NAMES.indexOf(name));
  }

  /** From now on the functions are called by one thread at a time: the module does no locking of its own. */
  callOneAtATime(lock: CallLock): void {
    if (this.#lock !== null) return;
    this.#lock = lock;
    this.#bound.length = 0;
  }

  /**
   * Calls a function by its C name with raw words and returns its CK_RV. A function the module lacks answers
   * CKR.FUNCTION_NOT_SUPPORTED and is never called.
   *
   * @throws {TypeError} when the number of words is not the function's
   */
  call(name: FunctionName, ...words: bigint[]): number {
    const fn = this.get(name);
    if (!fn) return CKR.FUNCTION_NOT_SUPPORTED;
    if (words.length !== fn.arity) {
      throw new TypeError(`Cannot call ${name}: it takes ${fn.arity} arguments, got ${words.length}`);
    }
    return fn.call(...words) as number;
  }

  #bind(index: number): BoundFunction | null {
    const address = this.#addresses[index] ?? 0n;
    const name = FUNCTION_NAMES[index];
    let bound: BoundFunction | null = null;
    if (name !== undefined && address !== 0n) {
      const arity = FUNCTIONS[name].length;
      // An exported symbol is the faster road on Deno, and the only one it may take with a list of allowed paths; it is
      // taken where it is the very function of the list.
      if (this.#library && this.#library.symbol(name) === address) {
        const call = this.#library.bind(name, arity, "u32");
        if (call) {
          bound = new BoundFunction(
            name,
            arity,
            "u32",
            { kind: "symbol", path: this.#library.path, name },
            call,
            this.#lock,
          );
        }
      }
      bound ??= new BoundFunction(
        name,
        arity,
        "u32",
        { kind: "address", address },
        this.#runtime.bindAddress(address, arity, "u32"),
        this.#lock,
      );
    }
    this.#bound[index] = bound;
    return bound;
  }
}

function findInterface(runtime: NativeRuntime, library: NativeLibrary): bigint | null {
  const getInterface = library.bind("C_GetInterface", 4, "u32", true);
  if (!getInterface) return null;
  const block = new Block(runtime, nativeAbi(), 64);
  const name = block.putBytes(new TextEncoder().encode("PKCS 11\0"));
  const out = block.alloc(POINTER);
  // No version asked for: the module answers with its default, which is its newest.
  const rv = getInterface(block.address(name), 0n, block.address(out), 0n);
  const found = block.getPointer(out);
  if (rv !== CKR.OK || found === 0n) return null;
  // CK_INTERFACE: { name, function list, flags }
  const structure = new Uint8Array(new ArrayBuffer(2 * POINTER));
  runtime.read(found, structure);
  const list = new DataView(structure.buffer).getBigUint64(POINTER, true);
  return list === 0n ? null : list;
}

/** The address of the function list that every user of a library gets, whatever newer one he uses; 0 where it has none. */
export function libraryIdentity(path: string): bigint {
  const runtime = nativeRuntime();
  const getFunctionList = runtime.open(path).bind("C_GetFunctionList", 1, "u32", true);
  const block = new Block(runtime, nativeAbi(), 64);
  const out = block.alloc(POINTER);
  return getFunctionList?.(block.address(out)) === CKR.OK ? block.getPointer(out) : 0n;
}

function findFunctionList(runtime: NativeRuntime, library: NativeLibrary): bigint {
  const getFunctionList = library.bind("C_GetFunctionList", 1, "u32", true);
  if (!getFunctionList) throw new NotCryptokiError("it has no function C_GetFunctionList");
  const block = new Block(runtime, nativeAbi(), 64);
  const out = block.alloc(POINTER);
  const rv = getFunctionList(block.address(out));
  if (rv !== CKR.OK) throw new NotCryptokiError(`C_GetFunctionList answered 0x${Number(rv).toString(16)}`);
  const list = block.getPointer(out);
  if (list === 0n) throw new NotCryptokiError("C_GetFunctionList gave no list");
  return list;
}

/** Calls a function in place: by its number of words, as spreading them costs more than the call. */
export function invoke(fn: BoundFunction, words: readonly bigint[]): number | bigint | undefined {
  const { call } = fn;
  switch (words.length) {
    case 1:
      return call(words[0]!);
    case 2:
      return call(words[0]!, words[1]!);
    case 3:
      return call(words[0]!, words[1]!, words[2]!);
    case 4:
      return call(words[0]!, words[1]!, words[2]!, words[3]!);
    case 5:
      return call(words[0]!, words[1]!, words[2]!, words[3]!, words[4]!);
    default:
      return call(...words);
  }
}
