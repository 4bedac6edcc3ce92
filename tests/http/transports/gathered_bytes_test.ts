import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "node:test";
import { isSameBytes, joinBytes } from "../../../internal/bytes.ts";
import { GatheredBytes } from "../../../http/transports/gathered_bytes.ts";

const PIECE = 100_000;

/** Pieces that differ, so that none can stand in another's place. */
function pieces(count: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: count }, (_, index) => new Uint8Array(PIECE).map((_, place) => index * 7 + place));
}

function gathered(parts: Uint8Array<ArrayBuffer>[], expected: number | null): Uint8Array<ArrayBuffer> {
  const bytes = new GatheredBytes(expected);
  for (const part of parts) bytes.add(part);
  assertEquals(bytes.length, parts.length * PIECE);
  return bytes.bytes();
}

describe("Bytes that come in pieces", () => {
  const all = pieces(100);
  const length = all.length * PIECE;
  const whole = joinBytes(all);

  for (
    const [what, expected] of [
      ["as was announced", length],
      ["of unknown length", null],
      ["with more than was announced", length - PIECE / 2],
      ["with less than was announced", length + PIECE],
      ["with far less than was announced", 2 ** 50],
      ["of a length that is announced as nothing", 0],
    ] as const
  ) {
    it(`${what} are in one array that holds nothing else`, () => {
      const bytes = gathered(all, expected);
      assert(isSameBytes(bytes, whole));
      assertEquals(bytes.buffer.byteLength, length);
    });
  }

  it("are not copied where there is one", () => {
    const [only] = pieces(1);
    for (const expected of [null, PIECE]) assertStrictEquals(gathered([only!], expected), only);
    assertEquals(gathered([], null), new Uint8Array(0));
  });

  it("are copied as they come where their length is known, and need not be kept till the end", () => {
    const mine = pieces(100);
    const bytes = new GatheredBytes(length);
    for (const piece of mine) bytes.add(piece);
    for (const piece of mine) piece.fill(0);
    assert(isSameBytes(bytes.bytes(), whole));
  });

  it("do not change in the hands of one who looks at them before the end", () => {
    for (const expected of [null, length]) {
      const bytes = new GatheredBytes(expected);
      const [first, second, ...rest] = all as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
      bytes.add(first);
      bytes.add(second);
      const early = bytes.bytes();
      for (const piece of rest as Uint8Array<ArrayBuffer>[]) bytes.add(piece);
      assert(isSameBytes(bytes.bytes(), whole));
      assertEquals(early, joinBytes([first, second]));
      assertEquals(early.buffer.byteLength, 2 * PIECE);
    }
  });
});
