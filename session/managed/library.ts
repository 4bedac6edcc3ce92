/** What a library is known by in this process, whoever has loaded it. */
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { type Cryptoki, libraryIdentity } from "../../ffi/tables/cryptoki.ts";

/** The name of the library at a path: the address of its oldest function list, which all its users get. */
export function libraryName(path: string): string {
  // Where the library itself may not be opened nobody else of the process has opened it either.
  const identity = nativeRuntime().allows(path) ? libraryIdentity(path) : 0n;
  return identity === 0n ? path : nameOf(identity);
}

/** The name of a library by the functions that were found in it. */
export function tableName(table: Cryptoki): string {
  return nameOf(table.identity);
}

function nameOf(identity: bigint): string {
  return `0x${identity.toString(16)}`;
}

const counts = new Map<bigint, number>();

/** One of the callers of this thread that share the functions of a table. */
export class LocalCaller {
  readonly #list: bigint;
  #counted = false;

  /** A caller that has not begun. */
  constructor(table: Cryptoki) {
    this.#list = table.address;
  }

  /** He uses the module from now on. */
  begin(): void {
    this.#counted = true;
    counts.set(this.#list, (counts.get(this.#list) ?? 0) + 1);
  }

  /** He has done with it. */
  end(): void {
    if (!this.#counted) return;
    this.#counted = false;
    counts.set(this.#list, counts.get(this.#list)! - 1);
  }

  /** Whether no other does. */
  get isLast(): boolean {
    return (counts.get(this.#list) ?? 0) <= 1;
  }
}
