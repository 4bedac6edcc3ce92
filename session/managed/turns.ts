import { TokenTurn } from "../../ffi/engine/turn.ts";
import { libraryName } from "./library.ts";
import type { ModuleBackend } from "./module_backend.ts";

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
