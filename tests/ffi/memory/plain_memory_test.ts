import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { plainAddress } from "../../../ffi/memory/plain_memory.ts";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";

/** Asks so often that what is kept of a buffer is kept. */
function asked(bytes: Uint8Array): bigint | null {
  const addresses = new Set(Array.from({ length: 4 }, () => plainAddress(bytes)));
  assertEquals(addresses.size, 1);
  return [...addresses][0]!;
}

function read(address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  nativeRuntime().read(address, bytes);
  return bytes;
}

describe("the address of the caller's memory", () => {
  it("is the same however often it is asked for, and that of any other view of the buffer", () => {
    const bytes = Uint8Array.from({ length: 8192 }, (_, index) => index);
    const address = asked(bytes)!;
    assertEquals(read(address, 8192), bytes);
    for (const offset of [0, 1, 4096, 8190]) {
      const part = bytes.subarray(offset);
      assertEquals([asked(part), read(asked(part)!, 2)], [address + BigInt(offset), part.slice(0, 2)]);
    }
    const [one, other] = [new Uint8Array(5000).fill(1), new Uint8Array(5000).fill(2)];
    for (let round = 0; round < 4; round++) {
      assertEquals([one, other].map((bytes) => read(plainAddress(bytes)!, 5000)), [one, other]);
    }
    const later = new Uint8Array(bytes.buffer, 100, 10);
    assertEquals(plainAddress(later), address + 100n);
  });

  it("is none once the memory is gone, though it was asked for before", () => {
    const bytes = new Uint8Array(8192).fill(7);
    const part = bytes.subarray(4096);
    asked(bytes);
    asked(part);
    const taken = new Uint8Array(structuredClone(bytes.buffer, { transfer: [bytes.buffer] }));
    assertEquals([plainAddress(bytes), plainAddress(part)], [null, null]);
    assertEquals(read(asked(taken)!, 8192), new Uint8Array(8192).fill(7));
    const moved = new Uint8Array(taken.buffer.transfer(100));
    assertEquals([plainAddress(taken), read(asked(moved)!, 100)], [null, new Uint8Array(100).fill(7)]);
  });

  it("is none of memory that may shrink, or that other threads write to, or that has no bytes", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const old = new Uint8Array(memory.buffer);
    asked(old);
    memory.grow(1);
    assertEquals(plainAddress(old), null);
    assertEquals(plainAddress(new Uint8Array(new ArrayBuffer(8192, { maxByteLength: 16384 }))), null);
    assertEquals(plainAddress(new Uint8Array(new SharedArrayBuffer(8192))), null);
    assertEquals(plainAddress(new Uint8Array(0)), null);
  });

  it("is that of the view, whatever its own properties say", () => {
    const bytes = new Uint8Array(8192).fill(1);
    const address = asked(bytes)!;
    const other = new Uint8Array(16384).buffer;
    for (const [name, value] of [["buffer", other], ["byteOffset", 5000], ["byteLength", 0], ["length", 0]] as const) {
      Object.defineProperty(bytes, name, { value });
    }
    assertEquals([asked(bytes), plainAddress(new Uint8Array(other)) === address], [address, false]);
  });
});
