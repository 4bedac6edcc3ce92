/** One call: its arguments written into native memory, its result read from there. */
import { assertWithin, type Block, word } from "../ffi/memory/block.ts";
import { setBytes, setPointer, structLayout } from "../ffi/memory/structs.ts";
import { CK_MECHANISM } from "../ffi/memory/structs_infos.ts";
import { expectLargeData } from "../ffi/runtime/freed_memory.ts";
import { placePin } from "../ffi/operations/pins.ts";
import { LARGE } from "../ffi/memory/inputs.ts";
import { plainAddress } from "../ffi/memory/plain_memory.ts";
import type { ArgumentKind, Call } from "./call.ts";
import { writeParams, type WrittenBack } from "./parameters.ts";
import { putTemplate, templateEntries } from "./templates.ts";
import type { KeyPair } from "./types.ts";
import { bytesOf, handleAt, lengthIn, readHandle, ulongIn } from "./values.ts";

/** From this size on bytes are used where they lie, if the call is made in place. */
const DIRECT = 0x1000;
const NOTHING: readonly WrittenBack[] = [];
const NO_WORDS: bigint[] = [];

/**
 * A call that is laid out in a block. Small calls are made a million times: one in place serves again for the next, and
 * its parts are functions, which cost less to call than private methods.
 */
export class Invocation {
  /** The block it is laid out in. */
  readonly block: Block;
  /** Whether it is made before control returns to the caller. */
  readonly inPlace: boolean;
  /** Its words, and how many are written. */
  words: bigint[] = NO_WORDS;
  count = 0;
  /** The session it works with. */
  session = 0n;
  /** The caller's room for the result, its bytes, and where the module writes instead; -1 where it writes there itself. */
  room: Uint8Array | null = null;
  roomLength = 0;
  roomAt = -1;
  /** Where the length of the result, the handle or the size stands, and where a second handle. */
  resultAt = 0;
  secondAt = 0;
  /** What is to be copied back once the call has returned. */
  back: readonly WrittenBack[] = NOTHING;
  /** Arrays for words, by how many there are. */
  readonly #words: bigint[][] = [];

  /** Has no call yet. */
  constructor(block: Block, inPlace: boolean) {
    this.block = block;
    this.inPlace = inPlace;
  }

  /**
   * Lays a call out.
   *
   * @throws {TypeError} When an argument is of a wrong kind.
   */
  layOut({ arity, kinds, result }: Call, args: readonly unknown[]): void {
    this.words = this.#words[arity] ??= new Array(arity);
    this.count = 0;
    this.session = 0n;
    this.roomAt = -1;
    for (let index = 0; index < kinds.length; index++) writeArgument(this, kinds[index]!, args[index], index);
    if (result === "handle" || result === "size") this.resultAt = putResult(this);
    else if (result === "keyPair") {
      this.resultAt = putResult(this);
      this.secondAt = putResult(this);
    }
  }

  /** Forgets the call, its memory overwritten. */
  forget(): void {
    this.block.clear();
    this.room = null;
    this.back = NOTHING;
  }

  /** What the module has given for the call, copied to where the caller wants it. */
  result(call: Call): unknown {
    if (this.back !== NOTHING) copyBack(this);
    const { block } = this;
    switch (call.result) {
      case "nothing":
        return undefined;
      case "true":
        return true;
      case "output":
        return taken(this, block.getLength(this.resultAt) ?? Infinity);
      case "filled":
        taken(this, this.roomLength);
        return this.room;
      case "handle":
        return handleAt(block, this.resultAt);
      case "keyPair":
        return {
          privateKey: handleAt(block, this.secondAt),
          publicKey: handleAt(block, this.resultAt),
        } satisfies KeyPair;
      case "size":
        return Number(block.getUlong(this.resultAt));
    }
  }
}

function putWord(call: Invocation, word: bigint): void {
  call.words[call.count++] = word;
}

function putWords(call: Invocation, first: bigint, second: bigint): void {
  call.words[call.count++] = first;
  call.words[call.count++] = second;
}

function writeArgument(call: Invocation, kind: ArgumentKind, value: unknown, index: number): void {
  const { block } = call;
  const { ulong } = block.abi;
  switch (kind) {
    case "session":
      call.session = handleArgument(value, index, ulong);
      return putWord(call, call.session);
    case "handle":
      return putWord(call, handleArgument(value, index, ulong));
    case "number":
      return putWord(call, BigInt(numberArgument(value, index, ulong)));
    case "input":
      return putInput(call, bytesArgument(value, index), call.inPlace);
    case "early":
      return putInput(call, bytesArgument(value, index), false);
    case "output":
    case "filled":
      return putRoom(call, bytesArgument(value, index), kind === "output");
    case "mechanism":
      return putMechanism(call, value, index);
    case "template":
      return putWords(call, ...putTemplate(block, templateEntries(value, index, ulong)));
    case "text":
      return putText(call, value, index);
  }
}

function putInput(call: Invocation, bytes: Uint8Array, mayBeDirect: boolean): void {
  const { block } = call;
  const length = lengthIn(bytes);
  if (length >= LARGE) expectLargeData();
  const direct = mayBeDirect && length >= DIRECT ? plainAddress(bytes) : null;
  if (direct !== null) return putWords(call, direct, word(length));
  if (length >= DIRECT) block.secret = true;
  const offset = block.alloc(length || 1);
  setBytes(block, offset, bytes);
  putWords(call, block.address(offset), word(length));
}

function putRoom(call: Invocation, bytes: Uint8Array, hasLength: boolean): void {
  const { block } = call;
  const length = lengthIn(bytes);
  call.room = bytes;
  call.roomLength = length;
  let address = call.inPlace && length >= DIRECT ? plainAddress(bytes) : null;
  if (address === null) {
    if (length >= DIRECT) block.secret = true;
    call.roomAt = block.alloc(length || 1);
    address = block.address(call.roomAt);
  }
  if (!hasLength) return putWords(call, address, word(length));
  const lengthAt = call.resultAt = block.alloc(block.abi.ulong);
  block.setUlong(lengthAt, length);
  putWords(call, address, block.address(lengthAt));
}

function putResult(call: Invocation): number {
  const { block } = call;
  const offset = block.alloc(block.abi.ulong);
  block.setUlong(offset, 0);
  putWord(call, block.address(offset));
  return offset;
}

function putMechanism(call: Invocation, value: unknown, index: number): void {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`Argument ${index} has wrong type. Should be an Object`);
  }
  const { mechanism, parameter } = value as { readonly mechanism?: unknown; readonly parameter?: unknown };
  if (typeof mechanism !== "number") {
    throw new TypeError(`Argument ${index} has wrong type. Property 'mechanism' should be a Number`);
  }
  const { block } = call;
  const { size, offsets } = structLayout(CK_MECHANISM, block.abi);
  const offset = block.alloc(size);
  block.setUlong(offset + offsets.mechanism, numberArgument(mechanism, index, block.abi.ulong));
  if (parameter === undefined || parameter === null) {
    setPointer(block, offset + offsets.pParameter, 0n);
    block.setUlong(offset + offsets.ulParameterLen, 0);
  } else {
    const [address, length] = putParameter(call, parameter, index);
    setPointer(block, offset + offsets.pParameter, address);
    block.setUlong(offset + offsets.ulParameterLen, length);
  }
  putWord(call, block.address(offset));
}

function putParameter(call: Invocation, parameter: unknown, index: number): [address: bigint, length: number] {
  const { block } = call;
  const bytes = bytesOf(parameter);
  if (bytes !== null) {
    const length = lengthIn(bytes);
    if (length === 0) return [0n, 0];
    const offset = block.alloc(length);
    setBytes(block, offset, bytes);
    return [block.address(offset), length];
  }
  if (typeof parameter === "number") {
    const offset = block.alloc(block.abi.ulong);
    block.setUlong(offset, numberArgument(parameter, index, block.abi.ulong));
    return [block.address(offset), block.abi.ulong];
  }
  if (typeof parameter !== "object" || parameter === null) {
    throw new TypeError(`Argument ${index} has wrong type. Property 'parameter' should be an Object or Buffer`);
  }
  const written = writeParams(block, parameter, index);
  call.back = written.back;
  return [block.address(written.offset), written.length];
}

function putText(call: Invocation, value: unknown, index: number): void {
  if (value === undefined || value === null) return putWords(call, 0n, 0n);
  if (typeof value !== "string") throw new TypeError(`Argument ${index} has wrong type. Should be a String`);
  putWords(call, ...placePin(call, value));
}

/** The first bytes of the caller's room, written by now. */
function taken({ block, room, roomAt, roomLength }: Invocation, length: number): Uint8Array {
  assertWithin(length, roomLength);
  if (length > lengthIn(room!)) {
    throw new TypeError("Cannot hand the result over: the Buffer for it was taken away while the call was made");
  }
  if (roomAt >= 0) block.copyInto(roomAt, length, room!);
  return room!.subarray(0, length);
}

function copyBack({ back, block }: Invocation): void {
  for (const { into, offset } of back) {
    const bytes = bytesOf(into)!;
    bytes.set(block.bytesAt(offset, lengthIn(bytes)));
  }
}

/** Checks how many arguments were given. */
export function checkCount(expected: number, received: number, least: number = expected): void {
  if (received >= least && received <= expected) return;
  throw new TypeError(`Parameters are required. Expected ${expected} arguments, but received ${received}.`);
}

/** The bytes of an argument. */
function bytesArgument(value: unknown, index: number): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes === null) throw new TypeError(`Argument ${index} has wrong type. Should be a Buffer`);
  return bytes;
}

/** The handle of an argument. */
export function handleArgument(value: unknown, index: number, ulong: 4 | 8): bigint {
  const bytes = bytesArgument(value, index);
  if (lengthIn(bytes) === ulong) return readHandle(bytes, ulong);
  throw new TypeError(`Argument ${index} has wrong length. Should be ${ulong} bytes.`);
}

/** The number of an argument. */
export function numberArgument(value: unknown, index: number, ulong: 4 | 8): number {
  if (typeof value !== "number") throw new TypeError(`Argument ${index} has wrong type. Should be a Number`);
  const number = ulongIn(value, ulong);
  if (number === undefined) throw new RangeError(`Argument ${index} is out of range: ${value} is no CK_ULONG`);
  return number;
}
