import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { splitCommand } from "../../../session/managed/bridge.ts";
import { threadMarks } from "../../../ffi/workers/thread_marks.ts";
import { Callers, CALLERS_SIZE, ROAD } from "../../../session/managed/callers.ts";
import { sharedMemory, type Threads } from "../../../session/managed/callers_memory.ts";
import { ENTRY } from "../../../session/managed/session_table.ts";

/** Callers of a thread as a test wants it: threads in `dead` have ended, those in `calling` have left calls behind. */
function callersOf(
  self: number,
  memory?: SharedArrayBuffer,
  dead: Set<number> = new Set(),
  calling: Set<bigint> = new Set(),
): Callers {
  const threads: Threads = {
    self,
    isAlive: (thread) => !dead.has(thread),
    anyAlive: (marks) => calling.has(marks),
  };
  return new Callers(threads, sharedMemory(CALLERS_SIZE, threads, memory));
}

/** A caller who has initialised. */
function enterOwner(callers: Callers, list: bigint, road: bigint): number {
  const place = callers.enter(list, road);
  callers.own(place);
  return place;
}

const MODULE = 0x7fff_1234_5678n;
const WRAPPER = 0xffff_9234_8678n;

describe("Callers", () => {
  it("put C_Finalize off until the last of them has gone, whichever thread has initialised", () => {
    const one = callersOf(1);
    const two = callersOf(2, one.memory);
    const owner = enterOwner(one, MODULE, ROAD.gp11);
    const other = two.enter(MODULE, ROAD.gp11);
    assert(two.owned);
    one.leave(owner, false);
    assertEquals(one.takeDue(), []);
    assertEquals(one.finalised, 0n);
    two.leave(other, false);
    assertEquals(two.takeDue(), [MODULE]);
    assertEquals(two.takeDue(), []);
    assertEquals(one.finalised, 1n);
    assertFalse(one.owned);
  });

  it("end a wrapper of libp11-kit at once only while it has others", () => {
    const callers = callersOf(1);
    const wrappers = [WRAPPER, WRAPPER + 8n].map((list) => enterOwner(callers, list, ROAD.p11Kit));
    const direct = callers.enter(MODULE, ROAD.gp11);
    callers.leave(wrappers[0]!, false);
    assertEquals(callers.takeDue(), [WRAPPER]);
    callers.leave(wrappers[1]!, false);
    assertEquals(callers.takeDue(), []);
    const starting = callers.enter(WRAPPER + 16n, ROAD.p11Kit);
    assertEquals(callers.takeDue(), []);
    callers.own(starting);
    assertEquals(callers.takeDue(), [WRAPPER + 8n]);
    callers.leave(starting, false);
    callers.leave(direct, false);
    assertEquals(callers.takeDue(), [WRAPPER + 16n]);
  });

  it("wait for a guest with what a thread that died has left", () => {
    const dead = new Set<number>();
    const one = callersOf(1, undefined, dead);
    const two = callersOf(2, one.memory, dead);
    const owner = enterOwner(one, MODULE, ROAD.gp11);
    two.enter(MODULE, ROAD.gp11);
    const guest = one.enter(MODULE, ROAD.unmanaged);
    one.becomeGuest(guest);
    one.leave(owner, false);
    assertEquals(one.takeDue(), []);
    dead.add(2);
    one.setCalling(guest, true);
    one.setCalling(guest, false);
    assertEquals(one.takeDue(), []);
    one.leave(guest, false);
    assertEquals(one.takeDue(), [MODULE]);
  });

  it("tell what a caller has left open whose thread has died, and of logins whose callers live", () => {
    const dead = new Set<number>();
    const one = callersOf(1, undefined, dead);
    const two = callersOf(2, one.memory, dead);
    const [mine, other] = [one.register(one.enter(MODULE, ROAD.gp11)), two.register(two.enter(MODULE, ROAD.gp11))];
    other.begin(7n)!.opened(70n);
    other.begin(7n)!.opened(71n);
    other.begin(8n)!.failed();
    other.forget(70n);
    other.holdLogin(7n, ENTRY.login);
    const held = (slot: bigint) => one.hasLogin(slot, [ENTRY.login], mine.place);
    assertEquals([one.hasLeftovers, held(7n), held(8n)], [false, true, false]);
    dead.add(2);
    assertEquals([one.hasLeftovers, held(7n)], [true, false]);
    const [left] = one.leftovers();
    assertEquals(left!.entries.map(({ kind, slot, handle }) => [kind, slot, handle]), [
      [ENTRY.login, 7n, 0n],
      [ENTRY.session, 7n, 71n],
    ]);
    one.endLeftovers(left!.place);
    assertFalse(one.hasLeftovers);
  });

  it("do not wait for a guest, but for his calls", () => {
    const callers = callersOf(1);
    const owner = enterOwner(callers, MODULE, ROAD.unmanaged);
    const guest = callers.enter(MODULE, ROAD.unmanaged);
    callers.becomeGuest(guest);
    callers.setCalling(guest, true);
    callers.leave(owner, false);
    assertEquals(callers.takeDue(), []);
    callers.setCalling(guest, false);
    assertEquals(callers.takeDue(), [MODULE]);
  });

  it("leave the module initialised for one who never finalises", () => {
    const callers = callersOf(1);
    const [first, last] = [enterOwner(callers, MODULE, ROAD.gp11), callers.enter(MODULE, ROAD.gp11)];
    callers.leave(first, false);
    callers.leave(last, true);
    assertEquals(callers.takeDue(), []);
  });

  it("take over from a thread that died when its calls have returned too", () => {
    const [dead, calling] = [new Set<number>(), new Set<bigint>()];
    const one = callersOf(1, undefined, dead, calling);
    const two = callersOf(2, one.memory, dead, calling);
    enterOwner(two, WRAPPER, ROAD.p11Kit);
    // Where nobody writes down which threads make the calls, the marks are at 0.
    calling.add(0n).add(threadMarks());
    assertEquals(one.takeDue(), []);
    dead.add(2);
    assertEquals(one.takeDue(), []);
    calling.clear();
    assertEquals(one.takeDue(), [WRAPPER]);
  });

  it("lend their lock to one at a time, and take it from a thread that died with it", () => {
    const dead = new Set<number>();
    const one = callersOf(1, undefined, dead);
    const two = callersOf(2, one.memory, dead);
    assert(two.tryLock());
    assertFalse(two.tryLock());
    assertFalse(one.tryLock());
    dead.add(2);
    assert(one.tryLock());
    one.unlock();
    assertEquals(one.exclusively(() => one.heldHere), true);
    assertFalse(one.heldHere);
  });

  it("give the lock back when what was done under it fails", () => {
    const callers = callersOf(1);
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

  it("refuse memory that is not their own, and more callers than they have places for", () => {
    const callers = callersOf(1);
    assertThrows(() => callersOf(1, new SharedArrayBuffer(64)), TypeError, "module share");
    const blank = new SharedArrayBuffer(callers.memory.byteLength);
    assertThrows(() => callersOf(1, blank), TypeError, "module share");
    assertThrows(
      () => {
        for (let n = 0; n < 3000; n++) callers.enter(MODULE, ROAD.gp11);
      },
      RangeError,
      "it has 2048 already",
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
