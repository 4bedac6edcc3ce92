import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { decodeUtf8 } from "../../ffi/memory/inputs.ts";
import type { Abi } from "../../ffi/runtime/native.ts";
import { type StructDefinition, structLayout, type Version } from "../../ffi/memory/structs.ts";

/** Reads what the arguments of a call point to. */
export class NativeReader {
  /** Layout of the module's structures. */
  readonly abi: Abi;

  /** A reader for one layout. */
  constructor(abi: Abi) {
    this.abi = abi;
  }

  /** A copy of `length` bytes. */
  bytes(address: bigint, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(length));
    nativeRuntime().read(address, bytes);
    return bytes;
  }

  /** A `CK_ULONG`. */
  ulong(address: bigint): bigint {
    return readUlong(new DataView(this.bytes(address, this.abi.ulong).buffer), 0, this.abi);
  }

  /** An array of `CK_ULONG`. */
  ulongs(address: bigint, count: number): bigint[] {
    const view = new DataView(this.bytes(address, count * this.abi.ulong).buffer);
    return Array.from({ length: count }, (_, at) => readUlong(view, at * this.abi.ulong, this.abi));
  }

  /** A structure. */
  struct<D extends StructDefinition>(address: bigint, definition: D): StructReader<keyof D & string> {
    const layout = structLayout(definition, this.abi);
    return new StructReader(this.bytes(address, layout.size), layout.offsets, definition, this.abi);
  }

  /** The address of a structure in an array. */
  element(address: bigint, definition: StructDefinition, index: number): bigint {
    return address + BigInt(index * structLayout(definition, this.abi).size);
  }
}

/** The members of a structure that was copied. */
export class StructReader<Name extends string> {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #offsets: Readonly<Record<Name, number>>;
  readonly #definition: StructDefinition;
  readonly #abi: Abi;

  /** Reads members at these offsets. */
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    offsets: Readonly<Record<Name, number>>,
    definition: StructDefinition,
    abi: Abi,
  ) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#offsets = offsets;
    this.#definition = definition;
    this.#abi = abi;
  }

  /** A `CK_ULONG`. */
  ulong(name: Name): bigint {
    return readUlong(this.#view, this.#offsets[name], this.#abi);
  }

  /** A pointer. */
  pointer(name: Name): bigint {
    return this.#view.getBigUint64(this.#offsets[name], true);
  }

  /** A `CK_VERSION`. */
  version(name: Name): Version {
    const at = this.#offsets[name];
    return { major: this.#bytes[at]!, minor: this.#bytes[at + 1]! };
  }

  /** A blank-padded text. */
  text(name: Name): string {
    const at = this.#offsets[name];
    const length = Number(this.#definition[name]);
    return decodeUtf8(this.#bytes.subarray(at, at + length)).replace(/ +$/, "");
  }
}

function readUlong(view: DataView, offset: number, abi: Abi): bigint {
  return abi.ulong === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
}
