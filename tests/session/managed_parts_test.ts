import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { splitCommand } from "../../session/managed/bridge.ts";
import { Callers } from "../../session/managed/callers.ts";
import type { Threads } from "../../session/managed/thread.ts";

/** Threads as a test wants them: those in `dead` have ended. */
function threads(self: number, dead: Set<number>): Threads {
  return { self, isAlive: (thread) => !dead.has(thread) };
}

describe("Callers", () => {
  it("counts callers of several threads in one memory", () => {
    const dead = new Set<number>();
    const one = new Callers(threads(1, dead));
    const two = new Callers(threads(2, dead), one.memory);
    const place = one.exclusively(() => one.add(0n));
    two.exclusively(() => two.add(0x7fff_1234_5678n));
    assertEquals([one.count, two.count], [2, 2]);
    one.exclusively(() => one.remove(place));
    assertEquals(two.count, 1);
    one.owned = true;
    assert(two.owned);
  });

  it("takes over from a thread that died, with the address of its wrapper", () => {
    const dead = new Set<number>();
    const one = new Callers(threads(1, dead));
    const two = new Callers(threads(2, dead), one.memory);
    two.exclusively(() => two.add(0xffff_9234_8678n));
    assertEquals(one.removeDead(), []);
    dead.add(2);
    assertEquals(one.removeDead(), [{ list: 0xffff_9234_8678n }]);
    assertEquals(one.count, 0);
  });

  it("lends its lock to one at a time, and takes it from a thread that died with it", () => {
    const dead = new Set<number>();
    const one = new Callers(threads(1, dead));
    const two = new Callers(threads(2, dead), one.memory);
    assert(two.tryLock());
    assertFalse(two.tryLock());
    assertFalse(one.tryLock());
    dead.add(2);
    assert(one.tryLock());
    one.unlock();
    assertEquals(one.exclusively(() => one.heldHere), true);
    assertFalse(one.heldHere);
  });

  it("gives the lock back when what was done under it fails", () => {
    const callers = new Callers(threads(1, new Set()));
    assertThrows(
      () =>
        callers.exclusively(() => {
          throw new Error("no");
        }),
      Error,
      "no",
    );
    assert(callers.tryLock());
  });

  it("refuses memory that is not its own, and more callers than it has places for", () => {
    const callers = new Callers(threads(1, new Set()));
    assertThrows(() => new Callers(threads(1, new Set()), new SharedArrayBuffer(64)), TypeError, "module share");
    const blank = new SharedArrayBuffer(callers.memory.byteLength);
    assertThrows(() => new Callers(threads(1, new Set()), blank), TypeError, "module share");
    assertThrows(
      () => {
        for (let n = 0; n < 2000; n++) callers.add(0n);
      },
      RangeError,
      "it has 1020 already",
    );
  });
});

describe("splitCommand()", () => {
  it("splits at blanks, keeps quoted words together and takes what follows a backslash", () => {
    assertEquals(splitCommand("p11-kit  remote\t/a.so"), ["p11-kit", "remote", "/a.so"]);
    assertEquals(splitCommand(`a "b c" 'd "e"' f\\ g "h\\"i" ''`), ["a", "b c", 'd "e"', "f g", 'h"i', ""]);
    assertEquals(splitCommand("   "), []);
    assertThrows(() => splitCommand(`a "b`), SyntaxError, "not closed");
  });
});
