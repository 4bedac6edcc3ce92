/** Finding what a PKCS#11 URI names: through modules, slots and tokens to objects. */
import { builtin } from "../internal/builtin_modules.ts";
import { checkOwnOptions, checkSignal, type OptionNames } from "../internal/expected.ts";
import type { BytesInput } from "../ffi/memory/inputs.ts";
import { type AttributeType, CKF, CKR, CKS } from "../ffi/constants/mod.ts";
import type { AttributeName } from "./attributes/attribute_table.ts";
import type { AttributesInit } from "./attributes/attributes_init.ts";
import { Pkcs11Error } from "./errors.ts";
import { pinCallbackOf } from "./tokens/pin.ts";
import type { TokenInfo } from "./core/infos.ts";
import { withoutNuls } from "../ffi/memory/structs.ts";
import type { Module } from "./tokens/module.ts";
import type { Pkcs11Object } from "./tokens/object.ts";
import type { Interaction, Pin } from "./tokens/options.ts";
import type { CallOptions } from "./core/call_options.ts";
import { requestPin } from "./pins/mod.ts";
import { givenModules, loadModules } from "./registered_modules.ts";
import type { Session } from "./tokens/session.ts";
import type { Slot } from "./tokens/slot.ts";
import { objectClasses } from "./uri/match.ts";
import { Pkcs11Uri } from "./uri/mod.ts";

/** Something that was passed over. */
export interface FindProblem {
  /** The module; `undefined` where the URI itself is at fault. */
  readonly module?: Module | undefined;
  /** The slot; `undefined` where the module itself is at fault. */
  readonly slot?: Slot | undefined;
  /** What was wrong. */
  readonly error: unknown;
}

/** Where and how to look. */
export interface FindByUriOptions<R extends AttributeName | AttributeType = AttributeName | AttributeType> {
  /**
   * The modules to look through.
   *
   * By default the modules p11-kit's configuration registers.
   */
  readonly modules?: readonly Module[] | undefined;
  /** Attributes to read of each object: names, or CKA numbers. */
  readonly read?: readonly R[] | undefined;
  /** Asked for the PIN of a token the URI matches, where the URI says nothing about a PIN. */
  readonly interaction?: Interaction | undefined;
  /**
   * Hears of each module, slot and login that failed and was passed over, and of tokens whose private objects could not be
   * seen.
   *
   * By default a warning of the process, once, when nothing was found.
   */
  readonly onError?: ((problem: FindProblem) => void) | undefined;
  /** Cancels the search. */
  readonly signal?: AbortSignal | null | undefined;
}

const optionNames: OptionNames<FindByUriOptions> = {
  modules: true,
  read: true,
  interaction: true,
  onError: true,
  signal: true,
};

/**
 * The objects a URI names, in every module and slot it matches. Where the URI holds a `pin-value` or a `pin-source`, or
 * somebody can be asked, one login is made on each matching token that wants one; no other token is logged in to. The PIN
 * serves the keys of that token that want one for each use too. What fails is told to `onError` and passed over. With
 * `read`, each object comes with these attributes. Each loop over what is returned begins anew.
 *
 * An object's session stays open for its use and belongs to the caller, and so does the object's module where
 * registered modules are searched: `object.session.module.close()` ends both. Everything else is closed.
 *
 * @param uri The URI; `module-name` and `module-path` in it choose among the modules, and never load one.
 * @param options What to read, where to look, who is asked for PINs, who hears of problems, and a signal that ends the
 * search.
 * @returns The objects, module after module and slot after slot.
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
export function findByUri<const R extends AttributeName | AttributeType>(
  uri: string | Pkcs11Uri,
  options: FindByUriOptions<R> & { readonly read: readonly R[] },
): AsyncIterable<Pkcs11Object<R>>;
/**
 * The objects a URI names, in every module and slot it matches. Where the URI holds a `pin-value` or a `pin-source`, or
 * somebody can be asked, one login is made on each matching token that wants one; no other token is logged in to. What
 * fails is told to `onError` and passed over. Each loop over what is returned begins anew.
 *
 * An object's session stays open for its use and belongs to the caller, and so does the object's module where
 * registered modules are searched: `object.session.module.close()` ends both. Everything else is closed.
 *
 * @param uri The URI; `module-name` and `module-path` in it choose among the modules, and never load one.
 * @param options Where to look, who is asked for PINs, who hears of problems, and a signal that ends the search.
 * @returns The objects, module after module and slot after slot.
 * @throws {UriError} If the text is no PKCS#11 URI.
 */
export function findByUri(uri: string | Pkcs11Uri, options?: FindByUriOptions): AsyncIterable<Pkcs11Object>;
export function findByUri(uri: string | Pkcs11Uri, options: FindByUriOptions = {}): AsyncIterable<Pkcs11Object> {
  const parsed = typeof uri === "string" ? Pkcs11Uri.parse(uri) : uri;
  if (!(parsed instanceof Pkcs11Uri)) {
    throw new TypeError(`Cannot search: the URI is text or a Pkcs11Uri, got ${typeof uri}`);
  }
  checkOwnOptions("search", options, optionNames, ["onError"]);
  checkSignal("search", options.signal);
  pinCallbackOf(options.interaction);
  const modules = options.modules === undefined ? null : givenModules("search", options.modules);
  return { [Symbol.asyncIterator]: () => new Search(parsed, options, modules).objects() };
}

/** One walk over modules, slots, tokens and objects. */
class Search {
  readonly #uri: Pkcs11Uri;
  readonly #options: FindByUriOptions;
  /** Those that were given. */
  readonly #modules: readonly Module[] | null;
  /** Tokens that have refused a login: the same token in another slot or module is not tried again. */
  readonly #refused = new Map<string, { readonly error: unknown }>();
  /** What failed, where nobody listens. */
  readonly #problems: FindProblem[] = [];
  #found = false;

  constructor(uri: Pkcs11Uri, options: FindByUriOptions, modules: readonly Module[] | null) {
    this.#uri = uri;
    this.#options = options;
    this.#modules = modules;
  }

  async *objects(): AsyncGenerator<Pkcs11Object, void, undefined> {
    this.#options.signal?.throwIfAborted();
    for await (const object of this.#everywhere()) {
      this.#found = true;
      yield object;
    }
    if (!this.#found && this.#problems.length > 0) warn(this.#uri, this.#problems);
  }

  async *#everywhere(): AsyncGenerator<Pkcs11Object, void, undefined> {
    const { signal } = this.#options;
    if (this.#uri.unrecognized) {
      return this.#tell({
        error: new TypeError("Cannot match the URI: it has attributes that PKCS#11 URIs do not have"),
      });
    }
    if (this.#modules !== null) {
      for (const module of this.#modules) yield* this.#inModule(module);
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
      if (!isModuleOf(this.#uri, module) || !this.#uri.matchModule(await module.info(this.#call()))) return [];
      return await module.slots({ tokenPresent: true, ...this.#call() });
    });
    for (const slot of slots ?? []) yield* this.#inSlot(module, slot);
  }

  async *#inSlot(module: Module, slot: Slot): AsyncGenerator<Pkcs11Object, void, undefined> {
    const opened = await this.#attempt(module, slot, () => this.#open(slot));
    if (!opened) return;
    const { session, unseen, label } = opened;
    let used = false;
    try {
      const objects = await this.#attempt(
        module,
        slot,
        () => session.findObjects(objectTemplate(this.#uri), { read: this.#options.read, ...this.#call() }),
      );
      for (const object of objects ?? []) {
        this.#options.signal?.throwIfAborted();
        used = true;
        yield object;
      }
      if (objects?.length === 0 && unseen) this.#tell({ module, slot, error: notLoggedIn(label) });
    } finally {
      if (!used) await this.#attempt(module, slot, () => session.close());
    }
  }

  /** A session on the token in a slot, logged in where that is possible; `null` where the URI means another token. */
  async #open(slot: Slot): Promise<OpenedToken | null> {
    if (!this.#uri.matchSlot(await slot.info(this.#call()), slot.id)) return null;
    const token = await slot.tokenInfo(this.#call());
    if (!this.#uri.matchToken(token)) return null;
    const flags = Number(token.flags);
    const label = withoutNuls(token.label);
    const pin = this.#pin(token);
    const refusal = this.#refused.get(nameOf(token));
    if (pin !== undefined && flags & CKF.LOGIN_REQUIRED && !refusal) {
      return { session: await this.#openAndLogin(slot, token, pin), unseen: false, label };
    }
    const session = await slot.openSession(this.#call());
    try {
      const isPublic = (flags & CKF.LOGIN_REQUIRED) !== 0 && await this.#isPublic(session);
      if (isPublic && refusal) throw refusal.error;
      return { session, unseen: isPublic && mayBePrivate(this.#uri), label };
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #openAndLogin(slot: Slot, token: TokenInfo, pin: Pin | null): Promise<Session> {
    try {
      return await slot.openSession({ login: { pin }, ...this.#call() });
    } catch (error) {
      // A session that could not be opened says nothing about the PIN.
      if (!(error instanceof Pkcs11Error) || error.fn === "C_Login") this.#refused.set(nameOf(token), { error });
      throw error;
    }
  }

  async #isPublic(session: Session): Promise<boolean> {
    const { state } = await session.getInfo(this.#call());
    return state === CKS.RO_PUBLIC_SESSION || state === CKS.RW_PUBLIC_SESSION;
  }

  /** The PIN for a token, or who has it; `undefined` where nobody does. */
  #pin(token: TokenInfo): Pin | null | undefined {
    const { pinValue, pinSource } = this.#uri;
    const { interaction } = this.#options;
    if (pinValue === undefined && pinSource === undefined && interaction === undefined) return undefined;
    if (Number(token.flags) & CKF.PROTECTED_AUTHENTICATION_PATH) return null;
    return pinOf(this.#uri) ?? pinCallbackOf(interaction);
  }

  #call(): CallOptions {
    return { signal: this.#options.signal };
  }

  /** Does something that may fail without ending the search. */
  async #attempt<T>(module: Module, slot: Slot | undefined, body: () => Promise<T>): Promise<T | null> {
    try {
      return await body();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#tell({ module, slot, error });
      return null;
    }
  }

  #tell(problem: FindProblem): void {
    if (this.#options.onError) this.#options.onError(problem);
    else this.#problems.push(problem);
  }
}

/** A session on a token the URI names. */
interface OpenedToken {
  readonly session: Session;
  /** Whether what the URI names may be there and not be seen, because nobody gave a PIN. */
  readonly unseen: boolean;
  /** The token's label. */
  readonly label: string;
}

/** The PIN a URI tells, or who is asked for it; `undefined` where it tells nothing. */
export function pinOf(uri: Pkcs11Uri): Pin | undefined {
  const { pinSource, pinValue } = uri;
  if (pinValue !== undefined || pinSource === undefined) return pinValue;
  return async ({ retry, countLow, finalTry, label }) => {
    const answer = await requestPin(pinSource, { uri, description: label, retry, countLow, finalTry });
    if (answer !== null) return answer as string | BytesInput;
    throw new Pkcs11Error(retry ? CKR.PIN_INCORRECT : CKR.FUNCTION_CANCELED, "C_Login", {
      token: withoutNuls(label),
      hint: retry ? "The PIN source has no other PIN." : "The PIN source has no PIN.",
    });
  };
}

function nameOf({ manufacturerId, model, serialNumber, label }: TokenInfo): string {
  return [manufacturerId, model, serialNumber, label].join("\0");
}

/** Whether a URI names an object that is seen only after a login. */
function mayBePrivate({ type, object, id }: Pkcs11Uri): boolean {
  return type === undefined ? object !== undefined || id !== undefined : type !== "cert" && type !== "public";
}

function notLoggedIn(token: string): Pkcs11Error {
  return new Pkcs11Error(CKR.USER_NOT_LOGGED_IN, "C_FindObjects", {
    token,
    action: "find private objects",
    hint: "The token was not logged in to; give pin-value or pin-source in the URI, or an interaction.",
  });
}

/** Nothing was found and something failed, and nobody listens: without a word it would look as if there were nothing. */
function warn(uri: Pkcs11Uri, problems: readonly FindProblem[]): void {
  const reasons = new Set(problems.map(({ error }) => error instanceof Error ? error.message : String(error)));
  // The query of a URI may hold a PIN.
  const [path] = uri.format().split("?");
  builtin.process.emitWarning(`Nothing was found for ${path}: ${[...reasons].join("; ")}`, "Pkcs11Warning");
}

/** Whether a module is the one that `module-name` and `module-path` name, as far as they are given. */
export function isModuleOf(uri: Pkcs11Uri, module: Module): boolean {
  const { moduleName, modulePath } = uri;
  if (moduleName !== undefined) {
    const file = builtin.path.basename(module.path ?? "").replace(/\.(so|dylib|dll)(\.[0-9.]+)?$/, "");
    if (![module.name, file, file.replace(/^lib/, "")].includes(moduleName)) return false;
  }
  if (modulePath === undefined) return true;
  const path = module.path ?? "";
  if (!builtin.fs.existsSync(path) || !builtin.fs.existsSync(modulePath)) return path === modulePath;
  const [real, wanted] = [builtin.fs.realpathSync(path), builtin.fs.realpathSync(modulePath)];
  return real === wanted || real.startsWith(`${wanted}/`);
}

/** The attributes that the objects of a URI have. */
export function objectTemplate({ type, object, id }: Pkcs11Uri): AttributesInit {
  return {
    ...(type === undefined ? {} : { class: objectClasses[type] }),
    ...(object === undefined ? {} : { label: object }),
    ...(id === undefined ? {} : { id }),
  };
}
