import { assertEquals, assertFalse } from "@std/assert";
import { describe, it } from "node:test";
import { listen, stopListening } from "../../../ffi/engine/aborts.ts";
import { Queue } from "../../../ffi/engine/lane.ts";

describe("A queue", () => {
  it("gives its entries in their order, without those that were taken out", () => {
    const queue = new Queue<number>();
    for (let i = 0; i < 6; i++) queue.add(i);
    assertEquals(queue.remove(0) && queue.remove(3), true);
    assertFalse(queue.remove(3));
    assertEquals([queue.shift(), queue.shift(), queue.size], [1, 2, 2]);
    queue.add(6);
    assertEquals([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [4, 5, 6, undefined]);
    queue.add(7);
    queue.add(8);
    assertEquals([queue.shift(), queue.drain(), queue.size, queue.shift()], [7, [8], 0, undefined]);
    queue.add(9);
    assertEquals(queue.shift(), 9);
  });
});

describe("Listening to a signal", () => {
  it("takes one listener for all who want to know, and none when nobody does", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const counts = { addEventListener: 0, removeEventListener: 0 };
    for (const name of ["addEventListener", "removeEventListener"] as const) {
      const own = signal[name].bind(signal) as (...args: unknown[]) => void;
      signal[name] = (...args: unknown[]) => {
        counts[name]++;
        own(...args);
      };
    }
    const heard: number[] = [];
    const entries = Array.from({ length: 1000 }, (_, i) => ({ abort: () => void heard.push(i) }));
    for (const entry of entries) listen(signal, entry);
    assertEquals(counts, { addEventListener: 1, removeEventListener: 0 });
    for (const entry of entries) stopListening(signal, entry);
    assertEquals(counts, { addEventListener: 1, removeEventListener: 1 });
    for (const entry of entries.slice(0, 3)) listen(signal, entry);
    stopListening(signal, entries[1]!);
    controller.abort();
    assertEquals([heard, counts.addEventListener], [[2, 0], 2]);
  });
});
