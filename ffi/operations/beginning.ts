/** How an operation of cryptography begins: its two calls as one step, with a login between them where the key wants one. */
import { CKR } from "../constants/mod.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import { writeMechanism, type WrittenMechanism } from "../memory/mechanisms.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import { type KeyAuthentication, mayAsk, wantsLogin } from "./authentication.ts";
import type { ActiveKind, AuthenticatedUse } from "../engine/active.ts";
import { endActive, endOperation } from "./ending.ts";
import { endUse, isLeftBegun, loginAndUse, newUse, openUse, takeTurn, tryKeyPins } from "./key_use.ts";
import { checkKey, fitMechanism, type KeyUse, wantsFit, wantsKeyCheck } from "./key_checks.ts";

/** Memory of the caller for the result of a call in place. */
export class Destination {
  /** The memory. */
  readonly memory: Uint8Array;
  /** How many bytes of the result were written to its beginning; -1 where the operation has given the result itself. */
  written = -1;

  /** Nothing is written yet. */
  constructor(memory: Uint8Array) {
    this.memory = memory;
  }
}

/** What every operation with a key is given. */
export interface CryptoArgs extends KeyUse {
  /** What is encrypted, signed and so on. */
  readonly data: Uint8Array;
  /** Whom to ask for the PIN of a key that wants one for each use; `null` where nobody can be asked. */
  readonly authentication: KeyAuthentication | null;
  /** Where the result of a call in place is written to, if it can be done at once. */
  readonly into?: Destination | null | undefined;
}

/** The C functions of one kind of operation. */
export interface CryptoFunctions {
  /** What becomes active. */
  readonly kind: ActiveKind;
  /** Begins it. */
  readonly init: FunctionName;
  /** Place of `init` in the list. */
  readonly initIndex: number;
  /** Does it. */
  readonly once: FunctionName;
  /** Place of `once` in the list. */
  readonly onceIndex: number;
}

/** The functions of a kind by their names. */
export function functionsOf(kind: ActiveKind, init: FunctionName, once: FunctionName): CryptoFunctions {
  return { kind, init, initIndex: FN[init], once, onceIndex: FN[once] };
}

/** The two calls of an operation, and what has come of them. */
export interface Beginning {
  /** `null` once the operation has ended. */
  args: CryptoArgs | null;
  readonly functions: CryptoFunctions;
  readonly mechanism: WrittenMechanism;
  readonly init: NativeCall & { readonly args: bigint[] };
  once: NativeCall;
  readonly both: readonly NativeCall[];
  /** Whether the key may want a login for this use, and somebody can be asked, or must be looked at first. */
  readonly asks: boolean;
  /** Whether the last step was made of both calls. */
  paired: boolean;
  /** Whether it is active on the session. */
  active: boolean;
  /** The use of a key that has wanted its PIN. */
  use: AuthenticatedUse | null;
}

/**
 * Writes the mechanism of an operation, before its data: a parameter may be written by code of the caller, which could
 * take the data away.
 */
export function mechanismOf(
  frame: Frame,
  { mechanism, data }: CryptoArgs,
  { kind }: CryptoFunctions,
): WrittenMechanism {
  const { length } = data;
  const use = kind === "encrypt" || kind === "decrypt" ? { operation: kind, dataLength: length } : undefined;
  const written = writeMechanism(frame.block, mechanism, use);
  if (data.length !== length) {
    throw new TypeError("Cannot use the data: its length was changed while the call was made");
  }
  frame.workKind = workKind(mechanism.type, length);
  return written;
}

/** What tells how long an operation takes: the mechanism, and how long the data is, to a power of two. */
function workKind(mechanism: number, length: number): number {
  return mechanism * 32 + Math.min(31, 32 - Math.clz32(length));
}

/** The two calls of an operation, made ready. */
export function beginning(
  frame: Frame,
  args: CryptoArgs,
  functions: CryptoFunctions,
  mechanism: WrittenMechanism,
  once: NativeCall,
): Beginning {
  const { session, key } = args;
  const address = frame.block.address(mechanism.offset);
  const init = { fn: frame.fn(functions.initIndex), args: key === null ? [session, address] : [session, address, key] };
  const asks = mayAsk(args.authentication) || wantsKeyCheck(frame.table, key, args.traits, args.mechanism.type) ||
    wantsFit(args);
  return { args, functions, mechanism, init, once, both: [init, once], asks, paired: true, active: false, use: null };
}

/** Makes both calls, with a login between them if the key wants one; answers the CK_RV of the last that ran. */
export function* beginAuthenticated(frame: Frame, begun: Beginning): Program<number> {
  const { session, key, authentication } = begun.args!;
  yield* checkKey(frame, begun.args!, begun.functions.init);
  yield* fitMechanism(frame, begun.args!, begun.mechanism);
  if (key === null || !authentication || !(yield* wantsLogin(frame, session, key, authentication))) {
    return yield begun.both;
  }
  return yield* useKey(frame, begun, authentication, null);
}

/** Begins an operation that its module has ended, with another second call; answers the CK_RV of the last that ran. */
export function* beginAgain(frame: Frame, ended: Beginning, once: NativeCall): Program<number> {
  const { args, functions, mechanism, init, asks } = ended;
  const both = [init, once];
  if (ended.use) yield* endUse(frame, ended.use);
  const begun: Beginning = {
    args,
    functions,
    mechanism,
    init,
    once,
    both,
    asks,
    paired: true,
    active: false,
    use: null,
  };
  try {
    const rv = yield* beginAuthenticated(frame, begun);
    return rv === CKR.OK ? rv : yield* settle(frame, begun, rv);
  } finally {
    ended.active = begun.active;
    ended.use = begun.use;
    ended.once = begun.once;
  }
}

/**
 * Asks for the PIN, then begins, logs in and uses the key in one step; answers the CK_RV of the use. What was answered
 * `before` is thrown again where the login has no other fault than to make no sense.
 */
function* useKey(
  frame: Frame,
  begun: Beginning,
  authentication: KeyAuthentication,
  before: Error | null,
): Program<number> {
  const { functions } = begun;
  const failure = (rv: number, fn: FunctionName) => before !== null && !isAboutPin(rv) ? before : frame.failure(fn, rv);
  const { session, key, mechanism } = begun.args!;
  const isPlain = key !== null && mechanism.parameter === null;
  const use = begun.use = newUse(session, functions.kind, isPlain ? { key, mechanism: mechanism.type } : null);
  use.wantsPin = true;
  const once = begun.once;
  begun.paired = false;
  let outcome: number = CKR.OK;
  const rv = yield* tryKeyPins(frame, authentication, function* (pin) {
    yield* takeTurn(frame);
    yield* openUse(frame, authentication.slot, use);
    const init = inSession(begun.init, use.session);
    begun.once = inSession(once, use.session);
    let rv = yield* loginAndUse(frame, use, pin, [init], [begun.once]);
    if (frame.stopped === 0 && rv === CKR.OPERATION_ACTIVE && use.session === use.own && isLeftBegun(frame, use)) {
      use.active = true;
      rv = yield* loginAndUse(frame, use, pin, [], [begun.once]);
    } else if (frame.stopped === 0 && rv === CKR.OPERATION_ACTIVE) {
      yield* endActive(frame, functions.kind, use.session);
      rv = yield* loginAndUse(frame, use, pin, [init], [begun.once]);
    }
    if (!use.active && !use.isAuthenticated) throw failure(rv, functions.init);
    if (!use.isAuthenticated) {
      yield* endUse(frame, use);
      return rv;
    }
    outcome = rv;
    use.active = rv === CKR.BUFFER_TOO_SMALL;
    return CKR.OK;
  });
  if (rv !== CKR.OK) throw failure(rv, "C_Login");
  return outcome;
}

function inSession({ fn, args: [, ...rest] }: NativeCall, session: bigint): NativeCall {
  return { fn, args: [session, ...rest] };
}

function isAboutPin(rv: number): boolean {
  return rv >= CKR.PIN_INCORRECT && rv <= CKR.PIN_LOCKED || rv === CKR.FUNCTION_CANCELED;
}

/** What to do about calls that failed: end what others left behind, log in where the token asks for it only now. */
export function* settle(frame: Frame, begun: Beginning, failed: number): Program<number> {
  const { session, authentication } = begun.args!;
  const { functions, init, once } = begun;
  let rv = failed;
  if (begun.paired && frame.stopped === 0) {
    if (rv !== CKR.OPERATION_ACTIVE) throw frame.failure(functions.init);
    yield* endActive(frame, functions.kind, session);
    rv = yield [init, once];
    if (frame.stopped === 0 && rv !== CKR.OK) throw frame.failure(functions.init);
  }
  if (rv !== CKR.USER_NOT_LOGGED_IN || !authentication || begun.use) return rv;
  return yield* useKey(frame, begun, authentication, frame.failure(functions.once));
}

/** Ends an operation that has failed or was aborted: what is active of it, and the use of its key. */
export function* abandon(frame: Frame, begun: Beginning, session: bigint): Program<void> {
  const { kind } = begun.functions;
  if (begun.use) yield* endUse(frame, begun.use);
  else if (begun.active || frame.interrupted && frame.stopped === 1) yield* endOperation(frame, kind, session);
  // Some modules leave a call that has failed active.
  else if (frame.stopped === 1 && frame.lane) {
    frame.lane.failed = kind;
    // It has begun: what was left begun of its kind is over.
    if (frame.lane.unused?.kind === kind) frame.lane.unused = null;
  }
}

/** Makes the first call alone; what somebody left active on the session is ended. */
export function* start(frame: Frame, functions: CryptoFunctions, init: NativeCall, session: bigint): Program<void> {
  let rv = yield [init];
  if (rv === CKR.OPERATION_ACTIVE) {
    yield* endActive(frame, functions.kind, session);
    rv = yield [init];
  }
  if (rv !== CKR.OK) throw frame.failure(functions.init);
}
