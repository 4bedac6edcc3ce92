// Pairs of web streams as a Node stream (internal/byte_duplex.ts).
import { assertEquals, assertThrows } from "@std/assert";
import type { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { fromByteDuplex } from "../../internal/byte_duplex.ts";

/** A pair whose peer gives back what it gets. */
function echo(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream();
}

const closed = (stream: Duplex) => new Promise<void>((resolve) => void stream.once("close", () => resolve()));
const locks = ({ readable, writable }: ReturnType<typeof echo>) => [readable.locked, writable.locked];

describe("a pair of web streams as a stream of Node", () => {
  it("has both to itself, and leaves them when both sides have ended", async () => {
    const pair = echo();
    const stream = fromByteDuplex(pair);
    assertEquals(locks(pair), [true, true]);
    const pieces: number[] = [];
    stream.on("data", (piece: Uint8Array) => pieces.push(...piece));
    const over = closed(stream);
    stream.write(Uint8Array.of(1, 2));
    stream.end(Uint8Array.of(3));
    await over;
    assertEquals([pieces, locks(pair)], [[1, 2, 3], [false, false]]);
  });

  it("leaves them when it is destroyed, though neither side ever answers", async () => {
    const told: string[] = [];
    const never = new Promise<void>(() => {});
    const pair = {
      readable: new ReadableStream<Uint8Array>({ cancel: () => (told.push("cancelled"), never) }),
      writable: new WritableStream<Uint8Array>({ abort: () => (told.push("aborted"), never) }),
    };
    const stream = fromByteDuplex(pair);
    stream.resume();
    await new Promise((resolve) => setTimeout(resolve));
    stream.on("error", () => {});
    stream.destroy(new Error("enough"));
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([told, pair.readable.locked, pair.writable.locked], [["cancelled", "aborted"], false, false]);
  });

  it("leaves the one side where the other is in use", () => {
    const pair = echo();
    pair.readable.getReader();
    assertThrows(() => fromByteDuplex(pair), TypeError);
    assertEquals(locks(pair), [true, false]);
  });
});
