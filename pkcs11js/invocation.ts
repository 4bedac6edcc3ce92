/** One call: its arguments written into native memory, its result read from there. */
import type { Buffer } from "node:buffer";
import { type Block, word } from "../ffi/memory/block.ts";
import { setBytes, setPointer, structLayout } from "../ffi/memory/structs.ts";
import { CK_MECHANISM } from "../ffi/memory/structs_infos.ts";
import { nativeRuntime } from "../ffi/runtime/runtime.ts";
import { placePin } from "../ffi/operations/pins.ts";
import { hasPlainMemory } from "../ffi/memory/inputs.ts";
import type { ArgumentKind, Call } from "./calls.ts";
import { writeParams, type WrittenBack } from "./parameters.ts";
import { putTemplate, templateEntries } from "./templates.ts";
import type { KeyPair } from "./types.ts";
import { bytesOf, handleBuffer, lengthIn, readHandle, ulongIn } from "./values.ts";

/** From this size on bytes are used where they lie, if the call is made in place. */
const DIRECT = 0x1000;
const NOTHING: readonly WrittenBack[] = [];

/** A call that is laid out. */
export class Invocation {
  /** The function. */
  readonly call: Call;
  /** Its words. */
  readonly words: bigint[] = [];
  /** The session it works with. */
  session = 0n;
  readonly #block: Block;
  readonly #inPlace: boolean;
  /** The caller's room for the result, and where the module writes instead; -1 where it writes there itself. */
  #room: Uint8Array | null = null;
  #roomAt = -1;
  #roomLength = 0;
  /** Where the length of the result, the handle or the size stands. */
  #resultAt = 0;
  #secondAt = 0;
  #back: readonly WrittenBack[] = NOTHING;

  /**
   * Lays a call out in a block.
   *
   * @param inPlace Whether it is made before control returns to the caller.
   * @throws {TypeError} When an argument is of a wrong kind.
   */
  constructor(block: Block, call: Call, args: readonly unknown[], inPlace: boolean) {
    this.#block = block;
    this.call = call;
    this.#inPlace = inPlace;
    const { kinds } = call;
    for (let index = 0; index < kinds.length; index++) this.#write(kinds[index]!, args[index], index);
    const { result } = call;
    if (result === "handle" || result === "size") this.#resultAt = this.#putResult();
    else if (result === "keyPair") {
      this.#resultAt = this.#putResult();
      this.#secondAt = this.#putResult();
    }
  }

  #write(kind: ArgumentKind, value: unknown, index: number): void {
    switch (kind) {
      case "session":
        this.words.push(this.session = handleArgument(value, index, this.#block.abi.ulong));
        return;
      case "handle":
        this.words.push(handleArgument(value, index, this.#block.abi.ulong));
        return;
      case "number":
        this.words.push(BigInt(numberArgument(value, index, this.#block.abi.ulong)));
        return;
      case "input":
        return this.#input(bytesArgument(value, index), this.#inPlace);
      case "early":
        return this.#input(bytesArgument(value, index), false);
      case "output":
      case "filled":
        return this.#output(bytesArgument(value, index), kind === "output");
      case "mechanism":
        return this.#mechanism(value, index);
      case "template":
        this.words.push(...putTemplate(this.#block, templateEntries(value, index, this.#block.abi.ulong)));
        return;
      case "text":
        return this.#text(value, index);
    }
  }

  #input(bytes: Uint8Array, mayBeDirect: boolean): void {
    const block = this.#block;
    const length = lengthIn(bytes);
    if (mayBeDirect && length >= DIRECT && hasPlainMemory(bytes)) {
      this.words.push(nativeRuntime().address(bytes), BigInt(length));
      return;
    }
    if (length >= DIRECT) block.secret = true;
    const offset = block.alloc(length || 1);
    setBytes(block, offset, bytes);
    this.words.push(block.address(offset), word(length));
  }

  #output(bytes: Uint8Array, hasLength: boolean): void {
    const block = this.#block;
    const length = lengthIn(bytes);
    this.#room = bytes;
    this.#roomLength = length;
    let address: bigint;
    if (this.#inPlace && length >= DIRECT && hasPlainMemory(bytes)) {
      address = nativeRuntime().address(bytes);
    } else {
      if (length >= DIRECT) block.secret = true;
      this.#roomAt = block.alloc(length || 1);
      address = block.address(this.#roomAt);
    }
    if (!hasLength) {
      this.words.push(address, word(length));
      return;
    }
    this.#resultAt = block.alloc(block.abi.ulong);
    block.setUlong(this.#resultAt, length);
    this.words.push(address, block.address(this.#resultAt));
  }

  #putResult(): number {
    const block = this.#block;
    const offset = block.alloc(block.abi.ulong);
    block.setUlong(offset, 0);
    this.words.push(block.address(offset));
    return offset;
  }

  #mechanism(value: unknown, index: number): void {
    if (typeof value !== "object" || value === null) {
      throw new TypeError(`Argument ${index} has wrong type. Should be an Object`);
    }
    const { mechanism, parameter } = value as { readonly mechanism?: unknown; readonly parameter?: unknown };
    if (typeof mechanism !== "number") {
      throw new TypeError(`Argument ${index} has wrong type. Property 'mechanism' should be a Number`);
    }
    const block = this.#block;
    const { size, offsets } = structLayout(CK_MECHANISM, block.abi);
    const offset = block.alloc(size);
    block.setUlong(offset + offsets.mechanism, numberArgument(mechanism, index, block.abi.ulong));
    const [address, length] = parameter === undefined || parameter === null
      ? [0n, 0]
      : this.#parameter(parameter, index);
    setPointer(block, offset + offsets.pParameter, address);
    block.setUlong(offset + offsets.ulParameterLen, length);
    this.words.push(block.address(offset));
  }

  #parameter(parameter: unknown, index: number): [address: bigint, length: number] {
    const block = this.#block;
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
      throw new TypeError(
        `Argument ${index} has wrong type. Property 'parameter' should be an Object or Buffer`,
      );
    }
    const written = writeParams(block, parameter, index);
    this.#back = written.back;
    return [block.address(written.offset), written.length];
  }

  #text(value: unknown, index: number): void {
    if (value === undefined || value === null) {
      this.words.push(0n, 0n);
      return;
    }
    if (typeof value !== "string") throw new TypeError(`Argument ${index} has wrong type. Should be a String`);
    this.words.push(...placePin({ block: this.#block }, value));
  }

  /** What the module has given, copied to where the caller wants it. */
  result(): unknown {
    if (this.#back !== NOTHING) this.#copyBack();
    const block = this.#block;
    switch (this.call.result) {
      case "nothing":
        return undefined;
      case "true":
        return true;
      case "output":
        return this.#taken(block.getLength(this.#resultAt) ?? Infinity);
      case "filled":
        this.#taken(this.#roomLength);
        return this.#room;
      case "handle":
        return this.#handleAt(this.#resultAt);
      case "keyPair":
        return { privateKey: this.#handleAt(this.#secondAt), publicKey: this.#handleAt(this.#resultAt) } as KeyPair;
      case "size":
        return Number(block.getUlong(this.#resultAt));
    }
  }

  #handleAt(offset: number): Buffer {
    return handleBuffer(this.#block.getHandle(offset), this.#block.abi.ulong);
  }

  /** The first bytes of the caller's room, written by now. */
  #taken(length: number): Uint8Array {
    const room = this.#room!;
    if (length > this.#roomLength) {
      throw new RangeError(`Cannot use the module's answer: ${length} bytes where ${this.#roomLength} had room`);
    }
    if (length > lengthIn(room)) {
      throw new TypeError("Cannot hand the result over: the Buffer for it was taken away while the call was made");
    }
    if (this.#roomAt >= 0 && length > 0) room.set(this.#block.bytesAt(this.#roomAt, length));
    return room.subarray(0, length);
  }

  #copyBack(): void {
    for (const { into, offset } of this.#back) {
      const bytes = bytesOf(into)!;
      bytes.set(this.#block.bytesAt(offset, lengthIn(bytes)));
    }
  }
}

/** Checks how many arguments were given. */
export function checkCount(expected: number, received: number, least = expected): void {
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
