/** Mechanisms written for C: a `CK_MECHANISM` and whatever its parameter points to. */
import type { MechanismType } from "../constants/flavor.ts";
import { type BytesInput, checkType, checkUlong, describeType, isBytesInput, viewBytes } from "./inputs.ts";
import type { Block } from "./block.ts";
import {
  clearBytes,
  fillStruct,
  putBytes,
  setBytes,
  setPointer,
  type StructDefinition,
  structLayout,
  type StructValue,
  writeStruct,
} from "./structs.ts";
import { CK_MECHANISM } from "./structs_infos.ts";
import { writeUlongs } from "./templates.ts";

/** Where a parameter lies in a block. */
export interface WrittenParameter {
  /** Offset of its first byte. */
  readonly offset: number;
  /** Its bytes. */
  readonly length: number;
}

/** What a mechanism is about to be used for. */
export interface MechanismUse {
  /** The operation; the length of decrypted data includes the tag. */
  readonly operation?: "encrypt" | "decrypt" | undefined;
  /** Bytes of the data; `undefined` when it comes in parts. */
  readonly dataLength?: number | undefined;
}

/** A mechanism parameter that writes itself for each call, because its bytes depend on addresses and the ABI. */
export interface BuiltParameter {
  /** Writes the parameter and what it points to. */
  write(block: Block, use: MechanismUse): WrittenParameter;
  /** Takes back what the token wrote into the parameter; called once the call has returned. */
  readBack?(block: Block, offset: number): void;
  /** Completes what was written at `offset` once the modulus of the RSA key is known, which is read for it. */
  fitModulus?(block: Block, offset: number, modulus: Uint8Array): void;
  /** Whether the token makes the IV, so that each use of the parameter has another. */
  readonly tokenMakesIv?: boolean | undefined;
  /** Bytes that the token appends to an encrypted result in one piece, for {@linkcode BuiltParameter.takeAppended}. */
  readonly appended?: number | undefined;
  /** Takes what was appended off a result. */
  takeAppended?(result: Uint8Array<ArrayBuffer>, dataLength: number): Uint8Array<ArrayBuffer>;
}

/**
 * A mechanism: its {@linkcode CKM} number, or its number with a parameter, which is raw bytes or what a builder such
 * as {@linkcode aesGcm} made (`GP11Mechanism`). The parameter is copied when the call is made.
 */
export type Mechanism = MechanismType | {
  /** The mechanism's type, a {@linkcode CKM} number. */
  readonly type: MechanismType;
  /** Its parameter: raw bytes, or what a builder made. */
  readonly parameter?: BytesInput | BuiltParameter | null | undefined;
};

/** A mechanism whose inputs are checked and copied: later changes of the caller's have no effect on it. */
export interface PreparedMechanism {
  /** The mechanism's type. */
  readonly type: number;
  /** A copy of the raw bytes, or the built parameter. */
  readonly parameter: Uint8Array | BuiltParameter | null;
}

/** A `CK_MECHANISM` in a block. */
export interface WrittenMechanism {
  /** Offset of the `CK_MECHANISM`. */
  readonly offset: number;
  /** Offset of the parameter; 0 where there is none. */
  readonly parameterOffset: number;
  /** Hands the token's changes of the parameter back to whoever built it; does nothing for raw bytes. */
  readBack(): void;
}

/**
 * Checks a mechanism and copies its raw bytes.
 *
 * @throws {TypeError} When it is no mechanism, or its parameter is neither bytes nor built by a builder.
 * @throws {RangeError} When its type is no `CK_ULONG`.
 */
export function prepareMechanism(mechanism: Mechanism): PreparedMechanism {
  const prepared = checkMechanism(mechanism);
  const { type, parameter } = prepared;
  return parameter instanceof Uint8Array ? { type, parameter: new Uint8Array(parameter) } : prepared;
}

/** A mechanism whose raw bytes are not the caller's. */
export function ownMechanism(
  mechanism: PreparedMechanism,
  copy: (bytes: Uint8Array) => Uint8Array,
): PreparedMechanism {
  const { type, parameter } = mechanism;
  return parameter instanceof Uint8Array ? { type, parameter: copy(parameter) } : mechanism;
}

/** The last mechanism that was a number: programs repeat themselves. */
let lastPlain: PreparedMechanism = { type: 0, parameter: null };

/**
 * Checks a mechanism that is written before control returns to the caller, so that its raw bytes need no copy; see
 * {@linkcode prepareMechanism}.
 */
export function checkMechanism(mechanism: Mechanism): PreparedMechanism {
  return mechanism === lastPlain.type ? lastPlain : checked(mechanism);
}

function checked(mechanism: Mechanism): PreparedMechanism {
  if (typeof mechanism === "number") {
    return lastPlain = { type: checkType(mechanism, "a mechanism type"), parameter: null };
  }
  if (typeof mechanism !== "object" || mechanism === null) {
    throw new TypeError(
      `Cannot use a mechanism: expected a number or { type, parameter }, got ${describeType(mechanism)}`,
    );
  }
  const type = checkType(mechanism.type, "a mechanism type");
  const { parameter } = mechanism;
  if (parameter === undefined || parameter === null) return { type, parameter: null };
  if (isBytesInput(parameter)) return { type, parameter: viewBytes(parameter, "a mechanism parameter") };
  if (typeof parameter.write === "function") return { type, parameter };
  throw new TypeError(
    `Cannot use a mechanism parameter: expected bytes or a built one, got ${describeType(parameter)}`,
  );
}

/**
 * Writes a mechanism into a block.
 *
 * @throws {RangeError} When a number of its parameter does not fit the block's `CK_ULONG`.
 */
export function writeMechanism(
  block: Block,
  mechanism: PreparedMechanism,
  use: MechanismUse = {},
): WrittenMechanism {
  const { size, offsets } = structLayout(CK_MECHANISM, block.abi);
  const offset = block.alloc(size);
  block.setUlong(offset + offsets.mechanism, mechanism.type);
  setPointer(block, offset + offsets.pParameter, 0n);
  block.setUlong(offset + offsets.ulParameterLen, 0);
  const { parameter } = mechanism;
  if (parameter === null) return { offset, parameterOffset: 0, readBack: doNothing };
  const written = parameter instanceof Uint8Array
    ? { offset: putBytes(block, parameter), length: parameter.length }
    : parameter.write(block, use);
  if (written.length > 0) setPointer(block, offset + offsets.pParameter, block.address(written.offset));
  block.setUlong(offset + offsets.ulParameterLen, written.length);
  const parameterOffset = written.offset;
  if (parameter instanceof Uint8Array || !parameter.readBack) return { offset, parameterOffset, readBack: doNothing };
  return { offset, parameterOffset, readBack: () => parameter.readBack!(block, parameterOffset) };
}

function doNothing(): void {}

/**
 * Values of a parameter's members, or a function that gives them once the block is at hand: for members that point to
 * structures, which must be written first.
 */
export type ParameterValues<D extends StructDefinition> =
  | { readonly [name in keyof D]?: StructValue }
  | ((block: Block, use: MechanismUse) => { readonly [name in keyof D]?: StructValue });

function resolved<D extends StructDefinition>(
  values: ParameterValues<D>,
  block: Block,
  use: MechanismUse,
): { readonly [name in keyof D]?: StructValue } {
  return typeof values === "function" ? values(block, use) : values;
}

/** A parameter that is one structure. */
export class StructParameter<D extends StructDefinition> implements BuiltParameter {
  /** The structure. */
  readonly definition: D;
  readonly #values: ParameterValues<D>;

  /**
   * Makes the parameter.
   *
   * @param values What goes into its members. Bytes are not copied: give copies.
   */
  constructor(definition: D, values: ParameterValues<D>) {
    this.definition = definition;
    this.#values = values;
  }

  /** Writes the structure and the bytes it points to. */
  write(block: Block, use: MechanismUse = {}): WrittenParameter {
    const values = resolved(this.#values, block, use);
    return {
      offset: writeStruct(block, this.definition, values),
      length: structLayout(this.definition, block.abi).size,
    };
  }
}

/** A parameter that is a single `CK_ULONG`, such as the length of a truncated MAC. */
export class UlongParameter implements BuiltParameter {
  readonly #value: number | bigint;

  /** Makes the parameter. */
  constructor(value: number | bigint) {
    this.#value = checkUlong(value, "a mechanism parameter");
  }

  /** Writes the number. */
  write(block: Block): WrittenParameter {
    return { offset: writeUlongs(block, [this.#value]), length: block.abi.ulong };
  }
}

/** A buffer behind a pointer member that the token may write to. */
export interface OutputBuffer<Name extends string = string> {
  /** The pointer member. */
  readonly member: Name;
  /** What the buffer holds when the call is made; its length is the buffer's. */
  readonly initial: Uint8Array;
  /** Takes what the buffer holds after the call. */
  received(block: Block, offset: number): void;
}

/**
 * A structure with buffers the token may fill, such as the IV of AES-GCM on tokens that make it themselves. The
 * buffers follow the structure in one piece, so that they are found again after the call.
 */
export class OutputParameter<D extends StructDefinition> implements BuiltParameter {
  /** The structure. */
  readonly definition: D;
  readonly #values: ParameterValues<D>;
  readonly #outputs: readonly OutputBuffer<keyof D & string>[];

  /** Makes the parameter from its members' values and its output buffers. */
  constructor(definition: D, values: ParameterValues<D>, outputs: readonly OutputBuffer<keyof D & string>[]) {
    this.definition = definition;
    this.#values = values;
    this.#outputs = outputs;
  }

  /** Writes the structure, the bytes it points to and its buffers. */
  write(block: Block, use: MechanismUse = {}): WrittenParameter {
    const layout = structLayout(this.definition, block.abi);
    const values = resolved(this.#values, block, use);
    const buffers = this.#outputs.reduce((sum, { initial }) => sum + aligned(initial.length), 0);
    const offset = block.alloc(aligned(layout.size) + buffers);
    clearBytes(block, offset, layout.size);
    fillStruct(block, layout, offset, values);
    let at = offset + aligned(layout.size);
    for (const { member, initial } of this.#outputs) {
      setBytes(block, at, initial);
      setPointer(block, offset + layout.offsets[member], initial.length === 0 ? 0n : block.address(at));
      at += aligned(initial.length);
    }
    return { offset, length: layout.size };
  }

  /** Hands each buffer to its receiver. */
  readBack(block: Block, offset: number): void {
    let at = offset + aligned(structLayout(this.definition, block.abi).size);
    for (const output of this.#outputs) {
      output.received(block, at);
      at += aligned(output.initial.length);
    }
  }
}

function aligned(length: number): number {
  return (length + 7) & ~7;
}
