/** Calls that give bytes of a length not known before. */
import { CKR } from "../constants/mod.ts";
import type { Program } from "../engine/program.ts";
import { FN, type Frame } from "../engine/frame.ts";
import type { FunctionName } from "../tables/functions.ts";
import type { NativeCall } from "../workers/worker_pool.ts";

/** How often a module may say that the room is too small. */
export const MAX_GROWTHS = 6;

function* make(call: NativeCall): Program<number> {
  return yield [call];
}

/** How {@linkcode outputOf} makes its calls. */
export interface OutputOptions {
  /** Makes the first call, answering its CK_RV. */
  readonly first?: ((call: NativeCall) => Program<number>) | undefined;
  /**
   * Whether the call may be made again after it has succeeded: where its result fills the room, which was a guess, the
   * module is asked for the length.
   */
  readonly repeats?: boolean | undefined;
  /** Bytes that have gone in and whose result may come with this call. */
  readonly owed?: number | undefined;
}

/**
 * Makes a call that gives bytes, again with more room while the module says that there was too little.
 */
export function* outputOf(
  frame: Frame,
  name: FunctionName,
  room: number,
  words: (address: bigint, length: bigint) => bigint[],
  { first = make, repeats = false, owed = 0 }: OutputOptions = {},
): Program<Uint8Array<ArrayBuffer>> {
  const { block } = frame;
  const fn = frame.fn(FN[name]);
  let output = frame.output(room);
  const length = frame.ulong(output.capacity);
  let rv = yield* first({ fn, args: words(output.address, block.address(length)) });
  for (let growths = 0; rv === CKR.BUFFER_TOO_SMALL && growths < MAX_GROWTHS; growths++) {
    output = frame.grow(output, length, owed);
    rv = yield [{ fn, args: words(output.address, block.address(length)) }];
  }
  if (repeats && rv === CKR.OK && block.getUlong(length) === output.capacity) {
    block.setUlong(length, 0);
    rv = yield [{ fn, args: words(0n, block.address(length)) }];
    if (rv === CKR.OK) {
      output = frame.asked(length);
      rv = yield [{ fn, args: words(output.address, block.address(length)) }];
    }
  }
  if (rv !== CKR.OK) throw frame.failure(name);
  return output.take(Number(block.getUlong(length)));
}
