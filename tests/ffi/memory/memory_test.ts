import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { nativeRuntime, runtimeInPlace } from "../../../ffi/runtime/runtime.ts";
import { ResultRooms, Rows } from "../../../ffi/memory/batches.ts";
import { Block } from "../../../ffi/memory/block.ts";
import { BlockPool } from "../../../ffi/memory/block_pool.ts";
import type { Abi } from "../../../ffi/runtime/native.ts";

const runtime = nativeRuntime();
const LP64: Abi = { ulong: 8, packed: false };
const WINDOWS: Abi = { ulong: 4, packed: true };

function read(address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  runtime.read(address, bytes);
  return bytes;
}

describe("Block", () => {
  it("hands out aligned, zero-filled memory that C sees at its address", () => {
    const block = new Block(runtime, LP64, 256);
    const first = block.alloc(3);
    const second = block.putBytes(Uint8Array.of(1, 2, 3));
    assertEquals([first % 8, second % 8], [0, 0]);
    assertEquals(read(block.address(second), 3), Uint8Array.of(1, 2, 3));
    assertEquals(read(block.address(first), 3), new Uint8Array(3));
    assertEquals(block.address(second) - block.address(first), 8n);
  });

  it("takes what does not fit in further pieces; addresses handed out stay valid", () => {
    const block = new Block(runtime, LP64, 32);
    const small = block.putBytes(Uint8Array.of(9));
    const address = block.address(small);
    const large = block.putBytes(new Uint8Array(100_000).fill(7));
    const larger = block.alloc(50);
    assertEquals(read(address, 1), Uint8Array.of(9));
    assertEquals(read(block.address(large) + 99_999n, 1), Uint8Array.of(7));
    block.setUlong(larger, 5);
    assertEquals([block.getUlong(larger), block.copyOut(large, 2)], [5, Uint8Array.of(7, 7)]);
    assertThrows(() => block.address(2 ** 40 * 9), RangeError, "never allocated");
  });

  it("for calls in place is memory of this thread's own, its further pieces too, and overwritten like any other", () => {
    for (const own of [runtimeInPlace(), runtime]) {
      const block = new Block(own, LP64, 0x1000);
      const shares = own === runtime && runtime.allocate !== undefined;
      for (const length of [40, 3000]) assertEquals(block.putBytes(new Uint8Array(length).fill(7)) % 8, 0);
      block.alloc(100_000);
      for (const { bytes } of [block, ...block.extensions]) {
        assertEquals(bytes.buffer instanceof (shares ? SharedArrayBuffer : ArrayBuffer), true);
      }
      block.clear();
      assert(block.bytes.every((byte) => byte === 0));
    }
  });

  it("copies parts into memory of the caller: the same again, another of its place, another of its length", () => {
    const block = new Block(runtime, LP64, 256);
    block.putBytes(Uint8Array.from({ length: 200 }, (_, index) => index));
    for (const [at, length] of [[8, 32], [8, 32], [16, 32], [16, 100], [0, 256], [16, 5], [16, 0]] as const) {
      const target = new Uint8Array(256);
      Object.defineProperty(target, "set", { value: () => target.fill(0xff) });
      block.copyInto(at, length, target);
      const expected = new Uint8Array(256);
      expected.set(block.bytes.subarray(at, at + length));
      assertEquals([...target], [...expected]);
    }
  });

  it("reads and writes CK_ULONG of both widths without loss", () => {
    for (const abi of [LP64, WINDOWS]) {
      const block = new Block(runtime, abi, 64);
      const at = block.alloc(8);
      const max = abi.ulong === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
      for (const value of [0, 1, 0x7fff_ffff, 0xffff_ffff]) {
        block.setUlong(at, value);
        assertEquals([block.getUlong(at), block.getHandle(at)], [value, BigInt(value)]);
      }
      block.setUlong(at, max);
      assertEquals([block.getHandle(at), block.getLength(at)], [max, undefined]);
    }
    const block = new Block(runtime, LP64, 64);
    block.setUlong(8, 2n ** 53n);
    assertEquals(block.getUlong(8), 2n ** 53n);
    block.setUlong(8, 2 ** 53 - 1);
    assertEquals(block.getUlong(8), 2 ** 53 - 1);
  });

  it("goes back to a mark and overwrites everything that was written before it", () => {
    const block = new Block(runtime, LP64, 64);
    block.putBytes(Uint8Array.of(1));
    const mark = block.mark();
    const first = block.putBytes(new Uint8Array(40).fill(0xaa));
    const address = block.address(first);
    block.putBytes(new Uint8Array(500).fill(0xbb));
    block.rewind(mark);
    assertEquals(block.putBytes(Uint8Array.of(2)), first);
    block.clear();
    assertEquals(read(address, 40), new Uint8Array(40));
    assertEquals(block.used, 0);
  });

  it("lets small things share a further piece, and goes back to a mark within it", () => {
    const block = new Block(runtime, LP64, 64);
    block.alloc(64);
    const kept = block.putBytes(Uint8Array.of(1));
    const mark = block.mark();
    const places = Array.from({ length: 1000 }, (_, i) => block.putBytes(new Uint8Array(40).fill(i % 255 + 1)));
    assertEquals(block.extensions.length, 1);
    places.forEach((at, i) => assertEquals(read(block.address(at), 40), new Uint8Array(40).fill(i % 255 + 1)));
    block.rewind(mark);
    assertEquals(block.putBytes(Uint8Array.of(2)), places[0]);
    const bytes = block.bytesAt(kept, 0x1000);
    block.wipe(mark);
    assertEquals([bytes[0], bytes.subarray(1).every((byte) => byte === 0)], [1, true]);
    block.clear();
    assertEquals([bytes[0], block.extensions.length], [0, 0]);
  });

  it("overwrites large pieces that hold a secret", () => {
    const block = new Block(runtime, LP64, 64);
    block.secret = true;
    const at = block.putBytes(new Uint8Array(1 << 20).fill(0xcc));
    const bytes = block.bytesAt(at, 1 << 20);
    block.clear();
    assert(bytes.every((byte) => byte === 0));
    assertEquals(block.secret, false);
  });
});

describe("BlockPool", () => {
  it("gives an overwritten block to the next who asks, never one to two", () => {
    const pool = new BlockPool(runtime, LP64, 128);
    const block = pool.take();
    assertNotStrictEquals(pool.take(), block);
    block.putBytes(Uint8Array.of(1, 2, 3));
    pool.give(block);
    assertEquals(block.bytes, new Uint8Array(128));
    assertStrictEquals(pool.take(), block);
  });

  it("gives the pieces of large data to the next who needs such ones, overwritten", () => {
    const pool = new BlockPool(runtime, LP64, 128);
    const data = new Uint8Array(200_000).fill(7);
    const place = (block: Block) => block.address(block.putBytes(data));
    const [one, other] = [pool.take(), pool.take()];
    const [address, another] = [place(one), place(other)];
    assert(address !== another);
    pool.give(one);
    const room = other.alloc(150_000);
    assertEquals(other.address(room), address);
    assertEquals(other.copyOut(room, 150_000), new Uint8Array(150_000));
    assertEquals(read(another, 3), Uint8Array.of(7, 7, 7));
  });

  it("gives no piece to data it is much too large for, and keeps those up to 8 MiB that were given back last", () => {
    const pool = new BlockPool(runtime, LP64, 128);
    const pieces = [8, 3, 3, 3].map((mebibytes) => pool.takePiece(mebibytes << 20));
    for (const piece of pieces) assert(pool.givePiece(piece));
    assertNotStrictEquals(pool.takePiece(1 << 20), pieces[3]);
    assertStrictEquals(pool.takePiece(2 << 20), pieces[3]);
    assertStrictEquals(pool.takePiece(3 << 20), pieces[2]);
    assertNotStrictEquals(pool.takePiece(3 << 20), pieces[1]);
    assertEquals(pool.givePiece(pool.takePiece(9 << 20)), false);
  });
});

describe("Rows", () => {
  it("are words that are the same in each, so much more in each, or more by an offset, beyond 32 bits too", () => {
    const rows = new Rows(3).add(0xffff_ffff_ffff_ffffn).add(0xffff_fffen, 8).addBehind(0x7fff_ffff_fff8n, [
      9,
      0,
      8,
      16,
    ], 1);
    const words = new BigUint64Array(12).fill(7n);
    rows.write(words, 2);
    const all = 0xffff_ffff_ffff_ffffn;
    const [low, high] = [0xffff_fffen, 0x7fff_ffff_fff8n];
    assertEquals([...words], [7n, 7n, all, low, high, all, low + 8n, high + 8n, all, low + 16n, high + 16n, 7n]);
  });
});

describe("ResultRooms", () => {
  const CAPACITIES = [8, 3, 0, 40];

  function laidOut(abi: Abi, lengths: readonly bigint[]): ResultRooms {
    const block = new Block(runtime, abi, 1024);
    const rooms = new ResultRooms(block, CAPACITIES);
    const rows = new Rows(CAPACITIES.length);
    rooms.addTo(rows);
    const words = new BigUint64Array(2 * CAPACITIES.length);
    rows.write(words, 0);
    CAPACITIES.forEach((capacity, row) => {
      const [room, length] = [0, 1].map((column) => Number(words[2 * row + column]! - block.base)) as [
        number,
        number,
      ];
      assertEquals(block.getUlong(length), capacity);
      assertEquals([room % 8, length % 8], [0, 0]);
      block.bytes.fill(row + 1, room, room + capacity);
      block.view.setBigUint64(length, lengths[row]!, true);
    });
    return rooms;
  }

  it("give what was written, up to a row or to a result that may be longer than its room", () => {
    for (const abi of [LP64, WINDOWS]) {
      const rooms = laidOut(abi, [2n, 3n, 0n, 40n]);
      const results: Uint8Array<ArrayBuffer>[] = [];
      assertEquals(rooms.take(0, 4, true, results), 1);
      assertEquals(rooms.take(1, 3, false, results), 3);
      assertEquals(results, [Uint8Array.of(1, 1), Uint8Array.of(2, 2, 2), new Uint8Array(0)]);
      assert(results.every(({ buffer, byteLength }) => buffer.byteLength === byteLength));
    }
  });

  it("refuse a length that had no room, in either half of its word where it has two", () => {
    for (const length of [9n, 1n << 32n, 0xffff_ffff_ffff_ffffn]) {
      const rooms = laidOut(LP64, [2n, length, 0n, 0n]);
      const results: Uint8Array<ArrayBuffer>[] = [];
      assertEquals([rooms.take(0, 4, true, results), results.length], [1, 1]);
      assertThrows(() => rooms.assertRoom(1), RangeError, "Cannot use the module's");
      rooms.assertRoom(0);
    }
    const results: Uint8Array<ArrayBuffer>[] = [];
    assertEquals(laidOut(WINDOWS, [1n << 32n | 5n, 0n, 0n, 0n]).take(0, 1, true, results), 1);
    assertEquals(results[0]!.length, 5);
  });
});
