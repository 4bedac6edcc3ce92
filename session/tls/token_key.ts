/**
 * The key of a token as GnuTLS gets it: by its URI, while this library keeps the token logged in. GnuTLS uses the same
 * module in the same process, so it shares the login, and never sees a PIN.
 */
import { CKF, CKO, CKR, CKS } from "../../ffi/constants/mod.ts";
import type { Block } from "../../ffi/memory/block.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import type { NativeCall } from "../../ffi/workers/worker_pool.ts";
import { NotSupportedError } from "../../internal/error_brand.ts";
import { runtimeName } from "../../internal/runtime.ts";
import type { CallOptions } from "../core/call_options.ts";
import type { SessionInfo } from "../core/infos.ts";
import { withoutNuls } from "../../ffi/memory/structs.ts";
import { joinLogin } from "../core/logins.ts";
import { Pkcs11Error, SlotNotFoundError } from "../errors.ts";
import { objectTemplate, pinOf } from "../find_by_uri.ts";
import { loadModules } from "../registered_modules.ts";
import { FollowedToken } from "../tokens/find_slot.ts";
import { coreOf } from "../tokens/session_contexts.ts";
import { Module } from "../tokens/module.ts";
import { Pkcs11Object } from "../tokens/object.ts";
import type { LoginSpec, Pin } from "../tokens/options.ts";
import { keptPin } from "../tokens/pin.ts";
import type { Session } from "../tokens/session.ts";
import type { Slot } from "../tokens/slot.ts";
import { Pkcs11Uri } from "../uri/mod.ts";
import { keyCheck } from "./key_check.ts";
import { memory } from "./native_memory.ts";
import { callInOrder, inPlace, onEventLoop, step, type Work } from "./work.ts";

/** What the look at a token needs. */
const ROOM_TO_CHECK = 128;

/** Where a key is and how its token is logged in to. */
export interface TokenKeyOptions extends CallOptions {
  /** The private key: a `pkcs11:` URI or an object. */
  readonly key: string | Pkcs11Object;
  /** The PIN. */
  readonly pin?: Pin | null | undefined;
  /** The module, or the path of its library. */
  readonly module?: Module | string | undefined;
}

/**
 * GnuTLS never gives a module back. So whoever began it here has to be one of its callers until the process ends: the last
 * caller's C_Finalize would end it for GnuTLS too.
 */
const shared = new Map<string, Promise<Module>>();

function sharedModule(path: string): Promise<Module> {
  let module = shared.get(path);
  if (module === undefined) {
    shared.set(path, module = Module.load(path));
    module.catch(() => shared.delete(path));
  }
  return module;
}

/** A key and the session that keeps its token logged in. */
export class TokenKey {
  /** The module's path. */
  readonly modulePath: string;
  /** The key's URI, without any PIN. */
  readonly uri: string;
  readonly #token: FollowedToken;
  readonly #login: boolean;
  /** The state of the session when it is logged in; null where its token wants no login. */
  #state: SessionInfo["state"] | null;
  #slot: Slot;
  #session: Session;
  /** The key, as the session sees it. */
  #key: Pkcs11Object;
  /** A copy of the PIN, or who is asked for it; undefined where there was none. */
  #pin: Uint8Array | Exclude<Pin, string | object> | null | undefined;
  /** What the token has answered to the PIN: it is not tried again. */
  #refusal: Pkcs11Error | null = null;
  #isClosed = false;
  /** The login that is being made anew. */
  #renewing: Promise<void> | null = null;

  private constructor(parts: {
    readonly modulePath: string;
    readonly uri: string;
    readonly token: FollowedToken;
    readonly key: Pkcs11Object;
    readonly login: boolean;
    readonly info: SessionInfo;
    readonly pin: Pin | null | undefined;
  }) {
    this.modulePath = parts.modulePath;
    this.uri = parts.uri;
    this.#token = parts.token;
    this.#key = parts.key;
    this.#session = parts.key.session;
    this.#slot = this.#session.slot;
    this.#login = parts.login;
    this.#state = parts.login ? userState(parts.info) : null;
    this.#pin = parts.pin === undefined ? undefined : keptPin(parts.pin) as Uint8Array | null;
  }

  /** The session that keeps the login, to look for the certificate in. */
  get session(): Session {
    return this.#session;
  }

  /** The slot its token is in. */
  get slot(): Slot {
    return this.#slot;
  }

  /** Whether it was given up. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /**
   * Finds a key and logs in to its token.
   *
   * @throws {Pkcs11Error} what the token answers
   * @throws {ObjectNotFoundError} when the token has no such key
   * @throws {SlotNotFoundError} when no token is the key's
   * @throws {NotSupportedError} for a key that GnuTLS cannot use from here
   */
  static async open(options: TokenKeyOptions): Promise<TokenKey> {
    const { key, signal } = options;
    const isObject = key instanceof Pkcs11Object;
    const uri = Pkcs11Uri.parse(isObject ? await key.uri({ signal }) : key);
    const pin = options.pin === undefined ? pinOf(uri) : options.pin;
    const place = isObject
      ? { path: pathOf(key.session.module), slot: key.session.slot.id }
      : await findPlace(uri, options);
    const module = await sharedModule(place.path);
    const slots = await module.slots({ signal });
    const slot = place.slot === null
      ? await module.findSlot(withoutQuery(uri), { signal })
      : slots.find(({ id }) => id === place.slot);
    if (slot === undefined) throw new SlotNotFoundError(`the number ${place.slot}`, []);
    const token = new FollowedToken(slot, {
      action: "use the key for TLS",
      advice: "put its own back, or make a new client certificate",
    });
    await token.follow();
    const { flags } = await slot.tokenInfo({ signal });
    const login = (Number(flags) & CKF.LOGIN_REQUIRED) !== 0;
    const session = await slot.openSession({ signal, ...loginOf(login ? pin : undefined) });
    try {
      const info = await session.getInfo({ signal });
      if (login && pin === undefined) countOnLogin(session, info);
      const found = await session.findObject(keyTemplate(uri), { signal });
      await checkUse(found, { signal });
      const formatted = withoutQuery(Pkcs11Uri.parse(await found.uri({ signal })));
      return new TokenKey({ modulePath: place.path, uri: formatted, token, key: found, login, info, pin });
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /**
   * Sees to it that the token is there and logged in to. True when it was not: what GnuTLS has opened on it is of no use any
   * more.
   *
   * @throws {Pkcs11Error} what the token answers; once it has refused a PIN, the same error without asking it again
   */
  *ready(gnutls: Gnutls): Work<boolean> {
    const session = this.#session;
    const block = memory(ROOM_TO_CHECK);
    const check = this.check(gnutls, block);
    // Closed sessions, others' C_CloseAllSessions, a token that has gone or another in its place: all of them fail.
    if (check !== null && (yield* callInOrder(check, block)).stopped === check.length) return false;
    // Another may have seen it too, and whoever comes meanwhile waits for the same: a wrong PIN takes one try.
    if (this.#session !== session) return true;
    yield* step(
      () => inPlace(this.#renew()),
      () => this.#renewing ??= onEventLoop(this.#renew()).finally(this.#renewed),
    );
    return true;
  }

  readonly #renewed = (): void => void (this.#renewing = null);

  /** Whether the token has refused the PIN. */
  get isRefused(): boolean {
    return this.#refusal !== null;
  }

  /**
   * Calls that fail where {@linkcode TokenKey.ready} has something to do; null where that is known without them.
   *
   * @throws {TypeError} when the certificate was closed
   */
  check(gnutls: Gnutls, block: Block): NativeCall[] | null {
    this.#assertOpen();
    const session = this.#session;
    if (session.closed || this.#key.session !== session) return null;
    return keyCheck(gnutls, block, { session: coreOf(session), object: this.#key.handle, state: this.#state });
  }

  *#renew(): Work<void> {
    if (this.#refusal !== null) throw this.#refusal;
    const lost = this.#session;
    const options = loginOf(this.#login ? this.#pin as Pin | null | undefined : undefined);
    // A thread that waits takes the token to be where it was.
    const slot = yield* step(() => this.#slot, async () => (await this.#token.follow()).slot);
    let session: Session;
    try {
      session = yield* step(() => slot.openSessionSync(options), () => slot.openSession(options));
    } catch (error) {
      if (error instanceof Pkcs11Error && error.fn === "C_Login") this.#refuse(error);
      throw error;
    }
    if (this.#isClosed || this.#session !== lost) {
      yield* close(session);
      this.#assertOpen();
      return;
    }
    [this.#slot, this.#session] = [slot, session];
    yield* close(lost);
    const info = yield* step(() => session.getInfoSync(), () => session.getInfo());
    if (this.#login) this.#state = userState(info);
    if (this.#login && this.#pin === undefined) assertUser(info, "The token was logged out");
    const wanted = keyTemplate(Pkcs11Uri.parse(this.uri));
    this.#key = yield* step(() => session.findObjectSync(wanted), () => session.findObject(wanted));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TypeError("Cannot use the client certificate: it was closed");
  }

  #refuse(error: Pkcs11Error): void {
    this.#refusal = error;
    forgetPin(this.#pin);
  }

  /** Ends the session and overwrites the PIN. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    forgetPin(this.#pin);
    await this.#session.close();
  }
}

function keyTemplate(uri: Pkcs11Uri) {
  return { ...objectTemplate(uri), class: CKO.PRIVATE_KEY };
}

function isUser({ state }: SessionInfo): boolean {
  return state === CKS.RO_USER_FUNCTIONS || state === CKS.RW_USER_FUNCTIONS;
}

/** A login that others have made is left to this session when they log out. */
function countOnLogin(session: Session, info: SessionInfo): void {
  assertUser(info, "Nobody is logged in to the token");
  const core = coreOf(session);
  joinLogin(core.module, core.slot);
}

function assertUser(info: SessionInfo, otherwise: string): void {
  if (isUser(info)) return;
  throw new Pkcs11Error(CKR.USER_NOT_LOGGED_IN, "C_SignInit", {
    action: "sign the TLS handshake",
    hint: `${otherwise}; give tokenCertificate the PIN to have it logged in`,
  });
}

/** The state that tells of a login: the session's own where it is one, as modules name it. */
function userState(info: SessionInfo): SessionInfo["state"] {
  return isUser(info) ? info.state : CKS.RO_USER_FUNCTIONS;
}

function* close(session: Session): Work<void> {
  if (!session.closed) yield* step(() => session.closeSync(), () => session.close());
}

function loginOf(pin: Pin | null | undefined): { readonly login?: LoginSpec } {
  return pin === undefined ? {} : { login: { pin } };
}

function withoutQuery(uri: Pkcs11Uri): string {
  return uri.format().split("?")[0]!;
}

/**
 * A key that wants its PIN for each use would have GnuTLS log in itself: with a PIN in the key's URI, which it keeps in clear
 * and never overwrites, or with one it asks for in the middle of a call, on the thread that signs.
 */
async function checkUse(key: Pkcs11Object, options: CallOptions): Promise<void> {
  const attributes = await key.getAttributes(["alwaysAuthenticate"], options);
  if (attributes.get("alwaysAuthenticate") !== true) return;
  throw new NotSupportedError(
    "use the key for TLS",
    runtimeName(),
    "it wants its PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which cannot be asked for during a handshake",
  );
}

function pathOf(module: Module): string {
  if (module.path !== null) return module.path;
  throw new NotSupportedError(
    "use the key for TLS",
    runtimeName(),
    "its module runs elsewhere, and GnuTLS loads modules by the path of their library",
  );
}

/** The module whose token a URI names. */
async function findPlace(uri: Pkcs11Uri, { module, signal }: TokenKeyOptions): Promise<{ path: string; slot: null }> {
  if (module !== undefined) return { path: typeof module === "string" ? module : pathOf(module), slot: null };
  if (uri.modulePath !== undefined) return { path: uri.modulePath, slot: null };
  const modules = await loadModules({ signal });
  const present: string[] = [];
  try {
    for (const each of modules) {
      for (const slot of await each.slots({ tokenPresent: true, signal })) {
        const token = await slot.tokenInfo({ signal });
        if (uri.matchToken(token) && each.path !== null) return { path: each.path, slot: null };
        present.push(JSON.stringify(withoutNuls(token.label)));
      }
    }
  } finally {
    await Promise.allSettled(modules.map((each) => each.close()));
  }
  throw new SlotNotFoundError(`the URI ${withoutQuery(uri)} in the registered modules; name one as module`, present);
}
