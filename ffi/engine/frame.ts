/** What one running operation works with: its native memory, and what its last step came to. */
import { CKR } from "../constants/mod.ts";
import { expectLargeData } from "../runtime/freed_memory.ts";
import { nativeRuntime } from "../runtime/runtime.ts";
import { assertPresent, LARGE } from "../memory/inputs.ts";
import { plainAddress } from "../memory/plain_memory.ts";
import type { BoundFunction, Cryptoki } from "../tables/cryptoki.ts";
import type { Engine } from "./engine.ts";
import { FUNCTION_NAMES, type FunctionName } from "../tables/functions.ts";
import type { Lane } from "./lane.ts";
import { assertWithin, type Block, word } from "../memory/block.ts";
import type { Asker, Question } from "./question.ts";
import type { SessionRegister } from "./session_register.ts";
import type { TokenTurn } from "./turn.ts";

/** A guess that was too small was one for a short result: the next is generous. */
const MIN_GROWN = 0x800;
/** A module that wants more than this for one result, and more than twice what was thought enough, is not believed. */
const MAX_WANTED = 2 ** 26;

/** The place of each function in the list, by its C name. */
export const FN: { readonly [Name in FunctionName]: number } = Object.fromEntries(
  FUNCTION_NAMES.map((name, index) => [name, index]),
) as { [Name in FunctionName]: number };

/** Room for what C writes: part of the operation's block, or for large results the result itself. */
export class Output {
  /** Address C writes to. */
  readonly address: bigint;
  /** Bytes reserved. */
  readonly capacity: number;
  /** Where in the operation's block it begins; 0 where it has memory of its own. */
  readonly offset: number;
  readonly #block: Block;
  #own: Uint8Array<ArrayBuffer> | null;

  /**
   * Reserves `capacity` bytes.
   *
   * @param into Memory of the caller to take for a large result, which stays where it is until the operation has ended.
   */
  constructor(block: Block, capacity: number, inPlace: boolean, into: Uint8Array<ArrayBuffer> | null = null) {
    this.#block = block;
    this.capacity = capacity;
    if (into !== null && capacity >= LARGE) {
      this.#own = into.subarray(0, capacity);
      this.offset = 0;
      this.address = nativeRuntime().address(into);
      return;
    }
    // A worker thread that shall hold the memory holds that of the block.
    if (capacity >= LARGE && (inPlace || nativeRuntime().allocate === undefined)) {
      this.#own = new Uint8Array(new ArrayBuffer(capacity));
      this.offset = 0;
      this.address = nativeRuntime().address(this.#own);
    } else {
      this.#own = null;
      if (capacity >= LARGE) block.secret = true;
      this.offset = block.alloc(capacity || 1);
      this.address = block.address(this.offset);
    }
  }

  /**
   * The first `length` bytes as an array of its own.
   *
   * @throws {RangeError} when the module says that it has written more than there was room for
   */
  take(length: number): Uint8Array<ArrayBuffer> {
    assertWithin(length, this.capacity);
    if (!this.#own) return this.#block.copyOut(this.offset, length);
    const own = this.#own;
    if (length === this.capacity) {
      this.#own = null;
      return own;
    }
    return own.slice(0, length);
  }

  /**
   * Moves the first `length` bytes to the beginning of `into`.
   *
   * @throws {RangeError} when they are more than it has room for, or the module says that it has written too many
   */
  takeInto(length: number, into: Uint8Array): void {
    assertWithin(length, this.capacity);
    assertRoom(length, into);
    const own = this.#own;
    if (own === null) this.#block.copyInto(this.offset, length, into);
    else if (own.buffer === into.buffer) {
      // It lies there, perhaps with more behind it: what a cipher has taken off is none of the caller's.
      own.fill(0, length);
      this.#own = null;
    } else into.set(own.subarray(0, length));
  }

  /** Overwrites memory of its own that nobody has taken: C may have left a plaintext there. */
  overwrite(): void {
    this.#own?.fill(0);
  }
}

/**
 * Throws where a result has no room in memory of the caller.
 *
 * @throws {RangeError} when it has none
 */
export function assertRoom(length: number, into: Uint8Array): void {
  if (length <= into.length) return;
  throw new RangeError(`Cannot write the result: it has ${length} bytes, and into has room for ${into.length}`);
}

/** The state of one running operation. */
export class Frame {
  /** The engine that drives it. */
  readonly engine: Engine;
  /** The module's functions. */
  readonly table: Cryptoki;
  /** Memory of this operation alone, overwritten when it ends. */
  readonly block: Block;
  /** Whether it runs in place. */
  readonly inPlace: boolean;
  /** Whether no code of the caller can run between the calls: large data may be used where it lies then. */
  undisturbed = false;
  /** CK_RV of the last call that ran. */
  rv = 0;
  /** 64-bit result of the last call that ran, of functions that return a pointer. */
  value = 0n;
  /** Index of the call that failed or did not run; the number of calls when all succeeded. */
  stopped = 0;
  /** Whether an abort kept calls of the last step from running. */
  interrupted = false;
  /** The session's order; `null` for an operation without one. */
  lane: Lane | null = null;
  /** Where its open question is kept, of an operation without a session. */
  asker: Asker | null = null;
  /** The question for a PIN within which the call was made. */
  within: Question | undefined = undefined;
  /** The turns of the token that is worked with; `null` where there are none to take. */
  turn: TokenTurn | null = null;
  /** Where sessions are written down that the operation opens. */
  register: SessionRegister | null = null;
  /** Gives back what the operation has taken before its first step, where it is never made. */
  whenDropped: (() => void) | null = null;
  /** Refusals of PINs the token had made when the call was made. */
  refusals = 0;
  /** Answer to the last question. */
  answer: unknown = undefined;
  /** What the operation was given, for its errors to tell of. */
  args: unknown = null;
  /** A number for operations that take about as long, such as those of one mechanism; 0 where nothing is known. */
  workKind = 0;
  #pinned: unknown[] | null = null;
  #outputs: Output[] | null = null;

  /** A frame for one run. */
  constructor(engine: Engine, block: Block, inPlace: boolean) {
    this.engine = engine;
    this.table = engine.table;
    this.block = block;
    this.inPlace = inPlace;
  }

  /** Whether nothing is left of a run: it has no room on the stack to forget itself where its caller has used it up. */
  isClean = true;

  /** Takes in what the run is for. */
  enter(lane: Lane | null, turn: TokenTurn | null, register: SessionRegister | null, args: unknown): void {
    this.isClean = false;
    this.lane = lane;
    this.turn = turn;
    this.register = register;
    if (turn !== null) this.refusals = turn.pins.refusals;
    this.args = args;
  }

  /** Forgets the run, its memory overwritten: the frame serves again for the next. */
  reset(): void {
    this.overwriteOutputs();
    this.block.clear();
    this.undisturbed = false;
    this.rv = 0;
    this.value = 0n;
    this.stopped = 0;
    this.interrupted = false;
    this.lane = null;
    this.turn = null;
    this.register = null;
    this.whenDropped = null;
    this.within = undefined;
    this.answer = undefined;
    this.args = null;
    this.workKind = 0;
    this.#pinned = null;
    this.isClean = true;
  }

  /** A function of the module. Throws CKR.FUNCTION_NOT_SUPPORTED where it has none. */
  fn(index: number): BoundFunction {
    const fn = this.table.at(index);
    if (!fn) throw this.failure(FUNCTION_NAMES[index]!, CKR.FUNCTION_NOT_SUPPORTED);
    return fn;
  }

  /** The error for a CK_RV, that of the last call if none is given. */
  failure(fn: FunctionName, rv: number = this.rv): Error {
    return this.engine.errors.failure(rv, fn, this.args, this.turn?.label);
  }

  /**
   * Address of a copy of `data`. In place, large data is used where it lies, unless somebody could take it away before C
   * has it.
   *
   * @param asks Whether a question may be asked before C has the data.
   * @param secret Whether a copy is to be overwritten, however large it is.
   */
  input(data: Uint8Array, asks = false, secret = true): bigint {
    assertPresent(data);
    if (data.length >= LARGE) {
      expectLargeData();
      const address = this.undisturbed && !asks ? plainAddress(data) : null;
      if (address !== null) {
        (this.#pinned ??= []).push(data);
        return address;
      }
      if (secret) this.block.secret = true;
    }
    return this.block.address(this.block.putBytes(data));
  }

  /** Address and length of a copy of what may be left out: a NULL pointer where it is empty. */
  optionalInput(data: Uint8Array): [address: bigint, length: bigint] {
    return data.length === 0 ? [0n, 0n] : [this.input(data), word(data.length)];
  }

  /**
   * Room for `capacity` bytes that C writes.
   *
   * @param into Where a large result may be written at once.
   */
  output(capacity: number, into: Uint8Array<ArrayBuffer> | null = null): Output {
    const output = new Output(this.block, capacity, this.inPlace, into);
    if (capacity >= LARGE) {
      expectLargeData();
      (this.#outputs ??= []).push(output);
    }
    return output;
  }

  /** Overwrites the room of large results that were not taken: of calls that failed, and of those that gave less. */
  overwriteOutputs(): void {
    if (this.#outputs === null) return;
    for (const output of this.#outputs) output.overwrite();
    this.#outputs = null;
  }

  /**
   * Larger room after CKR_BUFFER_TOO_SMALL. At `length` stands what the module wants, if it has said so; the new room
   * is written there.
   *
   * @param owed Bytes that have gone in and whose result the module has not given yet.
   * @throws {RangeError} when the module wants more than can be
   */
  grow(output: Output, length: number, owed = 0): Output {
    const wanted = this.#wanted(length, output.capacity * 2 + owed);
    const larger = this.output(Math.max(output.capacity * 2, wanted, MIN_GROWN));
    this.block.setUlong(length, larger.capacity);
    return larger;
  }

  /**
   * Room of exactly the length that the module has left at `length` when it was asked for it.
   *
   * @throws {RangeError} when that is more than can be
   */
  asked(length: number): Output {
    const output = this.output(this.#wanted(length, 0));
    this.block.setUlong(length, output.capacity);
    return output;
  }

  #wanted(length: number, likely: number): number {
    const wanted = this.block.getLength(length) ?? 0;
    if (wanted <= Math.max(MAX_WANTED, likely)) return wanted;
    throw new RangeError(`Cannot use the module's answer: it wants room for ${wanted} bytes`);
  }

  /** Offset of a `CK_ULONG` in the block that starts as `value`. */
  ulong(value: number | bigint = 0): number {
    const offset = this.block.alloc(8);
    this.block.setUlong(offset, value);
    return offset;
  }
}
