/**
 * Sessions for commands, and where their PINs come from: the URI's pin-source, `GP11_PIN`, a terminal. A PIN that the token
 * refuses is the end of the command: it is never tried again.
 *
 * @module
 */
import { CKF, CKR } from "../../ffi/constants/mod.ts";
import { withoutNuls } from "../../ffi/memory/texts.ts";
import type { TokenInfo } from "../../session/core/infos.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { requestPin } from "../../session/pins/mod.ts";
import type { PinCallback, PinRequest } from "../../session/tokens/options.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError } from "../terminal/errors.ts";
import { askSecret } from "../terminal/questions.ts";
import { safeText } from "../terminal/text.ts";
import type { FoundToken } from "./find_tokens.ts";
import { triesLeft } from "./flags.ts";

/** What a URI's pin-source is. */
const PIN_SOURCE = "The pin-source of the URI is the path of a file with the PIN in it, or a file: URI.";

/** How a session is wanted. */
export interface SessionWish {
  /** Whether objects on the token are made, changed or destroyed. */
  readonly readWrite?: boolean;
  /** Whether the user is to be logged in where the token wants it. */
  readonly login: boolean;
}

/** Does something in a session on a token, and ends it, with the login that was made for it. */
export async function withSession<T>(
  context: CommandContext,
  uri: Pkcs11Uri,
  found: FoundToken,
  { login, readWrite = false }: SessionWish,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  const needsLogin = login && (found.token.flags & CKF.LOGIN_REQUIRED) !== 0;
  if (!needsLogin) return await used(await found.slot.openSession({ readWrite, signal }), body);
  const pins = new TokenPin(context, uri, found.token);
  try {
    return await used(await pins.open(found, readWrite), body);
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

/** Where a PIN comes from, in words, and how it is had. */
interface PinPlace {
  readonly name: string;
  /** Whether a person gives it, who may answer for the last try. */
  readonly isPerson: boolean;
  read(request: PinRequest, signal: AbortSignal): Promise<string | Uint8Array | null>;
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
  async open({ slot, token }: FoundToken, readWrite: boolean): Promise<Session> {
    const { signal } = this.#context;
    const name = tokenName(token);
    const hasPad = (token.flags & CKF.PROTECTED_AUTHENTICATION_PATH) !== 0;
    if (token.flags & CKF.USER_PIN_LOCKED) {
      throw new CommandError(`Cannot log in to ${name}: its PIN is locked`, "The security officer can set a new one.");
    }
    if (!hasPad && (token.flags & CKF.USER_PIN_INITIALIZED) === 0) {
      throw new CommandError(
        `Cannot log in to ${name}: it has no user PIN yet`,
        "The security officer sets the first.",
      );
    }
    if (hasPad) await this.#context.note(`enter the PIN of ${name} at its reader`);
    try {
      return await slot.openSession({ readWrite, login: { pin: hasPad ? null : this.#ask, maxTries: 1 }, signal });
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || error.fn !== "C_Login") throw error;
      throw await this.#explained(error, () => slot.tokenInfo());
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
    const place = this.#place ??= this.#choosePlace();
    if (request.retry) throw new CommandError(`Cannot use the key: the PIN from ${place.name} is wrong for it`);
    if (request.finalTry && !place.isPerson) {
      throw new CommandError(
        `Cannot log in to ${tokenName(this.#token)}: one try is left, and a wrong PIN from ${place.name} would lock it`,
        "Log in once at a terminal without it, so that the token counts anew.",
      );
    }
    const answer = await place.read(request, this.#context.signal);
    if (answer === null) return null;
    this.wipe();
    this.#pin = typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
    return this.#pin;
  };

  #choosePlace(): PinPlace {
    const { pinSource } = this.#uri;
    if (pinSource !== undefined) return this.#source(pinSource);
    const { environment } = this.#context.surroundings;
    const pin = environment.GP11_PIN;
    if (pin !== undefined && pin !== "") {
      return { name: "GP11_PIN", isPerson: false, read: () => Promise.resolve(pin) };
    }
    return { name: "the terminal", isPerson: true, read: (request, signal) => this.#askPerson(request, signal) };
  }

  #source(source: string): PinPlace {
    return {
      name: "the URI's pin-source",
      isPerson: false,
      read: async ({ countLow, finalTry, label, retry }) => {
        const request = { uri: this.#uri, description: label, retry, countLow, finalTry };
        const answer = await requestPin(source, request).catch((cause: Error) => {
          throw new CommandError(cause.message, PIN_SOURCE, { cause });
        });
        if (answer !== null && answer.length > 0) return answer;
        const state = answer === null ? "has no PIN" : "is empty";
        throw new CommandError(
          `Cannot log in to ${tokenName(this.#token)}: the pin-source ${safeText(source)} ${state}`,
          PIN_SOURCE,
        );
      },
    };
  }

  async #askPerson(request: PinRequest, signal: AbortSignal): Promise<Uint8Array | null> {
    const { countLow, finalTry, label, object } = request;
    const terminal = this.#context.surroundings.openTerminal();
    if (terminal === null) {
      throw new CommandError(
        `Cannot log in to ${tokenName(this.#token)}: there is no PIN and no terminal to ask for it`,
        "Set GP11_PIN, or give a pin-source in the URI, such as ?pin-source=file:/run/pin.",
      );
    }
    const warning = finalTry
      ? " (one try is left, a wrong PIN locks it)"
      : countLow
      ? " (a wrong PIN was given before)"
      : "";
    const what = object === undefined ? `of ${quoted(label)}` : `for the key ${quoted(label)}`;
    const typed = await askSecret(terminal, `PIN ${what}${warning}: `, signal);
    // An Enter too many would be a wrong PIN, and cards count.
    return typed?.length ? typed : null;
  }

  /** What the token said to a PIN, and what it says of the tries that are left. */
  async #explained(error: Pkcs11Error, tokenInfo: () => Promise<TokenInfo>): Promise<Error> {
    const name = tokenName(this.#token);
    if (error.code === CKR.FUNCTION_CANCELED) return new CommandError(`Cannot log in to ${name}: no PIN was given`);
    if (error.code !== CKR.PIN_INCORRECT) return error;
    const place = this.#place === undefined ? "" : ` from ${this.#place.name}`;
    const left = await tokenInfo().then(triesLeft, () => "Repeated wrong PINs lock the token");
    return new CommandError(`Cannot log in to ${name}: the PIN${place} is wrong`, `${left}.`, { cause: error });
  }
}

function quoted(label: string): string {
  return JSON.stringify(safeText(withoutNuls(label)));
}

function tokenName({ label }: TokenInfo): string {
  return `the token ${quoted(label)}`;
}
