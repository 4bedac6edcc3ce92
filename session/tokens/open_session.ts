/** Opening sessions: from the pool or the token, with the logins that were asked for. */
import { checkOptions } from "../../ffi/engine/aborts.ts";
import { type OptionNames, refuseUnknown } from "../../internal/expected.ts";
import type { Operation, Program } from "../../ffi/engine/program.ts";
import type { Frame } from "../../ffi/engine/frame.ts";
import { checkUlong } from "../../ffi/memory/inputs.ts";
import type { PinOrQuestion } from "../../ffi/operations/pin_tries.ts";
import { forgetPin } from "../../ffi/operations/pins.ts";
import { closeSession, openSession as open } from "../../ffi/operations/sessions.ts";
import { CKF, CKU } from "../../ffi/constants/mod.ts";
import { countedLogin, leaveLogin, undoLogin } from "../core/logins.ts";
import { endLeftovers } from "../managed/leftovers.ts";
import type { ModuleCore } from "../core/module_core.ts";
import { Opening } from "../core/session_core.ts";
import type { Interaction, OpenSessionOptions, PinCallback } from "./options.ts";
import { keptPin, pinCallbackOf, preparePin, question, readLogin } from "./pin.ts";
import { type Session, sessionOn } from "./session.ts";
import { type PooledHandle, reuse } from "../core/handle_pool.ts";
import type { Slot } from "./slot.ts";
import { autoAuthenticateOf } from "./session_contexts.ts";

const CKF_RW_SESSION = BigInt(CKF.RW_SESSION);
const CKF_SERIAL_SESSION = BigInt(CKF.SERIAL_SESSION);

interface OpenArgs {
  readonly core: ModuleCore;
  readonly slot: bigint;
  readonly flags: bigint;
  /** Given up once it has failed: the operation may be made again. */
  pooled: PooledHandle | null;
  readonly readWrite: boolean;
  readonly interaction: Interaction | undefined;
  /** What keys that want a PIN for each use will get: a copy, or who is asked. */
  readonly pin: Uint8Array | PinCallback | null;
  readonly logins: readonly { readonly userType: bigint; readonly pin: PinOrQuestion }[];
}

/** A session that has been opened. */
interface Opened {
  readonly session: bigint;
  /** Whether a login was made with it. */
  readonly login: boolean;
}

const openAndLogin: Operation<Opened, OpenArgs> = function* (frame, args) {
  const { core, slot, flags, logins } = args;
  const { register } = core.backend;
  if (register !== null) yield* endLeftovers(frame, register.callers);
  const reused = yield* reuse(frame, args);
  args.pooled = null;
  const session = reused ?? (yield* open(frame, { slot, flags }));
  let login = false;
  try {
    for (const { userType, pin } of logins) {
      login = yield* countedLogin(frame, { core, session, slot, userType, pin, ifNeeded: true });
    }
  } catch (error) {
    yield* close(frame, core, slot, session);
    throw error;
  }
  return { session, login };
};

/** Undoes the opening of a session nobody will get. */
function* undo(frame: Frame, { core, slot, session, login }: Opened & UndoArgs): Program<void> {
  if (login) yield* undoLogin(frame, { core, session, slot });
  yield* close(frame, core, slot, session);
}

/** Closes a session that nobody gets; with the last one of its caller ends what others would have kept him logged in. */
function* close(frame: Frame, core: ModuleCore, slot: bigint, session: bigint): Program<void> {
  // The call that opens it counts as one.
  if (!core.isUsing(slot) && !core.isOpening(slot, 2)) yield* leaveLogin(frame, { core, session, slot });
  yield* closeSession(frame, { session });
}

interface UndoArgs {
  readonly core: ModuleCore;
  readonly slot: bigint;
}

/** The login whose PIN the keys of a session get that want it for each use. */
type KeyLogin = OpenSessionOptions["login"];

const optionNames: OptionNames<OpenSessionOptions> = {
  readWrite: true,
  login: true,
  interaction: true,
  signal: true,
  abort: true,
};

/** The options as they are when the call is made, checked. Each is read once: another reading may give something else. */
function readOptions(options: OpenSessionOptions): OpenSessionOptions {
  const call = checkOptions(options);
  refuseUnknown("open a session", options, optionNames);
  call.signal?.throwIfAborted();
  const { readWrite, interaction, login } = options;
  return { ...call, readWrite: readWrite ?? false, interaction, login: readLogin(login) };
}

function openArgs(
  slot: Slot,
  core: ModuleCore,
  { readWrite = false, interaction, login }: OpenSessionOptions,
  keyLogin: KeyLogin = login,
  opening: Opening = new Opening(),
): OpenArgs {
  const assertOpen = () => opening.assertWanted();
  const logins: { userType: bigint; pin: PinOrQuestion }[] = [];
  const ask = pinCallbackOf(interaction) ?? autoAuthenticateOf(core)?.tokens;
  if (login) {
    const userType = BigInt(checkUlong(login.userType ?? CKU.USER, "a user type"));
    logins.push({ userType, pin: preparePin(login.pin, slot, { maxTries: login.maxTries, assertOpen }) });
  } else if (ask) {
    logins.push({ userType: BigInt(CKU.USER), pin: question(ask, slot, { assertOpen }) });
  }
  let pin: OpenArgs["pin"] = null;
  try {
    if (keyLogin && (keyLogin.userType ?? CKU.USER) === CKU.USER) pin = keptPin(keyLogin.pin);
  } catch (error) {
    forgetPins({ logins });
    throw error;
  }
  return {
    core,
    slot: slot.id,
    flags: CKF_SERIAL_SESSION | (readWrite ? CKF_RW_SESSION : 0n),
    readWrite,
    interaction,
    pin,
    logins,
    // At the end, as it is given back by what is begun with it.
    pooled: core.pool?.take(slot.id, readWrite) ?? null,
  };
}

/**
 * Opens a session on worker threads.
 *
 * @param keyLogin The login whose PIN its keys get; by default the one it is opened with.
 * @param opening By what its questions can be ended.
 */
export function openSession(
  slot: Slot,
  core: ModuleCore,
  options: OpenSessionOptions,
  keyLogin?: KeyLogin,
  opening: Opening = new Opening(),
): Promise<Session> {
  opening.slot = slot.id;
  const session = openAsync(slot, core, options, keyLogin, opening);
  core.opening.set(session, opening);
  const opened = () => void core.opening.delete(session);
  session.then(opened, opened);
  return session;
}

async function openAsync(
  slot: Slot,
  core: ModuleCore,
  options: OpenSessionOptions,
  keyLogin: KeyLogin,
  opening: Opening,
): Promise<Session> {
  core.assertOpen("C_OpenSession");
  const own = readOptions(options);
  const args = openArgs(slot, core, own, keyLogin, opening);
  try {
    // The options may have getters, and those may have closed it.
    core.assertOpen("C_OpenSession");
    const opened = await core.run(
      null,
      openAndLogin,
      args,
      own,
      (frame, opened) => undo(frame, { ...opened, core, slot: slot.id }),
      opening,
    );
    if (core.closed) {
      // The module was closed meanwhile: it waits for this, and nobody will use the session.
      await core.run(null, undo, { ...opened, core, slot: slot.id });
      core.assertOpen("C_OpenSession");
    }
    return sessionOn(slot, opened.session, args, args);
  } catch (error) {
    forgetPin(args.pin);
    throw error;
  } finally {
    forgetPins(args);
  }
}

/** Opens a session in place. */
export function openSessionSync(slot: Slot, core: ModuleCore, options: OpenSessionOptions): Session {
  core.assertOpen("C_OpenSession");
  const own = readOptions(options);
  const args = openArgs(slot, core, own);
  try {
    core.assertOpen("C_OpenSession");
    const opened = core.runSync(null, openAndLogin, args, own);
    if (core.closed) {
      // A callback has begun to close the module.
      core.runSync(null, undo, { ...opened, core, slot: slot.id });
      core.assertOpen("C_OpenSession");
    }
    return sessionOn(slot, opened.session, args, args);
  } catch (error) {
    forgetPin(args.pin);
    throw error;
  } finally {
    forgetPins(args);
  }
}

function forgetPins({ logins }: Pick<OpenArgs, "logins">): void {
  for (const { pin } of logins) forgetPin(pin);
}
