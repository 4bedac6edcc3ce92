/** What a pool of sessions is told: its options, read once and checked. */
import { milliseconds, wholeNumber } from "../../internal/time_limits.ts";
import { describeType, isPlainObject } from "../../ffi/memory/inputs.ts";
import type { Interaction, LoginSpec, Pin } from "./options.ts";
import { checkLogin, keptPin, pinCallbackOf } from "./pin.ts";

/** How the sessions of a {@linkcode SessionPool} are opened. */
export interface SharedSessionsOptions {
  /**
   * Sessions at once.
   *
   * @default {8}
   */
  readonly max?: number | undefined;
  /**
   * Whether objects on the token may be created and changed.
   *
   * @default {false}
   */
  readonly readWrite?: boolean | undefined;
  /** The login for all of them, made once. */
  readonly login?: LoginSpec | undefined;
  /** Whom keys with CKA_ALWAYS_AUTHENTICATE, and the token if it wants a login, are asked for. */
  readonly interaction?: Interaction | undefined;
  /**
   * Milliseconds after which a session that nobody uses is closed; the last one stays, as it keeps the login. 0 and
   * Infinity mean never.
   *
   * @default {60000}
   */
  readonly maxIdleMs?: number | undefined;
}

/** How a session of a pool is used. */
export interface UseOptions {
  /** Ends the wait for a session; the function itself is not stopped. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_MAX = 8;
const DEFAULT_IDLE_MS = 60_000;

/** The options of a pool as it keeps them. */
export interface PoolSettings {
  readonly max: number;
  /** 0 is never. */
  readonly maxIdleMs: number;
  readonly readWrite: boolean | undefined;
  readonly login: LoginSpec | undefined;
  readonly interaction: Interaction | undefined;
}

/** A checked copy: the options may be changed, or answer differently, and the PIN be overwritten, while the pool lives. */
export function readPoolOptions(options: SharedSessionsOptions): PoolSettings {
  if (!isPlainObject(options)) {
    throw new TypeError(`Cannot make a session pool: expected options, got ${describeType(options)}`);
  }
  const login = checkLogin(options.login);
  pinCallbackOf(options.interaction);
  return {
    max: wholeNumber("max", options.max ?? DEFAULT_MAX, 1),
    maxIdleMs: milliseconds("maxIdleMs", options.maxIdleMs ?? DEFAULT_IDLE_MS),
    readWrite: options.readWrite,
    login: login && { ...login, pin: keptPin(login.pin) as Pin | null },
    interaction: options.interaction,
  };
}
