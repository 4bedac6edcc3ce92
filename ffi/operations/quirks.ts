/** Habits of single modules that an operation must know of. */
import type { Cryptoki } from "../cryptoki.ts";
import type { Program } from "../engine.ts";
import { FN, type Frame } from "../frame.ts";
import { decodeText } from "../attribute_values.ts";
import { structLayout } from "../structs.ts";
import { CK_INFO } from "../structs_infos.ts";

const CKR_OK = 0;
const overflowing = new WeakMap<Cryptoki, boolean>();

/** What p11-kit's proxy calls itself. It does not say whose objects it shows. */
const PROXY = "PKCS#11 Kit Proxy Module";

/**
 * Whether C_GetAttributeValue may write a value into a buffer that is too small for it: NSS softokn does for session
 * objects, however short the length it was given, and so does what may have softokn behind it. The module is asked for
 * its maker once.
 */
export function* overflowsBuffers(frame: Frame): Program<boolean> {
  const known = overflowing.get(frame.table);
  if (known !== undefined) return known;
  const { block } = frame;
  const { size, offsets } = structLayout(CK_INFO, block.abi);
  const info = block.alloc(size);
  const rv = yield [{ fn: frame.fn(FN.C_GetInfo), args: [block.address(info)] }];
  if (rv !== CKR_OK) return false;
  const overflows = decodeText(block, info + offsets.manufacturerID, 32).startsWith("Mozilla") ||
    decodeText(block, info + offsets.libraryDescription, 32).startsWith(PROXY);
  overflowing.set(frame.table, overflows);
  return overflows;
}
