/** Finding what a PKCS#11 URI names: through modules, slots and tokens to objects. */
import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { CKF, CKR, CKU } from "../ffi/constants/mod.ts";
import type { AttributeName } from "./attribute_table.ts";
import type { AttributesInit } from "./attributes_init.ts";
import { Pkcs11Error } from "./errors.ts";
import type { TokenInfo } from "./infos.ts";
import type { Module } from "./module.ts";
import type { Pkcs11Object } from "./object.ts";
import type { Interaction } from "./options.ts";
import { requestPin } from "./pins/mod.ts";
import { loadModules } from "./registered_modules.ts";
import type { Session } from "./session.ts";
import type { Slot } from "./slot.ts";
import { objectClasses } from "./uri/match.ts";
import { Pkcs11Uri } from "./uri/mod.ts";

/** Something that was passed over. */
export interface FindProblem {
  /** The module. */
  readonly module: Module;
  /** The slot; `undefined` where the module itself is at fault. */
  readonly slot?: Slot | undefined;
  /** What was wrong. */
  readonly error: unknown;
}

/** Where and how to look. */
export interface FindByUriOptions {
  /**
   * The modules to look through.
   *
   * @default the modules p11-kit's configuration registers
   */
  readonly modules?: readonly Module[] | undefined;
  /** Attributes to read of each object: names, or CKA numbers. */
  readonly read?: readonly (AttributeName | number)[] | undefined;
  /** Asked for the PIN of a token the URI matches, where the URI says nothing about a PIN. */
  readonly interaction?: Interaction | undefined;
  /** Hears of each module, slot and login that failed and was passed over. */
  readonly onError?: ((problem: FindProblem) => void) | undefined;
  /** Cancels the search. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The objects a URI names, in every module and slot it matches. Where the URI holds a `pin-value` or a `pin-source`, or
 * somebody can be asked, one login is made on each matching token that wants one; no other token is logged in to. What
 * fails is told to `onError` and passed over.
 *
 * An object's session stays open for its use and belongs to the caller, and so does the object's module where
 * registered modules are searched: `object.session.module.close()` ends both. Everything else is closed.
 *
 * @param uri The URI; `module-name` and `module-path` in it choose among the modules, and never load one.
 * @throws {UriError} If the text is no PKCS#11 URI.
 *
 * @example Find a key and sign with it
 * ```ts
 * import { CKM, findByUri, type Module } from "@gp11/gp11";
 *
 * async function sign(module: Module, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array | null> {
 *   const uri = "pkcs11:token=My%20token;object=web;type=private?pin-source=file:/run/pin";
 *   for await (const key of findByUri(uri, { modules: [module] })) {
 *     return await key.session.sign(key, CKM.ECDSA_SHA256, data);
 *   }
 *   return null;
 * }
 * ```
 */
export function findByUri(uri: string | Pkcs11Uri, options: FindByUriOptions = {}): AsyncIterable<Pkcs11Object> {
  const parsed = typeof uri === "string" ? Pkcs11Uri.parse(uri) : uri;
  if (!(parsed instanceof Pkcs11Uri)) {
    throw new TypeError(`Cannot search: the URI is text or a Pkcs11Uri, got ${typeof uri}`);
  }
  return { [Symbol.asyncIterator]: () => new Search(parsed, options).objects() };
}

/** One walk over modules, slots, tokens and objects. */
class Search {
  readonly #uri: Pkcs11Uri;
  readonly #options: FindByUriOptions;
  /** Tokens that have refused a login: the same token in another slot or module is not tried again. */
  readonly #refused = new Map<string, unknown>();

  constructor(uri: Pkcs11Uri, options: FindByUriOptions) {
    this.#uri = uri;
    this.#options = options;
  }

  async *objects(): AsyncGenerator<Pkcs11Object, void, undefined> {
    const { modules, signal } = this.#options;
    signal?.throwIfAborted();
    if (this.#uri.unrecognized) return;
    if (modules !== undefined) {
      for (const module of modules) yield* this.#inModule(module);
      return;
    }
    const registered = await loadModules({ signal });
    const used = new Set<Module>();
    try {
      for (const module of registered) {
        for await (const object of this.#inModule(module)) {
          used.add(module);
          yield object;
        }
      }
    } finally {
      await Promise.allSettled(registered.filter((module) => !used.has(module)).map((module) => module.close()));
    }
  }

  async *#inModule(module: Module): AsyncGenerator<Pkcs11Object, void, undefined> {
    const slots = await this.#attempt(module, undefined, async () => {
      if (!namesModule(this.#uri, module) || !this.#uri.matchModule(await module.info(this.#call()))) return [];
      return await module.slots({ tokenPresent: true, ...this.#call() });
    });
    for (const slot of slots ?? []) yield* this.#inSlot(module, slot);
  }

  async *#inSlot(module: Module, slot: Slot): AsyncGenerator<Pkcs11Object, void, undefined> {
    const session = await this.#attempt(module, slot, () => this.#open(slot));
    if (!session) return;
    let used = false;
    try {
      const objects = await this.#attempt(
        module,
        slot,
        () => session.findObjects(objectTemplate(this.#uri), { read: this.#options.read, ...this.#call() }),
      );
      for (const object of objects ?? []) {
        used = true;
        yield object;
      }
    } finally {
      if (!used) await this.#attempt(module, slot, () => session.close());
    }
  }

  /** A session on the token in a slot, logged in where that is possible; `null` where the URI means another token. */
  async #open(slot: Slot): Promise<Session | null> {
    if (!this.#uri.matchSlot(await slot.info(this.#call()), slot.id)) return null;
    const token = await slot.tokenInfo(this.#call());
    if (!this.#uri.matchToken(token)) return null;
    const session = await slot.openSession(this.#call());
    try {
      await this.#login(session, slot, token);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #login(session: Session, slot: Slot, token: TokenInfo): Promise<void> {
    const flags = Number(token.flags);
    if (!(flags & CKF.LOGIN_REQUIRED) || !this.#hasPin()) return;
    const state = Number((await session.getInfo(this.#call())).state);
    // CKS_RO_PUBLIC_SESSION and CKS_RW_PUBLIC_SESSION; in any other state somebody is logged in.
    if (state !== 0 && state !== 2) return;
    const id = [token.manufacturerId, token.model, token.serialNumber, token.label].join("\0");
    if (this.#refused.has(id)) throw this.#refused.get(id);
    try {
      const pin = flags & CKF.PROTECTED_AUTHENTICATION_PATH ? null : await this.#pin(slot, token);
      await session.login(CKU.USER, pin, { ifNeeded: true, ...this.#call() });
    } catch (error) {
      this.#refused.set(id, error);
      throw error;
    }
  }

  #hasPin(): boolean {
    const { pinValue, pinSource } = this.#uri;
    return pinValue !== undefined || pinSource !== undefined || this.#options.interaction !== undefined;
  }

  async #pin(slot: Slot, token: TokenInfo): Promise<string | BufferSource> {
    const { pinValue, pinSource } = this.#uri;
    if (pinValue !== undefined) return pinValue;
    const flags = Number(token.flags);
    const hints = {
      retry: false,
      countLow: (flags & CKF.USER_PIN_COUNT_LOW) !== 0,
      finalTry: (flags & CKF.USER_PIN_FINAL_TRY) !== 0,
    };
    const answer = pinSource !== undefined
      ? await requestPin(pinSource, { uri: this.#uri, description: token.label, ...hints })
      : await this.#options.interaction?.askPin({ slot, label: token.label, ...hints }, this.#options.signal);
    if (answer === null || answer === undefined) {
      throw new Pkcs11Error(CKR.FUNCTION_CANCELED, "C_Login", {
        hint: pinSource === undefined ? "The question for the PIN was declined." : "The PIN source has no PIN.",
      });
    }
    return answer as string | BufferSource;
  }

  #call(): { signal: AbortSignal | undefined } {
    return { signal: this.#options.signal };
  }

  /** Does something that may fail without ending the search. */
  async #attempt<T>(module: Module, slot: Slot | undefined, body: () => Promise<T>): Promise<T | null> {
    try {
      return await body();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#options.onError?.({ module, slot, error });
      return null;
    }
  }
}

/** Whether a module is the one that `module-name` and `module-path` name, as far as they are given. */
function namesModule(uri: Pkcs11Uri, module: Module): boolean {
  const { moduleName, modulePath } = uri;
  if (moduleName !== undefined) {
    const file = basename(module.path ?? "").replace(/\.(so|dylib|dll)(\.[0-9.]+)?$/, "");
    if (![module.name, file, file.replace(/^lib/, "")].includes(moduleName)) return false;
  }
  if (modulePath === undefined) return true;
  const path = module.path ?? "";
  if (!existsSync(path) || !existsSync(modulePath)) return path === modulePath;
  const [real, wanted] = [realpathSync(path), realpathSync(modulePath)];
  return real === wanted || real.startsWith(`${wanted}/`);
}

function objectTemplate({ type, object, id }: Pkcs11Uri): AttributesInit {
  return {
    ...(type === undefined ? {} : { class: objectClasses[type] }),
    ...(object === undefined ? {} : { label: object }),
    ...(id === undefined ? {} : { id }),
  };
}
