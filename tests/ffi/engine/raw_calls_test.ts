// What a door needs of ./ffi: raw calls on worker threads, attributes read with raw calls, texts of structures.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { after, describe, it } from "node:test";
import {
  AttributeQuery,
  Block,
  CKA,
  CKF,
  CKM,
  CKO,
  CKR,
  Cryptoki,
  nativeAbi,
  nativeRuntime,
  paddedText,
  prepareMechanism,
  RawCalls,
  withoutNuls,
  writeMechanism,
  writeTemplate,
} from "../../../ffi/mod.ts";
import { createToken, softhsmSkip as skip } from "../../_support/softhsm.ts";

const block = () => new Block(nativeRuntime(), nativeAbi(), 4096);

describe("raw calls", { skip }, () => {
  const table = skip === false ? Cryptoki.open(createToken().module) : null!;
  const calls = skip === false ? new RawCalls(table) : null!;

  function openSession(): bigint {
    const memory = block();
    table.call("C_Initialize", 0n);
    // Files that ran before in this process have left their tokens there.
    const room = 256;
    const count = memory.alloc(8);
    memory.setUlong(count, room);
    const slots = memory.alloc(room * 8);
    assertEquals(table.call("C_GetSlotList", 1n, memory.address(slots), memory.address(count)), CKR.OK);
    const handle = memory.alloc(8);
    const flags = BigInt(CKF.SERIAL_SESSION | CKF.RW_SESSION);
    assertEquals(table.call("C_OpenSession", memory.getHandle(slots), flags, 0n, 0n, memory.address(handle)), CKR.OK);
    return memory.getHandle(handle);
  }

  // Other files of this process begin and end the module for themselves.
  after(() => {
    if (skip === false) table.call("C_Finalize", 0n);
  });

  it("are made on a worker thread, with memory that is theirs, in the order of their session", async () => {
    const session = openSession();
    const made: Promise<number>[] = [];
    const digests: (() => Uint8Array)[] = [];
    for (let index = 0; index < 4; index++) {
      const memory = block();
      const mechanism = writeMechanism(memory, prepareMechanism({ type: CKM.SHA256 }));
      made.push(calls.call("C_DigestInit", [session, memory.address(mechanism.offset)], memory, { session }));
      const room = memory.alloc(32);
      const length = memory.alloc(8);
      memory.setUlong(length, 32);
      const data = memory.putBytes(Uint8Array.of(1, 2, 3));
      const words = [session, memory.address(data), 3n, memory.address(room), memory.address(length)];
      made.push(calls.call("C_Digest", words, memory, { session }));
      digests.push(() => memory.copyOut(room, 32));
    }
    calls.finish(session);
    // All of them have returned by now: the session is free for a call in place.
    const memory = block();
    const mechanism = writeMechanism(memory, prepareMechanism(CKM.SHA256));
    assertEquals(table.call("C_DigestInit", session, memory.address(mechanism.offset)), CKR.OK);
    assertEquals(new Set(await Promise.all(made)), new Set([CKR.OK]));
    const [first] = digests.map((digest) => digest().join());
    assert(digests.every((digest) => digest().join() === first));
    assertEquals(await calls.call("C_GetSessionInfo", [0n, 0n], null), CKR.SESSION_HANDLE_INVALID);
    await assertRejects(() => calls.call("C_GetSessionInfo", [0n], null), TypeError, "it takes 2 arguments, got 1");
    if (!table.has("C_SessionCancel")) {
      assertEquals(await calls.call("C_SessionCancel", [session, 0n], null), CKR.FUNCTION_NOT_SUPPORTED);
    }
  });

  it("read attributes in two calls, and believe no length that cannot be", () => {
    const session = openSession();
    const memory = block();
    const entries = [
      { type: CKA.CLASS, value: CKO.DATA },
      { type: CKA.PRIVATE, value: false },
      { type: CKA.LABEL, value: "label" },
      { type: CKA.VALUE, value: null },
    ];
    const object = memory.alloc(8);
    const template = memory.address(writeTemplate(memory, entries));
    assertEquals(table.call("C_CreateObject", session, template, 4n, memory.address(object)), CKR.OK);
    const query = new AttributeQuery(memory, [CKA.LABEL, CKA.VALUE]);
    const read = () => table.call("C_GetAttributeValue", session, memory.getHandle(object), ...query.words());
    assertEquals([read(), query.value(0)], [CKR.OK, undefined]);
    query.makeRoom();
    assertEquals(read(), CKR.OK);
    assertEquals([query.value(0), query.value(1)], [new TextEncoder().encode("label"), new Uint8Array(0)]);
    const lying = new AttributeQuery(memory, [CKA.LABEL]);
    const [address] = lying.words();
    memory.setUlong(Number(address - memory.base) + 16, 2n ** 40n);
    assertThrows(() => lying.makeRoom(), RangeError, `room for ${2 ** 40} bytes`);
    memory.setUlong(Number(address - memory.base) + 16, 4);
    lying.makeRoom();
    memory.setUlong(Number(address - memory.base) + 16, 5);
    assertThrows(() => lying.value(0), RangeError, "5 bytes where 4 had room");
  });
});

describe("texts of structures", () => {
  it("are without the blanks they are padded with", () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    assertEquals(paddedText(bytes("a b   ")), "a b");
    assertEquals(paddedText(bytes("\0 b   ")), "");
    assertEquals(withoutNuls(paddedText(bytes("a \0\0"))), "a");
  });
});
