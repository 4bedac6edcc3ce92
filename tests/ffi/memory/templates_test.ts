import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { CKA } from "../../../ffi/constants/cka.ts";
import type { Block } from "../../../ffi/memory/block.ts";
import { readStruct, structLayout } from "../../../ffi/memory/structs.ts";
import { CK_ATTRIBUTE } from "../../../ffi/memory/structs_infos.ts";
import {
  ckDate,
  type TemplateEntry,
  type TemplateValue,
  writeTemplate,
  writeUlongs,
} from "../../../ffi/memory/templates.ts";
import { abis, pointedTo, usedBlock } from "../../_support/native_block.ts";

/** The attributes C would see at an offset: type and bytes. */
function seen(block: Block, offset: number, count: number): [type: number, value: Uint8Array][] {
  const { size } = structLayout(CK_ATTRIBUTE, block.abi);
  return Array.from({ length: count }, (_, index) => {
    const { type, pValue, ulValueLen } = readStruct(block, CK_ATTRIBUTE, offset + index * size);
    return [Number(type), pointedTo(block, pValue, Number(ulValueLen))];
  });
}

function bytesOf(value: TemplateValue, abi = abis.lp64 as { ulong: 4 | 8; packed: boolean }): number[] {
  const block = usedBlock(abi);
  const [[, bytes]] = seen(block, writeTemplate(block, [{ type: 1, value }]), 1) as [[number, Uint8Array]];
  return Array.from(bytes);
}

describe("a template", () => {
  it("writes each value as C expects it", () => {
    assertEquals(bytesOf(true), [1]);
    assertEquals(bytesOf(false), [0]);
    assertEquals(bytesOf(0x1f), [0x1f, 0, 0, 0, 0, 0, 0, 0]);
    assertEquals(bytesOf(2n ** 64n - 1n), Array(8).fill(0xff));
    assertEquals(bytesOf("key"), [0x6b, 0x65, 0x79]);
    assertEquals(bytesOf("clé"), [0x63, 0x6c, 0xc3, 0xa9]);
    assertEquals(bytesOf(""), []);
    assertEquals(bytesOf(Uint8Array.of(4, 5)), [4, 5]);
    assertEquals(bytesOf(new Uint8Array(0)), []);
    assertEquals(bytesOf({ major: 3, minor: 2 }), [3, 2]);
    assertEquals(bytesOf([1, 0x1087]), [1, 0, 0, 0, 0, 0, 0, 0, 0x87, 0x10, 0, 0, 0, 0, 0, 0]);
    assertEquals(bytesOf([]), []);
  });

  it("writes a NULL pointer for no value, over whatever lay there", () => {
    for (const abi of Object.values(abis)) {
      const block = usedBlock(abi);
      const { pValue, ulValueLen } = readStruct(block, CK_ATTRIBUTE, writeTemplate(block, [{ type: 3, value: null }]));
      assertEquals([pValue, ulValueLen], [0n, 0]);
    }
  });

  it("writes dates as CK_DATE in UTC", () => {
    const bytes = bytesOf(new Date("2026-03-09T23:30:00-02:00"));
    assertEquals(String.fromCharCode(...bytes), "20260310");
    assertEquals(ckDate(new Date("0999-12-31T00:00:00Z")), "09991231");
    assertThrows(() => ckDate(new Date(NaN)), RangeError, "date");
    assertThrows(() => ckDate(new Date("+010000-01-01T00:00:00Z")), RangeError, "9999");
  });

  it("writes a CK_ULONG of the ABI's width, and refuses what does not fit", () => {
    assertEquals(bytesOf(0xfedcba98, abis.windows), [0x98, 0xba, 0xdc, 0xfe]);
    assertEquals(bytesOf([1, 2], abis.windows), [1, 0, 0, 0, 2, 0, 0, 0]);
    assertThrows(() => bytesOf(2 ** 32, abis.windows), RangeError, "4294967296");
    assertThrows(() => bytesOf(2n ** 32n, abis.windows), RangeError, "2^32");
    assertThrows(() => writeUlongs(usedBlock(abis.windows), [2 ** 32]), RangeError);
  });

  for (const abi of [abis.lp64, abis.windows]) {
    it(`keeps order, types and nested templates: CK_ULONG of ${abi.ulong} bytes`, () => {
      const block = usedBlock(abi);
      const inner: TemplateEntry[] = [{ type: CKA.EXTRACTABLE, value: false }, { type: CKA.LABEL, value: "inner" }];
      const offset = writeTemplate(block, [
        { type: CKA.TOKEN, value: true },
        { type: CKA.UNWRAP_TEMPLATE, value: inner },
        { type: 0x80000001, value: Uint8Array.of(9) },
      ]);
      const [token, nested, vendor] = seen(block, offset, 3);
      assertEquals(token, [CKA.TOKEN, Uint8Array.of(1)]);
      assertEquals(vendor, [0x80000001, Uint8Array.of(9)]);
      const { size } = structLayout(CK_ATTRIBUTE, abi);
      assertEquals(nested![0], CKA.UNWRAP_TEMPLATE);
      assertEquals(nested![1].length, 2 * size);
      const innerOffset = Number(readStruct(block, CK_ATTRIBUTE, offset + size).pValue - block.base);
      assertEquals(seen(block, innerOffset, 2), [
        [CKA.EXTRACTABLE, Uint8Array.of(0)],
        [CKA.LABEL, new TextEncoder().encode("inner")],
      ]);
    });
  }

  it("takes texts and bytes that fill further pieces of the block", () => {
    const block = usedBlock(abis.lp64, 64);
    const offset = writeTemplate(block, [
      { type: CKA.LABEL, value: "x".repeat(1000) },
      { type: CKA.VALUE, value: new Uint8Array(100_000).fill(3) },
      { type: CKA.TOKEN, value: true },
    ]);
    const { size } = structLayout(CK_ATTRIBUTE, block.abi);
    const lengths = [0, 1, 2].map((index) => readStruct(block, CK_ATTRIBUTE, offset + index * size).ulValueLen);
    assertEquals(lengths, [1000, 100_000, 1]);
  });
});
