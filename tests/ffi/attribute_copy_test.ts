import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "node:test";
import { AttributeCopier, type CopiedAttributes } from "../../ffi/attribute_copy.ts";
import { type ReadAttribute, ReadPlan, type ReadRequest } from "../../ffi/attribute_reads.ts";
import { CKA } from "../../ffi/constants/cka.ts";
import { CKR } from "../../ffi/constants/ckr.ts";
import { unavailableInformation } from "../../ffi/constants/values.ts";
import type { Block } from "../../ffi/memory.ts";
import { getPointer } from "../../ffi/structs.ts";
import { attributeLayout } from "../../ffi/templates.ts";
import { Attributes } from "../../session/attributes.ts";
import { abis, usedBlock } from "../_support/native_block.ts";

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
      const block = usedBlock(abi, 8192);
      const template = plan.prepare(block);
      const copier = new AttributeCopier(plan);
      const copies: CopiedAttributes[] = [];
      const collected: ReadAttribute[][] = [];
      for (let i = 0; i < 40; i++) {
        const value = new Uint8Array(i % 3 === 0 ? 200 : i).fill(i);
        fill(block, template, values(abi.ulong, i % 2 === 0 ? `label ${i}` : "ü".repeat(i), value));
        collected.push(plan.collect(block, template, CKR.OK)!);
        copies.push(copier.copy(block, template, 39 - i)!);
        plan.rearm(block, template);
      }
      block.clear();
      copies.forEach((copy, i) => {
        assertEquals(copy.all(), collected[i]!);
        const label = copy.find(CKA.LABEL);
        assertEquals(label, collected[i]![0]!);
        assertEquals(copy.find(CKA.ID), undefined);
      });
    });
  }

  it("give the same array each time, and one that no other object shares", () => {
    const block = usedBlock(abis.lp64, 8192);
    const template = plan.prepare(block);
    const copier = new AttributeCopier(plan);
    const read = [1, 2].map((n, i) => {
      plan.rearm(block, template);
      fill(block, template, values(8, "key", Uint8Array.of(n, n, n)));
      return new Attributes(copier.copy(block, template, 1 - i)!);
    });
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

  it("are left to further calls where one has not settled all of them", () => {
    const block = usedBlock(abis.lp64, 8192);
    const template = plan.prepare(block);
    const [label, number, value, yes, none, list] = values(8, "key", new Uint8Array(4));
    for (
      const left of [[label!, number!, null, yes!, none!, list!], [label!, number!, value!, yes!, number!, list!]]
    ) {
      fill(block, template, [...left.slice(0, 4), null, left[5]!]);
      const { size, offsets } = attributeLayout(block.abi);
      if (left[4] !== none) block.setUlong(template + 4 * size + offsets.ulValueLen, 8);
      assertEquals(new AttributeCopier(plan).copy(block, template, 0), null);
    }
  });
});
