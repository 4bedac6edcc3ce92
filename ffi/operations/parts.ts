/** Operations whose data comes in parts. */
import { CKR } from "../constants/mod.ts";
import { Ask, mayWait, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import { word } from "../memory/block.ts";
import { writeMechanism } from "../memory/mechanisms.ts";
import type { NativeCall } from "../workers/worker_pool.ts";
import { type KeyAuthentication, mayAsk, wantsLogin } from "./authentication.ts";
import { type CryptoFunctions, isVerified, signatureRoom, start } from "./crypto.ts";
import { CANCEL_FLAG, type CancelArgs, cancelOperations } from "./ending.ts";
import type { BegunParts } from "../engine/active.ts";
import { endTurn, endUse, loginAndUse, newUse, openUse, takeTurn, tryKeyPins } from "./key_use.ts";
import { checkKey, fitMechanism, type KeyUse } from "./key_checks.ts";
import { expectOk } from "./objects.ts";
import { outputOf } from "./output.ts";
import { askAhead, type AskedAhead, isQuestion } from "./pin_tries.ts";

/** The C functions of one kind of operation in parts. */
export interface PartFunctions extends CryptoFunctions {
  /** Takes a part. */
  readonly update: FunctionName;
  /** Takes the end. */
  readonly final: FunctionName;
  /** Whether each part gives output. */
  readonly transforms: boolean;
}

/** Beginning of an operation in parts. */
export interface BeginPartsArgs extends KeyUse {
  /** Whom to ask when the key wants a login for this use. */
  readonly authentication: KeyAuthentication | null;
  /** The kind of operation. */
  readonly functions: PartFunctions;
}

/** A cipher may give out, with one part, blocks it has held back. */
const BLOCK_MARGIN = 256;
/** The end of a cipher may add a block and a tag to what it still owes. */
const FINAL_MARGIN = 1024;

/** An operation in parts as it stands on the token; its steps keep it. */
export interface PartsUse extends BegunParts {
  /** Who gives the PIN of the key, as long as it is still to be given. */
  due: KeyAuthentication | null;
  /** What was asked for before the first part. */
  asked: AskedAhead | null;
  /** Whether the key may want its PIN: a step before this one then decides about the session. */
  readonly mayMove: boolean;
}

/** An operation that has not begun. */
export function newParts({ session, functions, authentication }: BeginPartsArgs): PartsUse {
  return { ...newUse(session, functions.kind), due: null, asked: null, mayMove: mayAsk(authentication) };
}

/** Waits for the steps before this one: up to its first step an operation runs when the call is made. */
function* afterOthers({ use, begin }: Pick<PartArgs, "use" | "begin">): Program<void> {
  if (use.mayMove && begin === null) yield new Ask(() => undefined);
}

/**
 * Makes the operation active; answers the call that did. A key that wants its PIN is asked for here, while nothing has
 * begun, and gets it with the last call: no card is kept from others while data is waited for.
 */
function* beginParts(frame: Frame, args: BeginPartsArgs, use: PartsUse): Program<NativeCall> {
  const { session, key, authentication, functions } = args;
  const { kind } = functions;
  yield* checkKey(frame, args, functions.init);
  const operation = kind === "encrypt" || kind === "decrypt" ? { operation: kind } : undefined;
  const mechanism = writeMechanism(frame.block, args.mechanism, operation);
  yield* fitMechanism(frame, args, mechanism);
  if (authentication && key !== null && (yield* wantsLogin(frame, session, key, authentication))) {
    const { pin, slot } = authentication;
    use.asked = isQuestion(pin) ? yield* askAhead(frame, slot, pin) : null;
    use.due = { ...authentication, pin: use.asked ?? pin };
    use.wantsPin = true;
    yield* openUse(frame, slot, use);
  }
  const words = [use.session, frame.block.address(mechanism.offset)];
  if (key !== null) words.push(key);
  const init = { fn: frame.fn(functions.initIndex), args: words };
  yield* start(frame, functions, init, use.session);
  use.active = true;
  mechanism.readBack();
  return init;
}

/** What every step in parts is given. */
export interface PartArgs {
  /** The operation. */
  readonly use: PartsUse;
  /** The kind of operation. */
  readonly functions: PartFunctions;
  /** Makes the operation active first; `null` where it is. */
  readonly begin: BeginPartsArgs | null;
  /** The mechanism. */
  readonly mechanism: number;
}

/** A part. */
export interface UpdateArgs extends PartArgs {
  /** Its data. */
  readonly data: Uint8Array;
  /** Bytes given so far, these too, whose result has not come: a cipher that authenticates may keep all until its end. */
  readonly owed: number;
}

/**
 * Takes a part; what it gives is empty for operations that give nothing before their end. Like the steps that follow it
 * does not end the operation when it fails: that is {@linkcode endParts}, whatever the reason.
 */
export function* updateParts(
  frame: Frame,
  { use, functions, data, begin, owed }: UpdateArgs,
): Program<Uint8Array<ArrayBuffer>> {
  // Beginning runs code of the caller: a question for a PIN, the parameter of the mechanism.
  const input = frame.input(data, begin !== null);
  const { length: bytes } = data;
  const size = word(bytes);
  yield* afterOthers({ use, begin });
  const take = function* (): Program<Uint8Array<ArrayBuffer>> {
    if (functions.transforms) {
      if (bytes === 0) return new Uint8Array(0);
      const room = bytes + BLOCK_MARGIN;
      const words = (at: bigint, length: bigint) => [use.session, input, size, at, length];
      return yield* outputOf(frame, functions.update, room, words, { owed });
    }
    const rv = yield [{ fn: frame.fn(FN[functions.update]), args: [use.session, input, size] }];
    expectOk(frame, rv, functions.update);
    return new Uint8Array(0);
  };
  if (!begin) return yield* take();
  const init = yield* beginParts(frame, begin, use);
  try {
    return yield* take();
  } catch (error) {
    if (use.due === null || frame.rv !== CKR.USER_NOT_LOGGED_IN) throw error;
  }
  return yield* takeAfterPin(frame, use, use.due, functions, init, take);
}

/** The first part of an operation whose module wants the PIN before it. */
function* takeAfterPin<T>(
  frame: Frame,
  use: PartsUse,
  due: KeyAuthentication,
  functions: PartFunctions,
  { fn, args: [, ...words] }: NativeCall,
  take: () => Program<T>,
): Program<T> {
  yield* endUse(frame, use);
  try {
    const rv = yield* tryKeyPins(frame, due, function* (pin) {
      yield* takeTurn(frame);
      yield* openUse(frame, due.slot, use);
      const rv = yield* loginAndUse(frame, use, pin, [{ fn, args: [use.session, ...words] }], []);
      if (!use.active) throw frame.failure(functions.init);
      if (!use.isAuthenticated) yield* endUse(frame, use);
      return rv;
    });
    if (rv !== CKR.OK) throw frame.failure("C_Login", rv);
    use.due = null;
    const result = yield* take();
    endTurn(frame);
    return result;
  } catch (error) {
    yield* endUse(frame, use);
    throw error;
  }
}

/** The last call of an operation; right after its PIN where that is still to be given. */
function* lastCall(frame: Frame, use: PartsUse, call: NativeCall): Program<number> {
  const { due } = use;
  if (due === null) return yield [call];
  let outcome: number = CKR.OK;
  const rv = yield* tryKeyPins(frame, due, function* (pin) {
    yield* takeTurn(frame);
    const rv = yield* loginAndUse(frame, use, pin, [], [call]);
    if (use.isAuthenticated) {
      outcome = rv;
      return CKR.OK;
    }
    // A wrong PIN does the operation no harm: another one may be right.
    endTurn(frame);
    return rv;
  });
  if (rv !== CKR.OK) throw frame.failure("C_Login", rv);
  use.due = null;
  return outcome;
}

/** Ends a step that was the last: the use of a key that has wanted its PIN, and the token's turn, end with it. */
function* finishing<T>(frame: Frame, use: PartsUse, step: Program<T>): Program<T> {
  try {
    const result = yield* step;
    use.active = false;
    yield* endUse(frame, use);
    return result;
  } catch (error) {
    if (use.session !== use.own) yield* endUse(frame, use);
    throw error;
  }
}

/** The end of an operation that gives bytes. */
export interface FinishArgs extends Omit<UpdateArgs, "data"> {
  /** Data held back so far, a copy of the operation's own. */
  readonly rest: Uint8Array;
}

/**
 * Takes the end of an operation that gives bytes. A module may end the operation when the room is too small, and there
 * is no second try: there must be room for whatever can come.
 */
export function* finishParts(frame: Frame, args: FinishArgs): Program<Uint8Array<ArrayBuffer>> {
  const { use, functions, rest, owed, mechanism } = args;
  const room = functions.transforms ? owed + FINAL_MARGIN : signatureRoom(mechanism);
  let { begin } = args;
  yield* afterOthers(args);
  let before = new Uint8Array(0);
  if (rest.length > 0) {
    before = yield* updateParts(frame, { ...args, data: rest });
    begin = null;
  }
  if (begin) yield* beginParts(frame, begin, use);
  const words = (at: bigint, length: bigint) => [use.session, at, length];
  const first = (call: NativeCall) => lastCall(frame, use, call);
  const last = yield* finishing(frame, use, outputOf(frame, functions.final, room, words, { first }));
  if (before.length === 0) return last;
  const both = new Uint8Array(before.length + last.length);
  both.set(before);
  both.set(last, before.length);
  return both;
}

/** Takes the end of a verification. */
export function* verifyParts(
  frame: Frame,
  { use, signature, mechanism, begin }: PartArgs & { readonly signature: Uint8Array },
): Program<boolean> {
  const words = [frame.input(signature, begin !== null), word(signature.length)];
  yield* afterOthers({ use, begin });
  if (begin) yield* beginParts(frame, begin, use);
  const call = { fn: frame.fn(FN.C_VerifyFinal), args: [use.session, ...words] };
  const verified = function* (): Program<boolean> {
    return yield* isVerified(frame, yield* lastCall(frame, use, call), "C_VerifyFinal", { mechanism, signature });
  };
  return yield* finishing(frame, use, verified());
}

/** Hashes a key of the token as part of a digest. */
export function* digestKeyPart(
  frame: Frame,
  { use, key, begin }: PartArgs & { readonly key: bigint },
): Program<void> {
  if (begin) yield* beginParts(frame, begin, use);
  expectOk(frame, yield [{ fn: frame.fn(FN.C_DigestKey), args: [use.session, key] }], "C_DigestKey");
}

/** Ends operations that are active on a session, those in parts that have a session of their own too. */
export function* cancelBegun(frame: Frame, args: CancelArgs): Program<void> {
  yield new Ask(() => undefined);
  const named = [...frame.lane?.begun ?? []].filter(({ kind }) => args.flags & CANCEL_FLAG[kind]);
  const apart = named.filter(({ session, own }) => session !== own);
  for (const use of apart) yield* endParts(frame, { use });
  yield* cancelOperations(frame, { ...args, ifAny: args.ifAny || apart.length > 0 });
  for (const use of named) {
    use.active = false;
    frame.lane?.begun.delete(use);
  }
}

/** Ends an operation that will not be finished. */
export function* endParts(frame: Frame, { use }: { readonly use: BegunParts }): Program<void> {
  // What is active is known when the steps before have ended.
  yield new Ask(() => undefined);
  use.asked?.forget();
  yield* endUse(frame, use);
}

mayWait(updateParts, (args, copy) => ({ ...args, data: copy(args.data) }));
mayWait(verifyParts, (args, copy) => ({ ...args, signature: copy(args.signature) }));
mayWait(finishParts);
mayWait(digestKeyPart);
