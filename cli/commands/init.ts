import { CKR } from "../../ffi/constants/mod.ts";
import type { TokenInfo } from "../../session/core/infos.ts";
import { Pkcs11Error } from "../../session/errors.ts";
import { TOKEN_LABEL_LENGTH } from "../../session/tokens/slot.ts";
import { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { listText } from "../terminal/table.ts";
import { confirmed } from "../tokens/confirmation.ts";
import { type FoundToken, isInitialised, oneSlot, tokenUri, uriArgument } from "../tokens/find_tokens.ts";
import { explainedRefusal, tokenName } from "../tokens/login.ts";
import { withModules } from "../tokens/modules.ts";
import {
  asOfficer,
  hasPad,
  newPin,
  newPinPlace,
  notePad,
  presentPin,
  refusePinSource,
} from "../tokens/pin_exchange.ts";
import { type PinPlace, pinPlace, quoted } from "../tokens/pin_places.ts";

/** The PINs of a token that is initialised, for whoever has them to overwrite; null for a pad, or where there is none. */
interface TokenPins {
  readonly officers: Uint8Array | null;
  readonly place: PinPlace | undefined;
  readonly users: Uint8Array | null;
  readonly isUserWanted: boolean;
}

/** Initialises a token. */
export async function run(context: CommandContext): Promise<void> {
  const { arguments: [text], command, options, paint } = context;
  const uri = /^\d+$/.test(text!) ? Pkcs11Uri.parse(`pkcs11:slot-id=${text}`) : uriArgument(text!, command.name);
  refusePinSource(uri, command.name);
  const label = labelOf(options.text("label")!, command.name);
  await withModules(context, async (modules) => {
    const found = await oneSlot(modules, uri, context);
    if (isInitialised(found)) await checkYes(context, found);
    const pins = await pinsOf(context, found, label);
    try {
      await initialise(context, found, label, pins);
    } finally {
      pins.officers?.fill(0);
      pins.users?.fill(0);
    }
    const made = tokenUri({ ...found, token: await found.slot.tokenInfo() });
    await context.report({
      json: { uri: made, userPin: pins.isUserWanted },
      text: listText([["initialised", made]], paint),
    });
    if (!pins.isUserWanted) await context.note("it has no user PIN yet: gp11 pin unblock sets the first");
  });
}

/** A label that a token can have, which is known before anybody is asked for a PIN. */
function labelOf(label: string, command: string): string {
  const { length } = new TextEncoder().encode(label);
  if (length <= TOKEN_LABEL_LENGTH) return label;
  throw new UsageError(
    `Cannot use --label ${
      JSON.stringify(label)
    }: it has ${length} bytes, a token's label at most ${TOKEN_LABEL_LENGTH}`,
    command,
  );
}

/** Destroys nothing that nobody has given up; what anybody may see of it is named. */
async function checkYes(context: CommandContext, { slot, token }: FoundToken): Promise<void> {
  const { options, signal } = context;
  if (options.has("yes")) return;
  const session = await slot.openSession({ signal });
  let uris: string[];
  try {
    const objects = await session.findObjects({}, { signal });
    uris = await Promise.all(objects.map((object) => object.uri({ signal })));
  } finally {
    await session.close();
  }
  const seen = uris.length === 0
    ? ""
    : `Besides what its PIN protects there are:${uris.map((uri) => `\n  ${uri}`).join("")}`;
  const name = tokenName(token);
  await confirmed(context, {
    action: `initialise ${name}`,
    question: `${seen === "" ? "" : `${seen}\n`}Everything on ${name} will be lost, private keys too. Initialise it?`,
    unasked: `everything on it would be lost, private keys too; give --yes${seen === "" ? "" : `. ${seen}`}`,
  });
}

async function pinsOf(context: CommandContext, found: FoundToken, label: string): Promise<TokenPins> {
  const { token } = found;
  const action = `initialise ${isInitialised(found) ? tokenName(token) : `slot ${found.slot.id}`}`;
  if (hasPad(token)) {
    await notePad(context, "the security officer's PIN and the user's", token);
    return { officers: null, place: undefined, users: null, isUserWanted: true };
  }
  const { pin: officers, place } = isInitialised(found)
    ? await presentPin(context, { token, whose: "so", action }, context.options.text("so-pin-source"))
    : await firstPin(context, token, action, label);
  try {
    const users = await usersPin(context, token, { action, label, place });
    return { officers, place, users, isUserWanted: users !== null };
  } catch (error) {
    officers.fill(0);
    throw error;
  }
}

/** The security officer's PIN that a new token gets. */
async function firstPin(context: CommandContext, token: TokenInfo, action: string, label: string) {
  const place = pinPlace(context, { kind: "so", action, source: context.options.text("so-pin-source") });
  const question = `Security officer's PIN for ${quoted(label)}`;
  const pin = await newPin({ token, whose: "so", action, place, question, isOfToldLength: true });
  if (pin === null) throw new CommandError(`Cannot ${action}: no PIN was given`);
  return { pin, place };
}

/** The user's PIN, where there is one: a person who has given the other is asked. */
async function usersPin(
  context: CommandContext,
  token: TokenInfo,
  { action, label, place: officers }: { readonly action: string; readonly label: string; readonly place: PinPlace },
): Promise<Uint8Array | null> {
  const place = newPinPlace(context, action);
  if (place.isPerson && !officers.isPerson) return null;
  const question = `User's PIN for ${quoted(label)}, Enter for none yet`;
  return await newPin({ token, whose: "user", action, place, question, isOfToldLength: true });
}

async function initialise(context: CommandContext, found: FoundToken, label: string, pins: TokenPins): Promise<void> {
  const { signal } = context;
  const { slot, token } = found;
  const action = `initialise ${isInitialised(found) ? tokenName(token) : `slot ${slot.id}`}`;
  try {
    await slot.initToken(pins.officers, label, { signal });
  } catch (error) {
    if (!(error instanceof Pkcs11Error)) throw error;
    throw await explainedRefusal(error, slot, { whose: "so", action, place: pins.place });
  }
  if (!pins.isUserWanted) return;
  try {
    await setUsersPin(context, found, pins);
  } catch (cause) {
    if (!(cause instanceof Pkcs11Error)) throw cause;
    throw new CommandError(
      `Cannot set the user's PIN of ${quoted(label)}, which is initialised: ${cause.message}`,
      "gp11 pin unblock sets it.",
      { cause },
    );
  }
}

async function setUsersPin(
  { signal }: CommandContext,
  { slot, token }: FoundToken,
  { officers, users }: TokenPins,
): Promise<void> {
  const set = (pin: Uint8Array | null) => asOfficer(slot, pin, signal, (each) => each.initPin(users, { signal }));
  try {
    await set(officers);
  } catch (error) {
    // NSS softokn keeps no PIN of a security officer, whose login is an empty one.
    const hasNone = token.minPinLen === 0 && error instanceof Pkcs11Error && error.code === CKR.PIN_INCORRECT;
    if (!hasNone) throw error;
    await set(new Uint8Array());
  }
}
