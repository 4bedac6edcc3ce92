import { assert, assertEquals, assertFalse, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "node:test";
import { BlockCopy, CopiedAttributes } from "../../../ffi/attributes/attribute_copy.ts";
import { ReadPlan } from "../../../ffi/attributes/read_plan.ts";
import type { ReadRequest } from "../../../ffi/attributes/attribute.ts";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKR } from "../../../ffi/constants/ckr.ts";
import { unavailableInformation } from "../../../ffi/constants/parameters.ts";
import type { Block } from "../../../ffi/memory/block.ts";
import { getPointer } from "../../../ffi/memory/structs.ts";
import { attributeLayout } from "../../../ffi/memory/templates.ts";
import { Attributes, attributesOf } from "../../../session/attributes/attributes.ts";
import { abis, usedBlock } from "../../_support/native_block.ts";

const requests: readonly ReadRequest[] = [
  { type: CKA.LABEL, kind: "string", size: 128, secret: false },
  { type: CKA.CLASS, kind: "ulong", size: 8, secret: false },
  { type: CKA.VALUE, kind: "bytes", size: 256, secret: true },
  { type: CKA.EXTRACTABLE, kind: "boolean", size: 1, secret: false },
  { type: CKA.WRAP_TEMPLATE, kind: "template", size: 8, secret: false },
  { type: CKA.ALLOWED_MECHANISMS, kind: "ulongs", size: 64, secret: false },
];
const plan = new ReadPlan(requests, () => requests[2]!);
const nothing = new Uint8Array(0);

/** What C would leave; `null` for an attribute it does not give. */
function fill(block: Block, template: number, values: readonly (Uint8Array | null)[]): void {
  const { size, offsets } = attributeLayout(block.abi);
  values.forEach((value, index) => {
    const at = template + index * size;
    // Where pointers have 32 bits they are cut off here, the distance from the block's start is not.
    const pointer = Number(BigInt.asUintN(32, getPointer(block, at + offsets.pValue) - block.base));
    if (value && value.length > 0) block.bytes.set(value, pointer);
    block.setUlong(at + offsets.ulValueLen, value ? value.length : unavailableInformation(block.abi.ulong));
  });
}

function values(ulong: 4 | 8, label: string, value: Uint8Array): Uint8Array[] {
  const number = new Uint8Array(ulong);
  number[0] = 3;
  return [new TextEncoder().encode(label), number, value, Uint8Array.of(1), nothing, number];
}

describe("attributes copied to be decoded later", () => {
  for (const [name, abi] of Object.entries(abis)) {
    it(`read like those decoded at once: ${name}`, () => {
      const block = usedBlock(abi, 0x8000);
      const first = block.alloc(8) + 8;
      const templates = Array.from({ length: 20 }, () => plan.prepare(block));
      templates.forEach((template, i) => {
        const value = new Uint8Array(i % 3 === 0 ? 200 : i).fill(i);
        fill(block, template, values(abi.ulong, i % 2 === 0 ? `label ${i}` : "ü".repeat(i), value));
      });
      const collected = templates.map((template) => plan.collect(block, template, CKR.OK)!);
      const copy = new BlockCopy(block, first, block.used - first);
      block.clear();
      templates.forEach((template, i) => {
        const copied = new CopiedAttributes(plan, copy, template - first);
        assertEquals(copied.find(CKA.LABEL), collected[i]![0]!);
        assertEquals(copied.all(), collected[i]!);
        assertEquals(copied.find(CKA.ID), undefined);
      });
    });
  }

  it("give the same array each time, and one that no other object shares", () => {
    const block = usedBlock(abis.lp64, 8192);
    const templates = [1, 2].map(() => plan.prepare(block));
    templates.forEach((template, i) => fill(block, template, values(8, "key", new Uint8Array(3).fill(i + 1))));
    const copy = new BlockCopy(block, 0, block.used);
    const read = templates.map((template) => attributesOf(new CopiedAttributes(plan, copy, template)));
    const [first, second] = read.map((attributes) => attributes.get("value")!);
    assertStrictEquals(read[0]!.get("value"), first);
    assertNotStrictEquals(first!.buffer, second!.buffer);
    assertEquals(first!.buffer.byteLength, 3);
    first!.fill(9);
    assertEquals(second, Uint8Array.of(2, 2, 2));
    assertEquals(read[0]!.get("label"), "key");
    assertEquals(read[0]!.pick(["value"]).value, Uint8Array.of(9, 9, 9));
    assertEquals([...read[1]!].map(({ name, state }) => [name, state]), [
      ["label", "ok"],
      ["class", "ok"],
      ["value", "ok"],
      ["extractable", "ok"],
      ["wrapTemplate", "empty"],
      ["allowedMechanisms", "ok"],
    ]);
    assert(read[0]!.get("wrapTemplate") instanceof Attributes);
    assertEquals(structuredClone(read[1]!.get("allowedMechanisms")), [3]);
  });

  it("leave nothing of what may be secret behind once it was looked at", () => {
    const block = usedBlock(abis.lp64, 8192);
    const lengths = [40, 200];
    const templates = lengths.map(() => plan.prepare(block));
    templates.forEach((template, i) => fill(block, template, values(8, "key", new Uint8Array(lengths[i]!).fill(0x77))));
    const copy = new BlockCopy(block, 0, block.used);
    const read = templates.map((template) => attributesOf(new CopiedAttributes(plan, copy, template)));
    const left = () => copy.bytes.filter((byte) => byte === 0x77).length;
    assertEquals(left(), 240);
    assertEquals(read[0]!.get("value"), new Uint8Array(40).fill(0x77));
    assertEquals(left(), 200);
    assertEquals([...read[1]!][2]!.value, new Uint8Array(200).fill(0x77));
    assertEquals(left(), 0);
    assertEquals(read.map((attributes) => attributes.get("value")!.length), lengths);
  });

  it("are left to further calls where one has not settled all of them", () => {
    const block = usedBlock(abis.lp64, 8192);
    const template = plan.prepare(block);
    const complete = values(8, "key", new Uint8Array(4));
    fill(block, template, complete);
    assert(plan.isComplete(block, template));
    fill(block, template, complete.map((value, index) => index === 2 ? null : value));
    assertFalse(plan.isComplete(block, template));
    // A nested template that is not empty takes calls of its own.
    fill(block, template, complete);
    const { size, offsets } = attributeLayout(block.abi);
    block.setUlong(template + 4 * size + offsets.ulValueLen, size);
    assertFalse(plan.isComplete(block, template));
    assertEquals(plan.fitted(block, [template]), null);
  });

  it("are read into less room once it is known how long they are", () => {
    const block = usedBlock(abis.lp64, 0x8000);
    const templates = [100, 20].map(() => plan.prepare(block));
    templates.forEach((template, i) => fill(block, template, values(8, "key", new Uint8Array([100, 20][i]!))));
    const fitted = plan.fitted(block, templates)!;
    assertEquals(fitted.requests.map(({ type, size }) => [type, size]), [
      [CKA.LABEL, 32],
      [CKA.CLASS, 8],
      [CKA.VALUE, 150],
      [CKA.EXTRACTABLE, 1],
      [CKA.WRAP_TEMPLATE, 8],
      [CKA.ALLOWED_MECHANISMS, 32],
    ]);
    assertEquals(plan.cautious.fitted(block, templates), null);
  });
});
