/** Encryption message by message, each with a nonce and a tag of its own (PKCS#11 3.0 §5.10, §5.12). */
import { CKR } from "../constants/mod.ts";
import { mayWait, type OwnArgs, type Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import { word } from "../memory/block.ts";
import { type BuiltParameter, type PreparedMechanism, writeMechanism } from "../memory/mechanisms.ts";
import type { ActiveKind } from "../engine/active.ts";
import { endActive, endOperation } from "./ending.ts";
import { MAX_GROWTHS } from "./output.ts";

/** One message. */
export interface MessageArgs {
  /** The session. */
  readonly session: bigint;
  /** The key. */
  readonly key: bigint;
  /** The mechanism with the parameter of the message. */
  readonly mechanism: PreparedMechanism;
  /** What is authenticated and not encrypted. */
  readonly associatedData: Uint8Array;
  /** The message. */
  readonly data: Uint8Array;
}

interface MessageFunctions {
  readonly kind: ActiveKind;
  readonly init: FunctionName;
  readonly message: FunctionName;
  readonly final: FunctionName;
}

const MARGIN = 64;

const ENCRYPT: MessageFunctions = {
  kind: "messageEncrypt",
  init: "C_MessageEncryptInit",
  message: "C_EncryptMessage",
  final: "C_MessageEncryptFinal",
};
const DECRYPT: MessageFunctions = {
  kind: "messageDecrypt",
  init: "C_MessageDecryptInit",
  message: "C_DecryptMessage",
  final: "C_MessageDecryptFinal",
};

/** C_MessageEncryptInit, C_EncryptMessage, C_MessageEncryptFinal. */
export function encryptMessage(frame: Frame, args: MessageArgs): Program<Uint8Array<ArrayBuffer>> {
  return message(frame, args, ENCRYPT);
}

/** C_MessageDecryptInit, C_DecryptMessage, C_MessageDecryptFinal. */
export function decryptMessage(frame: Frame, args: MessageArgs): Program<Uint8Array<ArrayBuffer>> {
  return message(frame, args, DECRYPT);
}

function* message(frame: Frame, args: MessageArgs, functions: MessageFunctions): Program<Uint8Array<ArrayBuffer>> {
  const { session, key, data, associatedData } = args;
  const { block } = frame;
  const mechanism = writeMechanism(block, { type: args.mechanism.type, parameter: null });
  const parameter = writeParameter(frame, args, functions);
  const head = [session, ...parameter.words, ...frame.optionalInput(associatedData)];
  const input = frame.input(data);
  const size = word(data.length);
  let output = frame.output(data.length + MARGIN);
  const length = frame.ulong(output.capacity);
  const fn = frame.fn(FN[functions.message]);
  const call = () => ({
    fn,
    args: [...head, input, size, output.address, block.address(length)],
  });
  const init = { fn: frame.fn(FN[functions.init]), args: [session, block.address(mechanism.offset), key] };
  const final = { fn: frame.fn(FN[functions.final]), args: [session] };
  const names = [functions.init, functions.message, functions.final];
  let active = false;
  try {
    let rv = yield [init, call(), final];
    if (frame.stopped === 0 && rv === CKR.OPERATION_ACTIVE) {
      yield* endActive(frame, functions.kind, session);
      rv = yield [init, call(), final];
    }
    let at = frame.stopped;
    // A message that failed leaves the message operation open.
    active = at === 1;
    for (let growths = 0; active && rv === CKR.BUFFER_TOO_SMALL && growths < MAX_GROWTHS; growths++) {
      output = frame.grow(output, length);
      rv = yield [call(), final];
      at = frame.stopped + 1;
      active = at === 1;
    }
    if (rv !== CKR.OK) throw frame.failure(names[at]!);
  } catch (error) {
    if (active || frame.interrupted && frame.stopped > 0) yield* endOperation(frame, functions.kind, session);
    throw error;
  }
  parameter.readBack();
  return output.take(Number(block.getUlong(length)));
}

function writeParameter(
  frame: Frame,
  { mechanism: { parameter }, data }: MessageArgs,
  functions: MessageFunctions,
): { readonly words: readonly [bigint, bigint]; readBack(): void } {
  const { block } = frame;
  if (parameter === null) return { words: [0n, 0n], readBack() {} };
  if (parameter instanceof Uint8Array) return { words: frame.optionalInput(parameter), readBack() {} };
  const built: BuiltParameter = parameter;
  const operation = functions === ENCRYPT ? "encrypt" : "decrypt";
  const { offset, length } = built.write(block, { operation, dataLength: data.length });
  return { words: [block.address(offset), word(length)], readBack: () => built.readBack?.(block, offset) };
}

const ownMessage: OwnArgs<MessageArgs> = (args, copy) => ({
  ...args,
  associatedData: copy(args.associatedData),
  data: copy(args.data),
});

mayWait(encryptMessage, ownMessage);
mayWait(decryptMessage, ownMessage);
