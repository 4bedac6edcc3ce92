import { CKF, CKR, CKU } from "../../ffi/constants/mod.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import type { Session } from "../../session/tokens/session.ts";
import type { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { type FoundToken, oneToken, tokenUri, uriArgument } from "../tokens/find_tokens.ts";
import { FIRST_PIN, pinOwners } from "../tokens/flags.ts";
import { explainedRefusal, tokenName } from "../tokens/login.ts";
import { withModules } from "../tokens/modules.ts";
import {
  asOfficer,
  checkNotLocked,
  hasPad,
  isOfToldLength,
  newPin,
  newPinPlace,
  notePad,
  type PinErrand,
  presentPin,
  refusePinSource,
} from "../tokens/pin_exchange.ts";
import { type PinPlace, quoted } from "../tokens/pin_places.ts";

/** Sets a PIN: its owner changes it, or the security officer sets the user's anew. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [action, text], command, options } = context;
  const uri = uriArgument(text!, command.name);
  const isUnblock = action === "unblock";
  if (isUnblock && options.has("so")) {
    throw new UsageError("Cannot use --so with unblock: what it sets is the user's PIN", command.name);
  }
  const whose = options.has("so") ? "so" : "user";
  if (isUnblock || whose === "so") refusePinSource(uri, command.name);
  else if (options.has("so-pin-source")) {
    throw new UsageError("Cannot use --so-pin-source: without --so the user's PIN is changed", command.name);
  }
  await withModules(context, async (modules) => {
    const found = await oneToken(modules, uri, context);
    const verb = isUnblock ? "set" : "change";
    const errand = {
      token: found.token,
      whose,
      action: `${verb} the ${pinOwners[whose]} of ${tokenName(found.token)}`,
    } as const;
    if (isUnblock) await unblock(context, found, errand);
    else if (whose === "so") await changeOfficers(context, found, errand);
    else await changeUsers(context, uri, found, errand);
    const text = `The ${pinOwners[whose]} of ${quoted(found.token.label)} is ${isUnblock ? "set" : "changed"}\n`;
    await context.report({ json: { token: tokenUri(found) }, text });
  });
}

/** What the token is given: the PIN that opens it and the one that is to be, null for a pad. */
type Exchange = (opener: Uint8Array | null, wanted: Uint8Array | null) => Promise<void>;

/** The user changes the PIN of their own. */
async function changeUsers(
  context: CommandContext,
  uri: Pkcs11Uri,
  found: FoundToken,
  errand: PinErrand,
): Promise<void> {
  const { signal } = context;
  const { slot, token } = found;
  checkNotLocked(errand);
  if (!hasPad(token) && (token.flags & CKF.USER_PIN_INITIALIZED) === 0) {
    throw new CommandError(`Cannot ${errand.action}: it has none yet`, FIRST_PIN);
  }
  // A token that allows no changes says so before anybody is asked.
  const session = await slot.openSession({ readWrite: true, signal });
  try {
    await exchanged(context, found, { errand, source: uri.pinSource, opener: "user" }, async (old, wanted) => {
      if (old !== null) await prove(session, old, signal);
      await session.setPin(old, wanted, { signal });
    });
  } finally {
    await session.close();
  }
}

/**
 * Logs in, so that the old PIN is known to be right: without a login NSS softokn changes none, and tpm2-pkcs11 calls one
 * changed that is not, where the old one is wrong. It costs a wrong PIN's one try, as the change would.
 */
async function prove(session: Session, pin: Uint8Array, signal: AbortSignal): Promise<void> {
  try {
    await session.login(CKU.USER, pin, { maxTries: 1, signal });
  } catch (error) {
    // It is the right one, and nothing but its change is allowed.
    if (!(error instanceof Pkcs11Error) || error.code !== CKR.PIN_EXPIRED) throw error;
  }
}

async function changeOfficers(context: CommandContext, found: FoundToken, errand: PinErrand): Promise<void> {
  const { options, signal } = context;
  const source = options.text("so-pin-source");
  await exchanged(context, found, { errand, source, opener: "so" }, async (old, wanted) => {
    await asOfficer(found.slot, old, signal, (session) => session.setPin(old, wanted, { signal }));
  });
}

/** The security officer sets the user's PIN: the first one, or another for one that is forgotten or locked. */
async function unblock(context: CommandContext, found: FoundToken, errand: PinErrand): Promise<void> {
  const { options, signal } = context;
  const source = options.text("so-pin-source");
  await exchanged(context, found, { errand, source, opener: "so" }, async (officers, wanted) => {
    await asOfficer(found.slot, officers, signal, (session) => session.initPin(wanted, { signal }));
  });
}

/** Asks for the PIN that opens and the one that is to be, gives both to the token, and forgets them. */
async function exchanged(
  context: CommandContext,
  { slot, token }: FoundToken,
  { errand, opener, source }: {
    readonly errand: PinErrand;
    readonly opener: keyof typeof pinOwners;
    readonly source: string | undefined;
  },
  exchange: Exchange,
): Promise<void> {
  const { action, whose } = errand;
  const refused = async (error: unknown, place?: PinPlace) => {
    if (!(error instanceof Pkcs11Error)) throw error;
    throw await explainedRefusal(error, slot, { whose: opener, action, place });
  };
  if (hasPad(token)) {
    checkNotLocked({ ...errand, whose: opener });
    await notePad(context, "both PINs", token);
    return await exchange(null, null).catch(refused);
  }
  const { pin, place } = await presentPin(context, { ...errand, whose: opener }, source);
  let wanted: Uint8Array | null = null;
  try {
    wanted = await newPin({
      ...errand,
      place: newPinPlace(context, action),
      question: `New ${whose === "so" ? "security officer's PIN" : "PIN"} of ${quoted(token.label)}`,
      isOfToldLength: whose === "user" || isOfToldLength(pin, token),
    });
    if (wanted === null) throw new CommandError(`Cannot ${action}: no new PIN was given`);
    await exchange(pin, wanted).catch((error) => refused(error, place));
  } finally {
    pin.fill(0);
    wanted?.fill(0);
  }
}
