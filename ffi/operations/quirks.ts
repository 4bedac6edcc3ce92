/** Habits of single modules that an operation must know of. */
import type { Cryptoki } from "../cryptoki.ts";
import type { Program } from "../engine.ts";
import { FN, type Frame } from "../frame.ts";
import { decodeText } from "../attribute_values.ts";
import { structLayout } from "../structs.ts";
import { CK_INFO } from "../structs_infos.ts";

const CKR_OK = 0;
const overflowing = new WeakMap<Cryptoki, boolean>();

/**
 * Whether C_GetAttributeValue writes a value into a buffer that is too small for it: NSS softokn does for session
 * objects, however short the length it was given. The module is asked for its maker once.
 */
export function* overflowsBuffers(frame: Frame): Program<boolean> {
  const known = overflowing.get(frame.table);
  if (known !== undefined) return known;
  const { block } = frame;
  const { size, offsets } = structLayout(CK_INFO, block.abi);
  const info = block.alloc(size);
  const rv = yield [{ fn: frame.fn(FN.C_GetInfo), args: [block.address(info)] }];
  if (rv !== CKR_OK) return false;
  const overflows = decodeText(block, info + offsets.manufacturerID, 32).startsWith("Mozilla");
  overflowing.set(frame.table, overflows);
  return overflows;
}
