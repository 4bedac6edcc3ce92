/** PINs that are there and PINs that are to be, as commands that set them read them: every check comes before the token. */
import { CKF, CKU } from "../../ffi/constants/mod.ts";
import { isSameBytes } from "../../internal/bytes.ts";
import type { TokenInfo } from "../../session/core/infos.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import type { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { pinOwners, pinTries, UNBLOCK } from "./flags.ts";
import { checkLastTry, tokenName, triesWarning } from "./login.ts";
import { type PinPlace, pinPlace, quoted } from "./pin_places.ts";

/** What a PIN is read for. */
export interface PinErrand {
  /** The token. */
  readonly token: TokenInfo;
  /** Whose PIN. */
  readonly whose: keyof typeof pinOwners;
  /** What is done with it, such as `change the PIN of the token "demo"`. */
  readonly action: string;
}

/** A PIN that is there, and where it came from. */
export interface PresentPin {
  readonly pin: Uint8Array;
  readonly place: PinPlace;
}

/** Whether a token takes PINs at its reader's keys alone. */
export function hasPad({ flags }: TokenInfo): boolean {
  return (flags & CKF.PROTECTED_AUTHENTICATION_PATH) !== 0;
}

/**
 * Refuses the source of a URI where the security officer's PIN is wanted: what it holds is the user's, and would cost a try.
 *
 * @throws {UsageError} When it has one.
 */
export function refusePinSource({ pinSource }: Pkcs11Uri, command: string): void {
  if (pinSource === undefined) return;
  throw new UsageError(
    "Cannot use the pin-source of the URI: it has the user's PIN, and the security officer's is wanted; give " +
      "--so-pin-source or GP11_SO_PIN",
    command,
  );
}

/**
 * The PIN that is there.
 *
 * @param source What the URI or an option names as its source.
 * @returns It, for the caller to overwrite.
 * @throws {CommandError} When it is locked, nobody has it, or it cannot be right.
 */
export async function presentPin(
  context: CommandContext,
  { action, token, whose }: PinErrand,
  source: string | undefined,
): Promise<PresentPin> {
  checkNotLocked({ action, token, whose });
  const tries = pinTries(token, whose);
  const place = pinPlace(context, { kind: whose, action, source });
  checkLastTry(place, action, tries.finalTry);
  const title = whose === "so" ? "Security officer's PIN" : "Old PIN";
  const pin = await place.read(`${title} of ${quoted(token.label)}${triesWarning(tries)}`, {
    description: token.label,
    ...tries,
  });
  if (pin === null) throw new CommandError(`Cannot ${action}: no PIN was given`);
  // Some officers' PINs are keys of the device, which have a length of their own.
  const fault = whose === "so" ? null : lengthFault(pin, token);
  if (fault === null) return { pin, place };
  pin.fill(0);
  throw new CommandError(`Cannot ${action}: the PIN from ${place.name} cannot be right, it ${fault}`);
}

/**
 * Refuses to give a PIN to a token that has locked it.
 *
 * @throws {CommandError} When it is locked.
 */
export function checkNotLocked({ action, token, whose }: PinErrand): void {
  if (!pinTries(token, whose).isLocked) return;
  throw new CommandError(
    `Cannot ${action}: the ${pinOwners[whose]} is locked`,
    whose === "user" ? UNBLOCK : undefined,
  );
}

/** What is asked for a PIN that is to be. */
export interface NewPinErrand extends PinErrand {
  /** Where it is. */
  readonly place: PinPlace;
  /** What a person is asked. */
  readonly question: string;
  /** Whether the lengths that the token tells are this PIN's. */
  readonly isOfToldLength: boolean;
}

/**
 * The PIN that is to be; a person types it twice.
 *
 * @returns It, for the caller to overwrite; null where a person gives none.
 * @throws {CommandError} When it is of a length that the token does not take, or was typed in two ways.
 */
export async function newPin({ action, isOfToldLength, place, question, token }: NewPinErrand): Promise<
  Uint8Array | null
> {
  const pin = await place.read(question, { description: token.label });
  if (pin === null) return null;
  let again: Uint8Array | null = null;
  try {
    const fault = isOfToldLength ? lengthFault(pin, token) : null;
    if (fault !== null) throw new CommandError(`Cannot ${action}: the new PIN ${fault}`);
    if (place.isPerson) {
      again = await place.read("The same once more");
      if (again === null || !isSameBytes(pin, again)) {
        throw new CommandError(`Cannot ${action}: the new PIN was typed in two ways`);
      }
    }
    return pin;
  } catch (error) {
    pin.fill(0);
    throw error;
  } finally {
    again?.fill(0);
  }
}

/** The place of a PIN that is to be. */
export function newPinPlace(context: CommandContext, action: string): PinPlace {
  return pinPlace(context, { kind: "new", action, source: context.options.text("new-pin-source") });
}

/** Whether a PIN has a length that the token tells. */
export function isOfToldLength(pin: Uint8Array, token: TokenInfo): boolean {
  return lengthFault(pin, token) === null;
}

/** What is wrong with the length of a PIN; its own is told to nobody. */
function lengthFault({ length }: Uint8Array, { maxPinLen, minPinLen }: TokenInfo): string | null {
  const most = maxPinLen || Infinity;
  const least = minPinLen ?? 0;
  if (length >= least && length <= most) return null;
  const lengths = most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  return `is too ${length < least ? "short" : "long"}: those of the token have ${lengths} bytes`;
}

/** Says that the PINs are typed at the reader. */
export async function notePad(context: CommandContext, what: string, token: TokenInfo): Promise<void> {
  await context.note(`enter ${what} of ${tokenName(token)} at its reader`);
}

/** Does something in a session of the security officer's. */
export async function asOfficer(
  slot: Slot,
  pin: Uint8Array | null,
  signal: AbortSignal,
  body: (session: Session) => Promise<void>,
): Promise<void> {
  const login = { userType: CKU.SO, pin, maxTries: 1 };
  const session = await slot.openSession({ readWrite: true, login, signal });
  try {
    await body(session);
  } finally {
    await session.close();
  }
}
