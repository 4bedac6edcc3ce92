/** Zstandard (RFC 8878) as a content coding (RFC 9659). */

import { builtin } from "../../internal/builtin_modules.ts";
import { concatBytes } from "../../internal/bytes.ts";
import { type ChunkInput, ContentDecodingError } from "./codings.ts";
import { ZlibEngine, type ZlibStream } from "./zlib_engine.ts";

const MAGIC = 0xfd2fb528;
const OUTPUT_CHUNK = 65_536;
/** RFC 9659 §3: a decoder refuses frames that need more memory than this. */
const MAX_WINDOW = 8 * 1024 * 1024;
const MAX_WINDOW_LOG = 23;
const DICTIONARY_ID_SIZES = [0, 1, 2, 4];
const CONTENT_SIZES = [0, 2, 4, 8];

/**
 * Undoes zstd. The frames are walked here because not every runtime's decompressor notices a frame that ends too early
 * or goes on to the next one, and because the window must be refused before it is allocated.
 */
export async function* decodeZstd(
  input: ChunkInput,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const magic = await input.peek(4);
  if (magic.byteLength === 0) return;
  if (magic.byteLength === 4 && kindOf(magic) === "none") {
    onPassThrough();
    yield* input.rest();
    return;
  }
  while (true) {
    const kind = kindOf(await input.peek(4));
    if (kind === "none") break;
    if (kind === "skippable") await skipFrame(input);
    else yield* decodeFrame(input);
  }
  await input.drain();
}

function kindOf(magic: Uint8Array): "frame" | "skippable" | "truncated" | "none" {
  if (magic.byteLength === 0) return "none";
  if (magic.byteLength < 4) return "truncated";
  const value = new DataView(magic.buffer, magic.byteOffset, 4).getUint32(0, true);
  if (value === MAGIC) return "frame";
  return value >>> 4 === 0x184d2a5 ? "skippable" : "none";
}

async function skipFrame(input: ChunkInput): Promise<void> {
  const header = await input.takeAll(8, truncated);
  let left = new DataView(header.buffer, header.byteOffset, 8).getUint32(4, true);
  while (left > 0) {
    const chunk = await input.read();
    if (chunk === undefined) throw truncated();
    input.unread(chunk.subarray(Math.min(left, chunk.byteLength)));
    left -= Math.min(left, chunk.byteLength);
  }
}

async function* decodeFrame(input: ChunkInput): AsyncGenerator<Uint8Array, void, undefined> {
  const params = { [builtin.zlib.constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };
  const engine = new ZlibEngine(
    builtin.zlib.createZstdDecompress({ chunkSize: OUTPUT_CHUNK, params }) as unknown as ZlibStream,
  );
  try {
    for await (const piece of framePieces(input)) {
      const used = yield* engine.feed(piece);
      if (used !== piece.byteLength) throw corrupt("a frame ends inside its blocks");
    }
  } catch (cause) {
    if (cause instanceof ContentDecodingError) throw cause;
    throw corrupt("the compressed data are damaged", cause);
  } finally {
    engine.close();
  }
}

/** The bytes of one frame, piece by piece; fails when the input ends inside it. */
async function* framePieces(input: ChunkInput): AsyncGenerator<Uint8Array, void, undefined> {
  const start = await input.takeAll(5, truncated);
  const descriptor = start[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const sizeBytes = contentSizeFlag === 0 && singleSegment ? 1 : CONTENT_SIZES[contentSizeFlag]!;
  const rest = await input.takeAll(
    (singleSegment ? 0 : 1) + DICTIONARY_ID_SIZES[descriptor & 3]! + sizeBytes,
    truncated,
  );
  const window = singleSegment ? contentSize(rest, sizeBytes) : windowSize(rest[0]!);
  if (window > MAX_WINDOW) throw corrupt(`a window of ${window} bytes is more than RFC 9659 allows`);
  yield concatBytes(start, rest);
  for (let last = false; !last;) {
    const header = await input.takeAll(3, truncated);
    const value = header[0]! | header[1]! << 8 | header[2]! << 16;
    last = (value & 1) === 1;
    const isRunLength = (value >> 1 & 3) === 1;
    yield header;
    yield* exactly(input, isRunLength ? 1 : value >> 3);
  }
  if (descriptor & 4) yield await input.takeAll(4, truncated);
}

/** RFC 8878 §3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(rest: Uint8Array, sizeBytes: number): number {
  let size = 0;
  for (let index = 1; index <= sizeBytes; index++) size = size * 256 + rest[rest.byteLength - index]!;
  return sizeBytes === 2 ? size + 256 : size;
}

async function* exactly(input: ChunkInput, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let left = length; left > 0;) {
    const chunk = await input.read();
    if (chunk === undefined) throw truncated();
    const piece = chunk.subarray(0, left);
    input.unread(chunk.subarray(piece.byteLength));
    left -= piece.byteLength;
    yield piece;
  }
}

function corrupt(why: string, cause?: unknown): ContentDecodingError {
  return new ContentDecodingError("ERR_CONTENT_CORRUPT", `Cannot decode the zstd body: ${why}`, { cause });
}

function truncated(): ContentDecodingError {
  return new ContentDecodingError("ERR_CONTENT_TRUNCATED", "Cannot decode the zstd body: the data end too early");
}
