/** Opening sessions: from the pool or the token, with the logins that were asked for. */
import { checkOptions, type Operation, type Program } from "../ffi/engine.ts";
import type { Frame } from "../ffi/frame.ts";
import { checkUlong } from "../ffi/bytes.ts";
import type { PinOrQuestion } from "../ffi/operations/pin_tries.ts";
import { forgetPin } from "../ffi/operations/pins.ts";
import { closeSession, openSession as open, sessionInfo } from "../ffi/operations/sessions.ts";
import { CKU } from "../ffi/constants/mod.ts";
import { Pkcs11Error } from "./errors.ts";
import { countedLogin } from "./managed/logins.ts";
import type { ModuleCore } from "./module_core.ts";
import type { OpenSessionOptions } from "./options.ts";
import { askerOf, checkLogin, preparePin, question } from "./pin.ts";
import { type Session, sessionOn } from "./session.ts";
import type { PooledHandle } from "./session_pool.ts";
import type { Slot } from "./slot.ts";

const CKF_RW_SESSION = 2n;
const CKF_SERIAL_SESSION = 4n;

interface OpenArgs {
  readonly core: ModuleCore;
  readonly slot: bigint;
  readonly flags: bigint;
  /** Given up once it has failed: the operation may be made again. */
  pooled: PooledHandle | null;
  readonly logins: readonly { readonly userType: bigint; readonly pin: PinOrQuestion }[];
}

const openAndLogin: Operation<bigint, OpenArgs> = function* (frame, args) {
  const { core, slot, flags, logins } = args;
  const reused = yield* reuse(frame, args.pooled);
  args.pooled = null;
  const session = reused ?? (yield* open(frame, { slot, flags }));
  try {
    for (const { userType, pin } of logins) {
      yield* countedLogin(frame, { core, session, slot, userType, pin, ifNeeded: true });
    }
  } catch (error) {
    yield* closeSession(frame, { session });
    throw error;
  }
  return session;
};

function* reuse(frame: Frame, pooled: PooledHandle | null): Program<bigint | null> {
  if (!pooled?.validate) return pooled?.handle ?? null;
  try {
    yield* sessionInfo(frame, { session: pooled.handle });
    return pooled.handle;
  } catch (error) {
    // The pool has let go of the handle: nobody else would close it.
    yield* closeSession(frame, { session: pooled.handle });
    // A handle that no longer works is replaced; anything else, an abort for one, ends the call.
    if (error instanceof Pkcs11Error) return null;
    throw error;
  }
}

function* discard(frame: Frame, session: bigint): Program<number> {
  return yield* closeSession(frame, { session });
}

function openArgs(slot: Slot, core: ModuleCore, options: OpenSessionOptions): OpenArgs {
  const readWrite = options.readWrite ?? false;
  const logins: { userType: bigint; pin: PinOrQuestion }[] = [];
  const ask = askerOf(options.interaction) ?? core.autoAuthenticate?.tokens;
  const login = checkLogin(options.login);
  if (login) {
    const userType = BigInt(checkUlong(login.userType ?? CKU.USER, "a user type"));
    logins.push({ userType, pin: preparePin(login.pin, slot, login.maxTries) });
  } else if (ask) {
    logins.push({ userType: BigInt(CKU.USER), pin: question(ask, slot) });
  }
  return {
    core,
    slot: slot.id,
    flags: CKF_SERIAL_SESSION | (readWrite ? CKF_RW_SESSION : 0n),
    pooled: core.pool?.take(slot.id, readWrite) ?? null,
    logins,
  };
}

/** Opens a session on worker threads. */
export function openSession(slot: Slot, core: ModuleCore, options: OpenSessionOptions): Promise<Session> {
  const opening = openAsync(slot, core, options);
  core.opening.add(opening);
  const opened = () => void core.opening.delete(opening);
  opening.then(opened, opened);
  return opening;
}

async function openAsync(slot: Slot, core: ModuleCore, options: OpenSessionOptions): Promise<Session> {
  checkOptions(options);
  options.signal?.throwIfAborted();
  const args = openArgs(slot, core, options);
  try {
    const handle = await core.run(null, openAndLogin, args, options, discard);
    if (core.closed) {
      // The module was closed meanwhile: it waits for this, and nobody will use the session.
      await core.run(null, closeSession, { session: handle });
      core.assertOpen("C_OpenSession");
    }
    return sessionOn(slot, handle, options);
  } finally {
    forgetPins(args);
  }
}

/** Opens a session in place. */
export function openSessionSync(slot: Slot, core: ModuleCore, options: OpenSessionOptions): Session {
  checkOptions(options);
  options.signal?.throwIfAborted();
  const args = openArgs(slot, core, options);
  try {
    return sessionOn(slot, core.runSync(null, openAndLogin, args, options), options);
  } finally {
    forgetPins(args);
  }
}

function forgetPins({ logins }: OpenArgs): void {
  for (const { pin } of logins) forgetPin(pin);
}
