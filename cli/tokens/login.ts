/**
 * Sessions for commands, and where their PINs come from: the URI's pin-source, `GP11_PIN`, a terminal. A PIN that the token
 * refuses is the end of the command: it is never tried again.
 *
 * @module
 */
import { CKF, CKR, CKU } from "../../ffi/constants/mod.ts";
import type { TokenInfo } from "../../session/core/infos.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import type { PinCallback } from "../../session/tokens/options.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import type { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import type { FoundToken } from "./find_tokens.ts";
import { FIRST_PIN, pinOwners, triesLeft, UNBLOCK } from "./flags.ts";
import { type PinPlace, pinPlace, quoted } from "./pin_places.ts";

/** How a session is wanted. */
export interface SessionWish {
  /** Whether objects on the token are made, changed or destroyed. */
  readonly readWrite?: boolean | undefined;
  /** Whether the user is to be logged in where the token wants it. */
  readonly login: boolean;
}

/**
 * Does an operation that changes nothing when it is refused, and where the token wants a login for it, which some do for
 * public keys too, once more after one.
 */
export type OrLogIn = <T>(operation: () => Promise<T>) => Promise<T>;

/** Does something in a session on a token, and ends it, with the login that was made for it. */
export async function withSession<T>(
  context: CommandContext,
  uri: Pkcs11Uri,
  found: FoundToken,
  { login, readWrite = false }: SessionWish,
  body: (session: Session, orLogIn: OrLogIn) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  const isLoggedIn = login && (found.token.flags & CKF.LOGIN_REQUIRED) !== 0;
  const pins = new TokenPin(context, uri, found.token);
  try {
    const opened = isLoggedIn ? pins.open(found, readWrite) : found.slot.openSession({ readWrite, signal });
    return await used(await opened, async (session) => {
      return await body(session, async (operation) => {
        try {
          return await operation();
        } catch (error) {
          if (isLoggedIn || !(error instanceof Pkcs11Error) || error.code !== CKR.USER_NOT_LOGGED_IN) throw error;
          await pins.logIn(found, session);
          return await operation();
        }
      });
    });
  } finally {
    pins.wipe();
  }
}

async function used<T>(session: Session, body: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

/** The PIN of one token, kept while the command runs: keys may want it for each use. */
class TokenPin {
  readonly #context: CommandContext;
  readonly #uri: Pkcs11Uri;
  readonly #token: TokenInfo;
  #place: PinPlace | undefined;
  #pin: Uint8Array | null = null;

  constructor(context: CommandContext, uri: Pkcs11Uri, token: TokenInfo) {
    this.#context = context;
    this.#uri = uri;
    this.#token = token;
  }

  /** Opens a session with a login. */
  async open(found: FoundToken, readWrite: boolean): Promise<Session> {
    const { signal } = this.#context;
    return await this.#login(
      found,
      (pin) => found.slot.openSession({ readWrite, login: { pin, maxTries: 1 }, signal }),
    );
  }

  /** Logs in with a session that is open. */
  async logIn(found: FoundToken, session: Session): Promise<void> {
    const { signal } = this.#context;
    await this.#login(found, (pin) => session.login(CKU.USER, pin, { maxTries: 1, ifNeeded: true, signal }));
  }

  async #login<T>({ slot, token }: FoundToken, login: (pin: PinCallback | null) => Promise<T>): Promise<T> {
    const name = tokenName(token);
    const hasPad = (token.flags & CKF.PROTECTED_AUTHENTICATION_PATH) !== 0;
    if (token.flags & CKF.USER_PIN_LOCKED) {
      throw new CommandError(`Cannot log in to ${name}: its PIN is locked`, UNBLOCK);
    }
    if (!hasPad && (token.flags & CKF.USER_PIN_INITIALIZED) === 0) {
      throw new CommandError(
        `Cannot log in to ${name}: it has no user PIN yet`,
        FIRST_PIN,
      );
    }
    if (hasPad) await this.#context.note(`enter the PIN of ${name} at its reader`);
    try {
      return await login(hasPad ? null : this.#ask);
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || error.fn !== "C_Login") throw error;
      throw await explainedRefusal(error, slot, { whose: "user", action: `log in to ${name}`, place: this.#place });
    }
  }

  /** Forgets the PIN. */
  wipe(): void {
    this.#pin?.fill(0);
    this.#pin = null;
  }

  readonly #ask: PinCallback = async (request) => {
    // The same PIN serves the keys of the token that want it for each use.
    if (request.object !== undefined && this.#pin !== null && !request.retry) return this.#pin;
    const place = this.#place ??= pinPlace(this.#context, {
      kind: "user",
      action: `log in to ${tokenName(this.#token)}`,
      source: this.#uri.pinSource,
    });
    if (request.retry) throw new CommandError(`Cannot use the key: the PIN from ${place.name} is wrong for it`);
    checkLastTry(place, `log in to ${tokenName(this.#token)}`, request.finalTry);
    const { countLow, finalTry, label, object, retry } = request;
    const question = `PIN ${object === undefined ? "of" : "for the key"} ${quoted(label)}${triesWarning(request)}`;
    const answer = await place.read(question, { uri: this.#uri, description: label, retry, countLow, finalTry });
    if (answer === null) return null;
    this.wipe();
    return this.#pin = answer;
  };
}

/** What a person is told of the tries that are left before one is made. */
export function triesWarning(
  { countLow, finalTry }: { readonly countLow: boolean; readonly finalTry: boolean },
): string {
  if (finalTry) return " (one try is left, a wrong PIN locks it)";
  return countLow ? " (a wrong PIN was given before)" : "";
}

/**
 * Refuses to spend the last try of a PIN on one that no person has given: a service would lock the card.
 *
 * @throws {CommandError} When the place is no person.
 */
export function checkLastTry(place: PinPlace, action: string, isLast: boolean): void {
  if (!isLast || place.isPerson) return;
  throw new CommandError(
    `Cannot ${action}: one try is left, and a wrong PIN from ${place.name} would lock it`,
    "Type it once at a terminal, so that the token counts anew.",
  );
}

/** A PIN that a token was given. */
export interface GivenPin {
  /** Whose it is. */
  readonly whose: keyof typeof pinOwners;
  /** What was to be done with it, such as `log in to the token "demo"`. */
  readonly action: string;
  /** Where it came from; a PIN pad has no place. */
  readonly place: PinPlace | undefined;
}

/** What the token said to a PIN, and what it says of the tries that are left. */
export async function explainedRefusal(
  error: Pkcs11Error,
  slot: Slot,
  { action, place, whose }: GivenPin,
): Promise<Error> {
  if (error.code === CKR.FUNCTION_CANCELED) return new CommandError(`Cannot ${action}: no PIN was given`);
  if (error.code !== CKR.PIN_INCORRECT) return error;
  const from = place === undefined ? "" : ` from ${place.name}`;
  const left = await slot.tokenInfo().then(
    (token) => triesLeft(token, whose),
    () => "Repeated wrong PINs lock the token",
  );
  return new CommandError(`Cannot ${action}: the ${pinOwners[whose]}${from} is wrong`, `${left}.`, { cause: error });
}

/** What a token is called in messages. */
export function tokenName({ label }: TokenInfo): string {
  return `the token ${quoted(label)}`;
}
