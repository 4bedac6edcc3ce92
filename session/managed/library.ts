/** What a library is known by in this process, whoever has loaded it; where it lies, and the turns of its tokens. */
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { type Cryptoki, libraryIdentity } from "../../ffi/tables/cryptoki.ts";
import { TokenTurn } from "../../ffi/engine/turn.ts";
import type { ModuleBackend } from "./module_backend.ts";
import { machineName, platform } from "../../internal/runtime.ts";
import { builtin } from "../../internal/builtin_modules.ts";

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

/**
 * The turns of each library's tokens, by what the library is known by: all of a thread who load it, by whatever road, work with
 * one card. Worker threads with loads of their own have turns of their own: a program whose threads use keys of one card
 * that want their PIN for each use does that in one thread.
 */
const libraries = new Map<string, Map<bigint, TokenTurn>>();

/** Gives the turns of a module's tokens by their slots. */
export function turnsOf(backend: ModuleBackend): (slot: bigint) => TokenTurn {
  const key = keyOf(backend);
  let turns = libraries.get(key);
  if (turns === undefined) libraries.set(key, turns = new Map());
  return (slot) => {
    let turn = turns.get(slot);
    if (turn === undefined) turns.set(slot, turn = new TokenTurn());
    return turn;
  };
}

function keyOf({ path, reconnect, table }: ModuleBackend): string {
  // A remote module is reached through a client that many others are reached through.
  return path === null || reconnect !== null ? `@${table.address}` : libraryName(path);
}

/** Where p11-kit keeps modules, most likely first; a relative path in its configuration is relative to this. */
function moduleFolders(): string[] {
  if (platform === "win32") return [];
  if (platform === "darwin") return ["/opt/homebrew/lib/pkcs11", "/usr/local/lib/pkcs11"];
  return [`/usr/lib/${machineName}-linux-gnu/pkcs11`, "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/usr/local/lib/pkcs11"];
}

/** The absolute path of a library; a relative one is in p11-kit's folder of modules. */
export function libraryPath(path: string): string {
  if (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) return path;
  const folders = moduleFolders();
  const folder = folders.find((folder) => builtin.fs.existsSync(`${folder}/${path}`)) ?? folders[0];
  return folder === undefined ? path : `${folder}/${path}`;
}

/** p11-kit's own module for tokens that are served elsewhere. */
export function clientModulePath(): string {
  return libraryPath(platform === "win32" ? "p11-kit-client.dll" : "p11-kit-client.so");
}

/** Whether a path is that of p11-kit's client. */
export function isClientModule(path: string): boolean {
  return /(^|[\\/])p11-kit-client\.(so|dll|dylib)$/.test(path);
}
