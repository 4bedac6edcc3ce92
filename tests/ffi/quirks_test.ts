import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Step } from "../../ffi/engine.ts";
import type { Frame } from "../../ffi/frame.ts";
import { overflowsBuffers } from "../../ffi/operations/quirks.ts";
import { structLayout } from "../../ffi/structs.ts";
import { CK_INFO } from "../../ffi/structs_infos.ts";
import { abis, usedBlock } from "../_support/native_block.ts";

const CKR_GENERAL_ERROR = 5;

/** What the operation makes of a module that answers C_GetInfo so. */
function asked(abi: typeof abis[keyof typeof abis], manufacturer: string, description: string, rv = 0): boolean {
  const block = usedBlock(abi, 0x1000);
  const program = overflowsBuffers({ table: {}, block, fn: (place: number) => place } as unknown as Frame);
  const step = program.next(0);
  if (step.done) throw new Error("The module was not asked");
  const [call] = step.value as Step;
  const info = Number(BigInt.asUintN(32, BigInt(call!.args[0]!) - block.base));
  const { offsets } = structLayout(CK_INFO, abi);
  const write = (text: string, offset: number) =>
    block.bytes.set(new TextEncoder().encode(text.padEnd(32)), info + offset);
  write(manufacturer, offsets.manufacturerID);
  write(description, offsets.libraryDescription);
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
