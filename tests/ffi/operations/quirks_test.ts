import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Program } from "../../../ffi/engine/program.ts";
import type { Frame } from "../../../ffi/engine/frame.ts";
import { diesOfKeyTypes, mayDieOfKeyTypes, overflowsBuffers } from "../../../ffi/operations/quirks.ts";
import type { Cryptoki } from "../../../ffi/tables/cryptoki.ts";
import type { NativeCall } from "../../../ffi/workers/worker_pool.ts";
import { structLayout } from "../../../ffi/memory/structs.ts";
import { CK_INFO } from "../../../ffi/memory/structs_infos.ts";
import { abis, usedBlock } from "../../_support/native_block.ts";

const CKR_GENERAL_ERROR = 5;

type AbiOf = typeof abis[keyof typeof abis];

/** What the operation makes of a module that answers C_GetInfo so. */
function asked(abi: AbiOf, manufacturer: string, description: string, rv = 0): boolean {
  return answer(overflowsBuffers, abi, { manufacturer, description, rv });
}

function answer(
  operation: (frame: Frame) => Program<boolean>,
  abi: AbiOf,
  { manufacturer = "", description = "", version = [2, 6], rv = 0, table = {} },
): boolean {
  const block = usedBlock(abi, 0x1000);
  const program = operation({ table, block, fn: (place: number) => place } as unknown as Frame);
  const step = program.next(0);
  if (step.done) throw new Error("The module was not asked");
  const [call] = step.value as readonly NativeCall[];
  const info = Number(BigInt.asUintN(32, BigInt(call!.args[0]!) - block.base));
  const { offsets } = structLayout(CK_INFO, abi);
  const write = (text: string, offset: number) =>
    block.bytes.set(new TextEncoder().encode(text.padEnd(32)), info + offset);
  write(manufacturer, offsets.manufacturerID);
  write(description, offsets.libraryDescription);
  block.bytes.set(version, info + offsets.libraryVersion);
  const end = program.next(rv);
  if (!end.done) throw new Error("The module was asked twice");
  return end.value;
}

describe("modules that write past buffers", () => {
  for (const [name, abi] of Object.entries(abis)) {
    it(`are known by their maker, or hide behind p11-kit's proxy: ${name}`, () => {
      assertEquals(asked(abi, "Mozilla Foundation", "NSS Internal Crypto Services"), true);
      assertEquals(asked(abi, "PKCS#11 Kit", "PKCS#11 Kit Proxy Module"), true);
      assertEquals(asked(abi, "PKCS#11 Kit", "PKCS#11 Kit Trust Module"), false);
      assertEquals(asked(abi, "SoftHSM", "Implementation of PKCS11"), false);
      assertEquals(asked(abi, "Mozilla Foundation", "", CKR_GENERAL_ERROR), false);
    });
  }
});

describe("modules that die of a key that does not fit", () => {
  for (const [name, abi] of Object.entries(abis)) {
    it(`are known by their maker and version, or hide behind p11-kit's proxy: ${name}`, () => {
      const dies = (manufacturer: string, description: string, version: number[], rv = 0) => {
        const table = {};
        assertEquals(mayDieOfKeyTypes(table as Cryptoki), true);
        const told = answer(diesOfKeyTypes, abi, { manufacturer, description, version, rv, table });
        // Who did not answer is asked again.
        assertEquals(mayDieOfKeyTypes(table as Cryptoki), told || rv !== 0);
        return told;
      };
      assertEquals(dies("SoftHSM", "Implementation of PKCS11", [2, 6]), true);
      assertEquals(dies("SoftHSM", "Implementation of PKCS11", [1, 9]), true);
      assertEquals(dies("SoftHSM", "Implementation of PKCS11", [2, 7]), false);
      assertEquals(dies("SoftHSM", "Implementation of PKCS11", [3, 0]), false);
      assertEquals(dies("Mozilla Foundation", "NSS Internal Crypto Services", [2, 6]), false);
      assertEquals(dies("PKCS#11 Kit", "PKCS#11 Kit Proxy Module", [1, 1]), true);
      assertEquals(dies("SoftHSM", "Implementation of PKCS11", [2, 6], CKR_GENERAL_ERROR), false);
    });
  }
});
