/**
 * Where passwords are kept between runs (`SoupPasswordManager`).
 *
 * @module
 */
import { checkMethods, checkObject, checkOwnOptions, type OptionNames } from "../../../internal/expected.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import type { SessionFeature } from "../../contract/feature.ts";

/** Which password is wanted. */
export interface PasswordRequest {
  /** Scheme, host and port of the origin or the proxy that asks, for example "https://example.org". */
  readonly origin: string;
  /** The realm. */
  readonly realm: string;
  /** The authentication scheme, for example "Digest". */
  readonly scheme: string;
  /** True when a proxy asks. */
  readonly isForProxy: boolean;
  /** True when credentials were refused just now. */
  readonly retrying: boolean;
}

/** A user name and its password. */
export interface SavedPassword {
  /** User name. */
  readonly user: string;
  /** Password. */
  readonly password: string;
}

/** A place passwords are kept in: a keyring, a file, a vault. */
export interface PasswordStore {
  /** The passwords for a request, the likeliest first. */
  find(request: PasswordRequest): readonly SavedPassword[] | Promise<readonly SavedPassword[]>;
  /** Keeps a password that has proved right, in place of an older one of the same user. */
  save(request: PasswordRequest, saved: SavedPassword): void | Promise<void>;
  /** Drops the password of a user. */
  remove(request: PasswordRequest, user: string): void | Promise<void>;
}

/** A store that forgets when the program ends. */
export class MemoryPasswordStore implements PasswordStore {
  readonly #saved = new Map<string, Map<string, string>>();

  /** The passwords for a request, the last one saved first. */
  find(request: PasswordRequest): SavedPassword[] {
    checkObject("look for a password", request, "a request");
    const users = this.#saved.get(keyOf(request)) ?? new Map<string, string>();
    return Array.from(users, ([user, password]) => ({ user, password })).reverse();
  }

  /** Keeps a password. */
  save(request: PasswordRequest, saved: SavedPassword): void {
    checkObject("save a password", request, "a request");
    const { user, password } = checkObject("save a password", saved, "a user and a password");
    const key = keyOf(request);
    const users = this.#saved.get(key) ?? new Map<string, string>();
    users.delete(user);
    users.set(user, password);
    this.#saved.set(key, users);
  }

  /** Drops a password. */
  remove(request: PasswordRequest, user: string): void {
    checkObject("remove a password", request, "a request");
    this.#saved.get(keyOf(request))?.delete(user);
  }
}

/** A password is good for one realm of one server, whatever scheme asks for it. */
function keyOf({ origin, realm, isForProxy }: PasswordRequest): string {
  return `${isForProxy ? "proxy " : ""}${origin} ${realm}`;
}

/** Options of {@linkcode PasswordManager}. */
export interface PasswordManagerOptions {
  /** Where passwords are kept. @default {new MemoryPasswordStore()} */
  readonly store?: PasswordStore | undefined;
}

const optionNames: OptionNames<PasswordManagerOptions> = { store: true };

/**
 * Asks a store before `authenticate` is emitted; the event then comes with the first saved password filled in
 * (`auth.isAuthenticated`) and the known user names (`auth.savedUsers`), and its listener may answer otherwise or decline.
 * A password refused in this attempt is not filled in again. `auth.authenticate(user, password, { remember: true })` has
 * a password saved once it has proved right.
 *
 * @example Keep passwords
 * ```ts
 * import { HttpSession, MemoryPasswordStore, PasswordManager } from "@gp11/gp11/http";
 *
 * const session = new HttpSession({ features: [new PasswordManager({ store: new MemoryPasswordStore() })] });
 * session.addEventListener("authenticate", ({ auth, retrying }) => {
 *   if (!auth.isAuthenticated && !retrying) auth.authenticate("alice", "secret", { remember: true });
 * });
 * await session.close();
 * ```
 */
export class PasswordManager implements SessionFeature {
  /** Where passwords are kept. */
  readonly store: PasswordStore;

  /**
   * Makes a manager of the passwords in a store.
   *
   * @throws {TypeError} For a store that is none of passwords.
   */
  constructor(options: PasswordManagerOptions = {}) {
    checkOwnOptions("make a PasswordManager", options, optionNames);
    this.store = options.store ?? new MemoryPasswordStore();
    checkMethods("make a PasswordManager", this.store, "a store of passwords", ["find", "save", "remove"]);
  }

  /** Nothing to do: the session's AuthManager looks for the feature when a server asks for credentials. */
  attach(_session: FeatureSession): void {}
}
