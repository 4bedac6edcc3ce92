// A search by hand: one call for each object, with room for what its values may be, two texts and a copy.
import type { NativeRuntime } from "../../ffi/runtime/native.ts";
import { CKA } from "../../session/mod.ts";
import { OBJECTS } from "./rows.ts";

/** A function of the module as the runtime binds it. */
export type Bound = (...words: bigint[]) => unknown;

/** Throws where a function of the module has not succeeded. */
export function succeed(rv: unknown): void {
  if (rv !== 0) throw new Error(`Cannot measure: the module answers ${rv}`);
}

/** Bytes between the values of a template. */
const STEP = 64;

/** A template in memory of its own: type, address and length of each attribute, then the values. */
class Template {
  readonly address: bigint;
  readonly #rooms: readonly bigint[];
  readonly #words: BigUint64Array;
  readonly #values: Uint8Array;

  constructor(runtime: NativeRuntime, types: readonly number[], rooms: readonly bigint[]) {
    const memory = new ArrayBuffer((24 + STEP) * types.length);
    this.address = BigInt(runtime.address(new Uint8Array(memory)));
    this.#rooms = rooms;
    this.#words = new BigUint64Array(memory, 0, 3 * types.length);
    this.#values = new Uint8Array(memory, 24 * types.length);
    for (const [index, type] of types.entries()) {
      this.#words[3 * index] = BigInt(type);
      this.#words[3 * index + 1] = this.address + BigInt(24 * types.length + STEP * index);
    }
    this.renew();
  }

  /** Writes the lengths, which the module overwrites. */
  renew(): void {
    for (let index = 0; index < this.#rooms.length; index++) this.#words[3 * index + 2] = this.#rooms[index]!;
  }

  write(index: number, value: Uint8Array): void {
    this.#values.set(value, STEP * index);
  }

  value(index: number): Uint8Array {
    return this.#values.subarray(STEP * index, STEP * index + Number(this.#words[3 * index + 2]));
  }
}

/** The search of the row, ready to be called. */
export function bareFind(
  runtime: NativeRuntime,
  bound: (name: string, arity: number) => Bound,
  session: bigint,
): () => void {
  const [findInit, findObjects] = [bound("C_FindObjectsInit", 3), bound("C_FindObjects", 4)];
  const [findFinal, getAttributes] = [bound("C_FindObjectsFinal", 1), bound("C_GetAttributeValue", 4)];
  const memory = new BigUint64Array(OBJECTS + 1);
  const count = BigInt(runtime.address(new Uint8Array(memory.buffer)));
  const match = new Template(runtime, [CKA.CLASS, CKA.APPLICATION], [8n, 5n]);
  match.write(1, new TextEncoder().encode("bench"));
  const read = new Template(runtime, [CKA.LABEL, CKA.APPLICATION, CKA.VALUE], [64n, 64n, 64n]);
  const decoder = new TextDecoder();
  return () => {
    const handles: bigint[] = [];
    succeed(findInit(session, match.address, 2n));
    do {
      succeed(findObjects(session, count + 8n, BigInt(OBJECTS), count));
      for (let index = 1; index <= Number(memory[0]); index++) handles.push(memory[index]!);
    } while (memory[0] !== 0n);
    succeed(findFinal(session));
    if (handles.length !== OBJECTS) throw new Error(`Cannot measure: found ${handles.length} objects`);
    const objects: unknown[] = [];
    for (const handle of handles) {
      read.renew();
      succeed(getAttributes(session, handle, read.address, 3n));
      const [label, application] = [decoder.decode(read.value(0)), decoder.decode(read.value(1))];
      objects.push({ label, application, value: read.value(2).slice() });
    }
  };
}
