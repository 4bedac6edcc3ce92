// The strict module as a token: loaded without management, a session open in its first slot, the first of its objects.
import { Module } from "../../session/tokens/module.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import type { Session } from "../../session/tokens/session.ts";
import { StrictModule } from "./strict_module.ts";

/** A strict module in use; disposed of, the module is closed. */
export interface StrictToken extends AsyncDisposable {
  /** What commands the module. */
  readonly strict: StrictModule;
  /** The module. */
  readonly module: Module;
  /** A read-write session in the first slot. */
  readonly session: Session;
  /** The first object: a key for everything. */
  readonly key: Pkcs11Object;
}

/** Compiles a strict module of its own, loads it and opens a session, which may write. */
export async function openStrictToken(version: "2.40" | "3.2" = "3.2"): Promise<StrictToken> {
  const strict = new StrictModule(version);
  const module = await Module.load(strict.path, { managed: false });
  const session = await (await module.slots())[0]!.openSession({ readWrite: true });
  const key = (await session.findObjects())[0]!;
  return { strict, module, session, key, [Symbol.asyncDispose]: () => module.close() };
}
