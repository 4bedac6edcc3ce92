/** Operations whose data comes in parts. */
import type { Program } from "../engine.ts";
import type { Frame } from "../frame.ts";
import { FN } from "../frame.ts";
import type { FunctionName } from "../functions.ts";
import { word } from "../memory.ts";
import { writeMechanism } from "../mechanisms.ts";
import { type KeyAuthentication, loginForOperation, wantsLogin } from "./authentication.ts";
import { type CryptoFunctions, isVerified, signatureRoom, start } from "./crypto.ts";
import { type ActiveKind, endOperation } from "./ending.ts";
import { checkKey, type KeyUse } from "./key_types.ts";
import { expectOk } from "./objects.ts";
import { outputOf } from "./output.ts";
import { mayWait } from "../waiting_inputs.ts";

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

/** Makes the operation active, with the login a key may want. */
export function* beginParts(frame: Frame, args: BeginPartsArgs): Program<void> {
  const { session, key, authentication, functions } = args;
  const { kind } = functions;
  yield* checkKey(frame, args, functions.init);
  const use = kind === "encrypt" || kind === "decrypt" ? { operation: kind } : undefined;
  const mechanism = writeMechanism(frame.block, args.mechanism, use);
  const words = [session, frame.block.address(mechanism.offset)];
  if (key !== null) words.push(key);
  const init = { fn: frame.fn(functions.initIndex), args: words };
  const login = authentication && key !== null && (yield* wantsLogin(frame, session, key, authentication));
  yield* start(frame, functions, init, session);
  mechanism.readBack();
  if (!login) return;
  try {
    yield* loginForOperation(frame, session, authentication);
  } catch (error) {
    yield* endOperation(frame, kind, session);
    throw error;
  }
}

/** What every step in parts is given. */
export interface PartArgs {
  /** The session. */
  readonly session: bigint;
  /** The kind of operation. */
  readonly functions: PartFunctions;
  /** Makes the operation active first; `null` where it is. */
  readonly begin: BeginPartsArgs | null;
}

/**
 * Takes a part; what it gives is empty for operations that give nothing before their end. Like the steps that follow it
 * does not end the operation when it fails: that is {@linkcode endParts}, whatever the reason.
 */
export function* updateParts(
  frame: Frame,
  args: PartArgs & { readonly data: Uint8Array },
): Program<Uint8Array<ArrayBuffer>> {
  const { session, functions, data } = args;
  // Beginning runs code of the caller: a question for a PIN, the parameter of the mechanism.
  const input = frame.input(data, args.begin !== null);
  const size = word(data.length);
  if (args.begin) yield* beginParts(frame, args.begin);
  if (functions.transforms) {
    if (data.length === 0) return new Uint8Array(0);
    const room = data.length + BLOCK_MARGIN;
    return yield* outputOf(frame, functions.update, room, (at, length) => [session, input, size, at, length]);
  }
  const rv = yield [{ fn: frame.fn(FN[functions.update]), args: [session, input, size] }];
  expectOk(frame, rv, functions.update);
  return new Uint8Array(0);
}

/** The end of an operation that gives bytes. */
export interface FinishArgs extends PartArgs {
  /** Data held back so far, a copy of the operation's own. */
  readonly rest: Uint8Array;
  /** Bytes of data whose result has not been given. */
  readonly owed: number;
  /** The mechanism. */
  readonly mechanism: number;
}

/**
 * Takes the end of an operation that gives bytes. A module may end the operation when the room is too small, and there
 * is no second try: there must be room for whatever can come.
 */
export function* finishParts(frame: Frame, args: FinishArgs): Program<Uint8Array<ArrayBuffer>> {
  const { session, functions, rest, owed, mechanism } = args;
  const room = functions.transforms ? owed + FINAL_MARGIN : signatureRoom(mechanism);
  let { begin } = args;
  let before = new Uint8Array(0);
  if (rest.length > 0) {
    before = yield* updateParts(frame, { ...args, data: rest });
    begin = null;
  }
  if (begin) yield* beginParts(frame, begin);
  const last = yield* outputOf(frame, functions.final, room, (at, length) => [session, at, length]);
  if (before.length === 0) return last;
  const both = new Uint8Array(before.length + last.length);
  both.set(before);
  both.set(last, before.length);
  return both;
}

/** Takes the end of a verification. */
export function* verifyParts(
  frame: Frame,
  { session, signature, mechanism, begin }: PartArgs & { readonly signature: Uint8Array; readonly mechanism: number },
): Program<boolean> {
  const args = [session, frame.input(signature, begin !== null), word(signature.length)];
  if (begin) yield* beginParts(frame, begin);
  const rv = yield [{ fn: frame.fn(FN.C_VerifyFinal), args }];
  return yield* isVerified(frame, rv, "C_VerifyFinal", { mechanism, signature });
}

/** Hashes a key of the token as part of a digest. */
export function* digestKeyPart(
  frame: Frame,
  { session, key, begin }: PartArgs & { readonly key: bigint },
): Program<void> {
  if (begin) yield* beginParts(frame, begin);
  expectOk(frame, yield [{ fn: frame.fn(FN.C_DigestKey), args: [session, key] }], "C_DigestKey");
}

/** Ends an operation that will not be finished. */
export function endParts(
  frame: Frame,
  { session, kind }: { readonly session: bigint; readonly kind: ActiveKind },
): Program<void> {
  return endOperation(frame, kind, session);
}

mayWait(updateParts, (args, copy) => ({ ...args, data: copy(args.data) }));
mayWait(verifyParts, (args, copy) => ({ ...args, signature: copy(args.signature) }));
mayWait(finishParts);
mayWait(digestKeyPart);
