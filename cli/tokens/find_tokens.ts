/** The tokens that a URI means. */
import { CKF } from "../../ffi/constants/mod.ts";
import type { SlotInfo, TokenInfo } from "../../session/core/infos.ts";
import { Pkcs11Error, UriError } from "../../session/errors.ts";
import { isModuleOf } from "../../session/find_by_uri.ts";
import { slotProblem } from "../../session/tokens/find_slot.ts";
import type { Module } from "../../session/tokens/module.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import { Pkcs11Uri } from "../../session/uri/mod.ts";
import type { CommandContext } from "../contract/command.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";

/** A token and where it is. */
export interface FoundToken {
  /** Its module. */
  readonly module: Module;
  /** Its slot. */
  readonly slot: Slot;
  /** What the slot tells. */
  readonly slotInfo: SlotInfo;
  /** What the token tells. */
  readonly token: TokenInfo;
}

/**
 * Reads a URI that was given as an argument.
 *
 * @throws {UsageError} When it is none, when nothing can match it, and when it holds a PIN, which others could see.
 */
export function uriArgument(text: string, command: string): Pkcs11Uri {
  let uri: Pkcs11Uri;
  try {
    uri = Pkcs11Uri.parse(text);
  } catch (error) {
    if (!(error instanceof UriError)) throw error;
    throw new UsageError(`${error.message}; a URI is such as pkcs11:token=demo;object=release`, command);
  }
  if (uri.pinValue !== undefined) {
    throw new UsageError(
      "Cannot take a PIN from the command line: others can read it there; leave pin-value out and set GP11_PIN, " +
        "give pin-source or type it when asked",
      command,
    );
  }
  if (uri.unrecognized) {
    throw new UsageError(
      "Cannot use the URI: it has attributes that PKCS#11 URIs do not have, so nothing matches it",
      command,
    );
  }
  return uri;
}

/**
 * The tokens that are there and that a URI matches; all of them where there is none.
 *
 * @throws {Pkcs11Error} Where there is none, and a slot does not tell of its token: it could be that one.
 */
export async function tokensMatching(
  modules: readonly Module[],
  uri: Pkcs11Uri | null,
  signal: AbortSignal,
): Promise<FoundToken[]> {
  const { found, problem } = await tokensThere(modules, uri, signal);
  if (found.length === 0 && problem !== null) throw problem;
  return found;
}

/** The tokens that a URI matches, and why a slot does not tell of its token; null where all do. */
export async function tokensThere(
  modules: readonly Module[],
  uri: Pkcs11Uri | null,
  signal: AbortSignal,
): Promise<{ readonly found: FoundToken[]; readonly problem: Pkcs11Error | null }> {
  const found: FoundToken[] = [];
  let problem: Pkcs11Error | null = null;
  for (const module of modules) {
    if (uri !== null && (!isModuleOf(uri, module) || !uri.matchModule(await module.info({ signal })))) continue;
    for (const slot of await module.slots({ tokenPresent: true, signal })) {
      const slotInfo = await slot.info({ signal });
      if (uri !== null && !uri.matchSlot(slotInfo, slot.id)) continue;
      const token = await slot.tokenInfo({ signal }).catch(slotProblem);
      if (token instanceof Pkcs11Error) problem ??= token;
      else if (token !== null && (uri === null || uri.matchToken(token))) found.push({ module, slot, slotInfo, token });
    }
  }
  return { found, problem };
}

/** Whether a token holds objects: a slot of SoftHSM without one of its own shows a token that is not initialised. */
export function isInitialised({ token }: FoundToken): boolean {
  return (token.flags & CKF.TOKEN_INITIALIZED) !== 0;
}

/** The URI of a token, with the NULs that some pad with: without them it would name no token. */
export function tokenUri({ token }: FoundToken): string {
  const given = (text: string) => text === "" ? undefined : text;
  return Pkcs11Uri.from({
    token: given(token.label),
    manufacturer: given(token.manufacturerId),
    model: given(token.model),
    serial: given(token.serialNumber),
  }).format();
}

/**
 * The one token that a URI means.
 *
 * @throws {CommandError} When there is none or more than one; what there is is listed.
 */
export async function oneToken(
  modules: readonly Module[],
  uri: Pkcs11Uri,
  { signal }: CommandContext,
): Promise<FoundToken> {
  const matching = await tokensMatching(modules, uri, signal);
  const found = matching.filter(isInitialised);
  if (found.length === 1) return found[0]!;
  const text = uri.toString();
  if (found.length > 1) {
    throw new CommandError(
      `Cannot choose a token: ${found.length} match ${text}`,
      `Name one of them in the URI:\n${list(found)}`,
    );
  }
  if (matching.length > 0) {
    throw new CommandError(
      `Cannot use the token of ${text}: it is not initialised`,
      "gp11 init does that; gp11 slots shows its slot.",
    );
  }
  const present = (await tokensMatching(modules, null, signal)).filter(isInitialised);
  throw new CommandError(
    `Cannot find a token that matches ${text}`,
    present.length === 0 ? "No token is present; gp11 slots shows the slots." : `Present are:\n${list(present)}`,
  );
}

/**
 * The one slot that a URI means, whether its token is initialised or not.
 *
 * @throws {CommandError} When there is none with a token in it, or more than one; what there is is listed.
 */
export async function oneSlot(
  modules: readonly Module[],
  uri: Pkcs11Uri,
  { signal }: CommandContext,
): Promise<FoundToken> {
  const matching = await tokensMatching(modules, uri, signal);
  if (matching.length === 1) return matching[0]!;
  const uris = matching.map((found) => `  ${isInitialised(found) ? tokenUri(found) : slotUri(found)}`).join("\n");
  if (matching.length === 0) {
    throw new CommandError(`Cannot find a slot with a token that matches ${uri}`, "gp11 slots shows the slots.");
  }
  throw new CommandError(
    `Cannot choose a slot: ${matching.length} match ${uri}`,
    `Name one of them by its URI:\n${uris}`,
  );
}

/** The URI of a slot. */
function slotUri({ slot }: FoundToken): string {
  return Pkcs11Uri.from({ slotId: slot.id }).format();
}

function list(tokens: readonly FoundToken[]): string {
  return tokens.map((found) => `  ${tokenUri(found)}`).join("\n");
}
