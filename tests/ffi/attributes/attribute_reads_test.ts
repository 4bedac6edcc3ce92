import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ReadPlan } from "../../../ffi/attributes/read_plan.ts";
import {
  type AttributeKind,
  isReadOutcome,
  type ReadAttribute,
  type ReadRequest,
} from "../../../ffi/attributes/attribute.ts";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKR } from "../../../ffi/constants/ckr.ts";
import { unavailableInformation } from "../../../ffi/constants/parameters.ts";
import type { Block } from "../../../ffi/memory/block.ts";
import type { Abi } from "../../../ffi/runtime/native.ts";
import { setPointer, structLayout } from "../../../ffi/memory/structs.ts";
import { CK_ATTRIBUTE } from "../../../ffi/memory/structs_infos.ts";
import { abis, usedBlock } from "../../_support/native_block.ts";

type Stored = Uint8Array | "sensitive" | [type: number, value: Uint8Array][];

/** What modules do otherwise than the standard says. */
interface Habits {
  tellsLength?: boolean;
  stopsEarly?: boolean;
  overflows?: boolean;
  /** Leaves ulValueLen as it was where the value fits. */
  leavesLength?: boolean;
  /** Sets pValue of what an object lacks to NULL. */
  clearsPointer?: boolean;
  /** Finds more room than a number needs too small. */
  wantsExactNumbers?: boolean;
  /** Says CKR_OK and writes nothing, for so many calls. */
  writesNothing?: number;
  /** Fails altogether where this attribute is asked for. */
  fails?: number;
}

/** C_GetAttributeValue of a made-up object, as the standard tells it, counting its calls. */
class TestObject {
  calls = 0;
  readonly #stored: ReadonlyMap<number, Stored>;
  readonly #tellsLength: boolean;
  readonly #stopsEarly: boolean;
  readonly #overflows: boolean;
  readonly #habits: Habits;

  constructor(stored: [number, Stored][], habits: Habits = {}) {
    this.#habits = habits;
    this.#stored = new Map(stored);
    this.#tellsLength = habits.tellsLength ?? false;
    this.#stopsEarly = habits.stopsEarly ?? false;
    this.#overflows = habits.overflows ?? false;
  }

  getAttributeValue(block: Block, offset: number, count: number): number {
    const { size, offsets } = structLayout(CK_ATTRIBUTE, block.abi);
    if (this.calls++ < (this.#habits.writesNothing ?? 0)) return CKR.OK;
    let result: number = CKR.OK;
    for (let at = offset; at < offset + count * size; at += size) {
      if (block.getUlong(at + offsets.type) === this.#habits.fails) return CKR.GENERAL_ERROR;
    }
    for (let at = offset; at < offset + count * size; at += size) {
      const stored = this.#stored.get(Number(block.getUlong(at + offsets.type)));
      const rv = this.#fill(block, at, stored);
      if (rv !== CKR.OK) result = rv;
      if (rv !== CKR.OK && this.#stopsEarly) return rv;
    }
    return result;
  }

  #fill(block: Block, at: number, stored: Stored | undefined): number {
    const { offsets } = structLayout(CK_ATTRIBUTE, block.abi);
    const setLength = (length: number | bigint) => block.setUlong(at + offsets.ulValueLen, length);
    const unavailable = unavailableInformation(block.abi.ulong);
    if (stored === undefined || stored === "sensitive") {
      setLength(unavailable);
      if (this.#habits.clearsPointer) setPointer(block, at + offsets.pValue, 0n);
      return stored ? CKR.ATTRIBUTE_SENSITIVE : CKR.ATTRIBUTE_TYPE_INVALID;
    }
    const pointer = block.getPointer(at + offsets.pValue);
    const length = Array.isArray(stored) ? stored.length * structLayout(CK_ATTRIBUTE, block.abi).size : stored.length;
    const room = Number(block.getUlong(at + offsets.ulValueLen));
    if (pointer !== 0n && this.#habits.wantsExactNumbers && length === block.abi.ulong && room !== length) {
      setLength(unavailable);
      return CKR.BUFFER_TOO_SMALL;
    }
    if (pointer !== 0n && room < length && this.#overflows) {
      throw new Error(`Cannot write ${length} bytes where only ${room} were reserved`);
    }
    if (pointer !== 0n && room < length) {
      setLength(this.#tellsLength ? length : unavailable);
      return CKR.BUFFER_TOO_SMALL;
    }
    if (pointer === 0n || !this.#habits.leavesLength) setLength(length);
    if (pointer === 0n) return CKR.OK;
    const value = Number(pointer - block.base);
    if (Array.isArray(stored)) this.#fillNested(block, value, stored);
    else block.bytesAt(value, length).set(stored);
    return CKR.OK;
  }

  #fillNested(block: Block, start: number, stored: [type: number, value: Uint8Array][]): void {
    const { size, offsets } = structLayout(CK_ATTRIBUTE, block.abi);
    stored.forEach(([type, value], index) => {
      const at = start + index * size;
      block.setUlong(at + offsets.type, type);
      block.setUlong(at + offsets.ulValueLen, value.length);
      const pointer = block.getPointer(at + offsets.pValue);
      if (pointer !== 0n) block.bytesAt(Number(pointer - block.base), value.length).set(value);
    });
  }
}

function request(type: number, kind: AttributeKind, size = 8, secret = false): ReadRequest {
  return { type, kind, size, secret };
}

const kinds = new Map<number, AttributeKind>([[CKA.EXTRACTABLE, "boolean"], [CKA.LABEL, "string"]]);
const describeType = (type: number) => request(type, kinds.get(type) ?? "bytes");

function read(object: TestObject, requests: ReadRequest[], abi: Abi = abis.lp64, cautious = false): ReadAttribute[] {
  const guessing = new ReadPlan(requests, describeType);
  const block = usedBlock(abi, 65536);
  const plan = cautious ? guessing.cautious : guessing;
  return readPrepared(object, block, plan, plan.prepare(block));
}

function readPrepared(object: TestObject, block: Block, plan: ReadPlan, offset: number): ReadAttribute[] {
  const rv = object.getAttributeValue(block, offset, plan.requests.length);
  const collected = plan.collect(block, offset, rv);
  if (collected) return collected;
  const completion = plan.complete(block, offset, rv);
  let step = completion.next(rv);
  while (!step.done) step = completion.next(object.getAttributeValue(block, step.value.offset, step.value.count));
  return step.value;
}

function readOne(value: Stored | undefined, kind: AttributeKind, size = 8, abi: Abi = abis.lp64): ReadAttribute {
  const object = new TestObject(value === undefined ? [] : [[1, value]]);
  return read(object, [request(1, kind, size)], abi)[0]!;
}

const text = (value: string) => new TextEncoder().encode(value);

describe("reading attributes", () => {
  it("takes one call when the buffers were guessed large enough", () => {
    const object = new TestObject([[CKA.LABEL, text("key")], [CKA.ID, Uint8Array.of(1, 2)], [
      CKA.TOKEN,
      Uint8Array.of(1),
    ]]);
    const values = read(object, [
      request(CKA.LABEL, "string", 64),
      request(CKA.ID, "bytes", 64),
      request(CKA.TOKEN, "boolean"),
    ]);
    assertEquals(values, [
      { type: CKA.LABEL, state: "ok", value: "key" },
      { type: CKA.ID, state: "ok", value: Uint8Array.of(1, 2) },
      { type: CKA.TOKEN, state: "ok", value: true },
    ]);
    assertEquals(object.calls, 1);
  });

  it("uses a template again for the next object", () => {
    const block = usedBlock(abis.lp64);
    const plan = new ReadPlan([request(CKA.LABEL, "string", 64), request(CKA.ID, "bytes", 64)], describeType);
    const offset = plan.prepare(block);
    for (const label of ["first", "second one", ""]) {
      const object = new TestObject([[CKA.LABEL, text(label)], [CKA.ID, text(label)]]);
      plan.write(block, offset);
      const values = plan.collect(block, offset, object.getAttributeValue(block, offset, 2));
      assertEquals(values?.map(({ value }) => value), [label, text(label)]);
    }
  });

  for (const tellsLength of [false, true]) {
    it(`reads a longer value again, a module that ${tellsLength ? "tells" : "keeps"} its length`, () => {
      const long = new Uint8Array(5000).map((_, index) => index);
      const object = new TestObject([[CKA.VALUE, long], [CKA.LABEL, text("short")]], { tellsLength });
      const values = read(object, [request(CKA.VALUE, "bytes", 16), request(CKA.LABEL, "string", 16)]);
      assertEquals(values.map(({ state, value }) => [state, value]), [["ok", long], ["ok", "short"]]);
      assertEquals(object.calls, tellsLength ? 2 : 3);
    });
  }

  it("never gives a module that overflows buffers one that is too small", () => {
    const object = new TestObject([
      [CKA.TOKEN, Uint8Array.of(1)],
      [CKA.CLASS, new Uint8Array(8)],
      [CKA.VALUE, new Uint8Array(500)],
      [CKA.ID, new Uint8Array(0)],
      [CKA.LABEL, text("label")],
      [CKA.PRIME_1, "sensitive"],
    ], { overflows: true });
    const requests = [
      request(CKA.TOKEN, "boolean"),
      request(CKA.CLASS, "ulong"),
      request(CKA.VALUE, "bytes", 16, true),
      request(CKA.ID, "bytes", 16),
      request(CKA.LABEL, "string", 16),
      request(CKA.PRIME_1, "bytes", 16, true),
      request(CKA.URL, "string", 16),
    ];
    const values = read(object, requests.slice(0, 5), abis.lp64, true);
    assertEquals(values.map(({ state }) => state), ["ok", "ok", "ok", "empty", "ok"]);
    assertEquals([values[2]?.value, values[4]?.value, object.calls], [new Uint8Array(500), "label", 2]);
    const states = read(object, requests, abis.lp64, true).map(({ state }) => state);
    assertEquals(states, ["ok", "ok", "ok", "empty", "ok", "sensitive", "invalid"]);
  });

  it("has one cautious plan for each plan", () => {
    const plan = new ReadPlan([request(CKA.LABEL, "string", 16)], describeType);
    assert(plan.cautious === plan.cautious && plan.cautious !== plan);
    assert(plan.cautious.cautious === plan.cautious);
  });

  it("tells sensitive attributes from missing ones, whatever the one return value said", () => {
    const object = new TestObject([[CKA.VALUE, "sensitive"], [CKA.LABEL, text("key")]]);
    const requests = [
      request(CKA.VALUE, "bytes", 16, true),
      request(CKA.LABEL, "string", 16),
      request(CKA.PRIME_1, "bytes", 16, true),
      request(CKA.URL, "string", 16),
    ];
    const states = (order: number[]) => read(object, order.map((index) => requests[index]!)).map(({ state }) => state);
    assertEquals(states([0, 1, 2, 3]), ["sensitive", "ok", "invalid", "invalid"]);
    assertEquals(states([3, 2, 1, 0]), ["invalid", "invalid", "ok", "sensitive"]);
  });

  it("takes no value that did not fit for a missing one, though another attribute is sensitive", () => {
    const object = new TestObject([[CKA.LABEL, text("longer than guessed")], [CKA.VALUE, "sensitive"]]);
    const requests = [
      request(CKA.LABEL, "string", 0),
      request(CKA.VALUE, "bytes", 16, true),
      request(CKA.URL, "string", 16),
      request(CKA.TOKEN, "boolean"),
    ];
    const values = read(object, requests);
    assertEquals(values.map(({ state }) => state), ["ok", "sensitive", "invalid", "invalid"]);
    assertEquals([values[0]?.value, object.calls], ["longer than guessed", 4]);
  });

  it("needs no further call when only one attribute can be meant", () => {
    const sensitive = new TestObject([[CKA.VALUE, "sensitive"], [CKA.LABEL, text("key")]]);
    const values = read(sensitive, [request(CKA.VALUE, "bytes", 16, true), request(CKA.LABEL, "string", 16)]);
    assertEquals([values.map(({ state }) => state), sensitive.calls], [["sensitive", "ok"], 1]);
    const missing = new TestObject([[CKA.LABEL, text("key")]]);
    const others = read(missing, [request(CKA.URL, "string", 16), request(CKA.LABEL, "string", 16)]);
    assertEquals([others.map(({ state }) => state), missing.calls], [["invalid", "ok"], 1]);
  });

  it("reads what a module passed over after the first attribute it could not give", () => {
    const object = new TestObject([[CKA.LABEL, text("key")], [CKA.TOKEN, Uint8Array.of(1)]], { stopsEarly: true });
    const values = read(object, [
      request(CKA.URL, "string", 16),
      request(CKA.LABEL, "string", 16),
      request(CKA.TOKEN, "boolean"),
    ]);
    assertEquals(values.map(({ state, value }) => [state, value]), [["invalid", undefined], ["ok", "key"], [
      "ok",
      true,
    ]]);
  });

  for (const [name, abi] of [["8", abis.lp64], ["4", abis.windows]] as const) {
    it(`reads nested templates: CK_ULONG of ${name} bytes`, () => {
      const object = new TestObject([
        [CKA.WRAP_TEMPLATE, [[CKA.EXTRACTABLE, Uint8Array.of(1)], [CKA.LABEL, text("inner")]]],
        [CKA.LABEL, text("outer")],
      ]);
      const values = read(object, [request(CKA.WRAP_TEMPLATE, "template", 0), request(CKA.LABEL, "string")], abi);
      assertEquals(values, [
        {
          type: CKA.WRAP_TEMPLATE,
          state: "ok",
          value: [
            { type: CKA.EXTRACTABLE, state: "ok", value: true },
            { type: CKA.LABEL, state: "ok", value: "inner" },
          ],
        },
        { type: CKA.LABEL, state: "ok", value: "outer" },
      ]);
    });
  }

  it("takes a length that equals the room for no answer: modules leave it as it was", () => {
    const object = new TestObject([
      [CKA.LABEL, text("TEST LABEL")],
      [CKA.CLASS, new Uint8Array(8)],
      [CKA.TOKEN, Uint8Array.of(1)],
      [CKA.VALUE, Uint8Array.of(1, 2, 3)],
    ], { leavesLength: true });
    const requests = [
      request(CKA.LABEL, "string", 128),
      request(CKA.CLASS, "ulong"),
      request(CKA.TOKEN, "boolean"),
      request(CKA.VALUE, "bytes", 2048, true),
    ];
    assertEquals(read(object, requests).map(({ value }) => value), ["TEST LABEL", 0, true, Uint8Array.of(1, 2, 3)]);
    assertEquals(object.calls, 3);
  });

  it("gives no object the value of the one before it", () => {
    const block = usedBlock(abis.lp64, 65536);
    const plan = new ReadPlan([request(CKA.MODULUS, "bytes", 64), request(CKA.KEY_TYPE, "ulong")], describeType);
    const offset = plan.prepare(block);
    const mark = block.mark();
    const modulus = (fill: number) => new Uint8Array(40).fill(fill);
    const keyType = new Uint8Array(8).fill(3);
    for (const habits of [{ clearsPointer: true }, { leavesLength: true }, { writesNothing: 1 }]) {
      for (const stored of [modulus(1), undefined, modulus(2), modulus(3)]) {
        const object = new TestObject(
          [[CKA.KEY_TYPE, keyType], ...(stored ? [[CKA.MODULUS, stored]] as const : [])]
            .map(([type, value]) => [type, value] as [number, Uint8Array]),
          habits,
        );
        plan.write(block, offset);
        const [found, type] = readPrepared(object, block, plan, offset);
        assertEquals([found!.value, found!.state], [stored, stored ? "ok" : "invalid"]);
        assertEquals(type!.value, 0x303030303030303n);
        block.rewind(mark);
      }
    }
  });

  it("offers numbers exactly their size, whatever else is missing", () => {
    const object = new TestObject([[CKA.CLASS, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0)], [CKA.ID, Uint8Array.of(1)]], {
      wantsExactNumbers: true,
    });
    const values = read(object, [
      request(CKA.CLASS, "ulong"),
      request(CKA.MODULUS, "bytes", 64),
      request(CKA.ID, "bytes", 64),
    ]);
    assertEquals(values.map(({ value, state }) => [state, value]), [["ok", 3], ["invalid", undefined], [
      "ok",
      Uint8Array.of(1),
    ]]);
    assertEquals(object.calls, 1);
  });

  it("believes no value that was never written, and one that looks like it only when it was read again", () => {
    const marks = new Uint8Array(16).fill(0xa5);
    const likeTheMark = new TestObject([[CKA.VALUE, marks], [CKA.TOKEN, Uint8Array.of(0xa5)]]);
    const requests = [request(CKA.VALUE, "bytes", 64), request(CKA.TOKEN, "boolean")];
    assertEquals(read(likeTheMark, requests).map(({ value }) => value), [marks, true]);
    const silent = new TestObject([[CKA.TOKEN, Uint8Array.of(1)]], { writesNothing: Infinity });
    assertEquals(read(silent, requests.slice(1))[0]?.state, "error");
  });

  it("reads the other attributes where one fails the whole call", () => {
    const object = new TestObject([[CKA.LABEL, text("dated")], [CKA.START_DATE, text("20240229")], [
      CKA.TOKEN,
      Uint8Array.of(1),
    ]], { fails: CKA.START_DATE });
    const requests = [
      request(CKA.START_DATE, "date"),
      request(CKA.LABEL, "string", 16),
      request(CKA.TOKEN, "boolean"),
      request(CKA.URL, "string", 16),
    ];
    assertEquals(read(object, requests).map(({ state, value, failure }) => [state, value, failure]), [
      ["error", undefined, CKR.GENERAL_ERROR],
      ["ok", "dated", undefined],
      ["ok", true, undefined],
      ["invalid", undefined, undefined],
    ]);
  });

  it("makes no room for lengths that cannot be, of one value or of all together", () => {
    class Boaster extends TestObject {
      override getAttributeValue(block: Block, offset: number, count: number): number {
        super.getAttributeValue(block, offset, count);
        const { size, offsets } = structLayout(CK_ATTRIBUTE, block.abi);
        for (let at = offset; at < offset + count * size; at += size) {
          block.setUlong(at + offsets.ulValueLen, this.named);
        }
        return CKR.OK;
      }
      named = 0x7fff_ffff;
    }
    const object = new Boaster([]);
    const many = Array.from({ length: 20 }, (_, index) => request(CKA.VALUE + 1000 + index, "bytes", 16));
    assertEquals(read(object, many).map(({ state }) => state), many.map(() => "error"));
    object.named = 2 ** 25;
    const fewer = read(object, many);
    // Two of them fit into what an object may have; nothing of it was written.
    assertEquals(fewer.map(({ state }) => state), many.map(() => "error"));
    assert(String(fewer[5]!.failure).includes(`${2 ** 25} bytes`));
  });

  it("knows empty templates and missing ones", () => {
    assertEquals(readOne([], "template", 0), { type: 1, state: "empty", value: [] });
    assertEquals(readOne(undefined, "template", 0).state, "invalid");
    assertEquals(readOne("sensitive", "template", 0).state, "sensitive");
  });

  it("accepts the four return values that fill the template, and no other", () => {
    assertEquals(
      [CKR.OK, CKR.ATTRIBUTE_SENSITIVE, CKR.ATTRIBUTE_TYPE_INVALID, CKR.BUFFER_TOO_SMALL].map(isReadOutcome),
      [
        true,
        true,
        true,
        true,
      ],
    );
    assertEquals([CKR.OBJECT_HANDLE_INVALID, CKR.GENERAL_ERROR].map(isReadOutcome), [false, false]);
  });
});

describe("what bytes mean", () => {
  const ulong = (value: bigint) => new Uint8Array(new BigUint64Array([value]).buffer);

  it("numbers are numbers when that loses nothing, else bigints", () => {
    assertEquals(readOne(ulong(2n ** 53n - 1n), "ulong").value, Number.MAX_SAFE_INTEGER);
    assertEquals(readOne(ulong(2n ** 53n), "ulong").value, 2n ** 53n);
  });

  it("CK_UNAVAILABLE_INFORMATION is no number", () => {
    assertEquals(readOne(ulong(2n ** 64n - 1n), "ulong"), { type: 1, state: "empty", value: undefined });
    const wide = readOne(Uint8Array.of(255, 255, 255, 255), "ulong", 8, abis.windows);
    assertEquals(wide, { type: 1, state: "empty", value: undefined });
  });

  it("numbers may be narrower or wider than the module's CK_ULONG", () => {
    assertEquals(readOne(ulong(2n ** 60n + 1n), "ulong", 8, abis.windows).value, 2n ** 60n + 1n);
    assertEquals(readOne(Uint8Array.of(3, 1, 0, 0), "ulong").value, 0x103);
  });

  it("what no value of the kind can be is an error that says so", () => {
    const failure = (length: number, kind: AttributeKind, abi: Abi = abis.lp64) => {
      const read = readOne(new Uint8Array(length).fill(1), kind, 16, abi);
      assertEquals([read.state, read.value], ["error", undefined]);
      return read.failure;
    };
    for (const length of [1, 2, 3, 5, 6, 7, 9, 16]) {
      assertEquals(failure(length, "ulong"), `its ${length} bytes are no CK_ULONG`);
    }
    for (const length of [2, 4, 8]) assertEquals(failure(length, "boolean"), `its ${length} bytes are no CK_BBOOL`);
    for (const length of [1, 3]) assertEquals(failure(length, "version"), `its ${length} bytes are no CK_VERSION`);
    assertEquals(failure(12, "ulongs"), "its 12 bytes are no array of CK_ULONG");
    assertEquals(failure(6, "ulongs", abis.windows), "its 6 bytes are no array of CK_ULONG");
    assertEquals(failure(7, "date"), "its bytes are no CK_DATE");
  });

  it("every kind has its value", () => {
    assertEquals(readOne(Uint8Array.of(0), "boolean").value, false);
    assertEquals(readOne(text("dürfen"), "string").value, "dürfen");
    assertEquals(readOne(text("long ".repeat(30)), "string", 256).value, "long ".repeat(30));
    assertEquals(readOne(Uint8Array.of(0xff, 0x41), "string").value, "\ufffdA");
    assertEquals(readOne(text("20260310"), "date").value, new Date("2026-03-10T00:00:00Z"));
    assertEquals(readOne(text("2026XX10"), "date").state, "error");
    assertEquals(readOne(text("\ufefflabel"), "string", 64).value, "\ufefflabel");
    assertEquals(readOne(text("\ufeff".repeat(20)), "string", 64).value, "\ufeff".repeat(20));
    assertEquals(readOne(Uint8Array.of(3, 2), "version").value, { major: 3, minor: 2 });
    assertEquals(readOne(Uint8Array.of(...ulong(1n), ...ulong(0x1087n)), "ulongs", 64).value, [1, 0x1087]);
  });

  it("nothing at all is an empty value where there is one", () => {
    const nothing = new Uint8Array(0);
    assertEquals(readOne(nothing, "string"), { type: 1, state: "empty", value: "" });
    assertEquals(readOne(nothing, "bytes"), { type: 1, state: "empty", value: nothing });
    assertEquals(readOne(nothing, "ulongs"), { type: 1, state: "empty", value: [] });
    assertEquals(readOne(nothing, "date"), { type: 1, state: "empty", value: undefined });
  });
});
