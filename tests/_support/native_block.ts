// Blocks of native memory under any ABI, for tests of what is written there.
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { Block } from "../../ffi/memory/block.ts";
import type { Abi } from "../../ffi/runtime/native.ts";

/** The ABIs the library writes structures for. */
export const abis = {
  lp64: { ulong: 8, packed: false },
  windows: { ulong: 4, packed: true },
  ilp32: { ulong: 4, packed: false },
  packed64: { ulong: 8, packed: true },
} as const satisfies Record<string, Abi>;

/** A block of its own, full of what an earlier call may have left behind. */
export function usedBlock(abi: Abi, size = 4096): Block {
  const block = new Block(nativeRuntime(), abi, size);
  block.bytes.fill(0xa5);
  return block;
}

/** The bytes a pointer in a block points to, given that they are in the block's first piece. */
export function pointedTo(block: Block, address: bigint, length: number): Uint8Array {
  const offset = Number(address - block.base);
  return block.copyOut(offset, length);
}
