/** The gzip file format (RFC 1952) around raw deflate. */

import { builtin } from "../../internal/builtin_modules.ts";
import { crc32 } from "./checksum.ts";
import { type ChunkInput, ContentDecodingError } from "./codings.ts";
import { ZlibEngine, type ZlibStream } from "./zlib_engine.ts";

const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;
const OUTPUT_CHUNK = 65_536;

/**
 * Undoes gzip. The members are walked here, not in zlib, because what follows the last one has to be ignored: servers
 * pad, and zlib takes padding for a broken member. A body that does not begin like gzip is passed on as it is.
 */
export async function* decodeGzip(
  input: ChunkInput,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ((await input.peek(1)).byteLength === 0) return;
  if (!await atMember(input)) {
    onPassThrough();
    yield* input.rest();
    return;
  }
  do {
    await skipHeader(input);
    yield* decodeMember(input);
  } while (await atMember(input));
  await input.drain();
}

async function atMember(input: ChunkInput): Promise<boolean> {
  const magic = await input.peek(2);
  return magic[0] === 0x1f && (magic[1] === 0x8b || magic.byteLength === 1);
}

async function* decodeMember(input: ChunkInput): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = new ZlibEngine(builtin.zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK }) as unknown as ZlibStream);
  let checksum = 0;
  try {
    const output = engine.run(input);
    let step = await output.next();
    for (; !step.done; step = await output.next()) {
      checksum = crc32(step.value, checksum);
      yield step.value;
    }
    if (step.value === "truncated") throw truncated();
  } catch (cause) {
    if (cause instanceof ContentDecodingError) throw cause;
    throw corrupt("the compressed data are damaged", cause);
  } finally {
    engine.close();
  }
  const trailer = await input.takeAll(8, truncated);
  const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
  if (view.getUint32(0, true) !== checksum >>> 0) throw corrupt("the checksum does not fit");
  if (view.getUint32(4, true) !== engine.produced % 2 ** 32) throw corrupt("the length does not fit");
}

async function skipHeader(input: ChunkInput): Promise<void> {
  const fixed = await input.takeAll(10, truncated);
  const flags = fixed[3]!;
  if (fixed[2] !== 8 || (flags & RESERVED) !== 0) throw corrupt("the header is none of RFC 1952");
  if (flags & FEXTRA) {
    const length = await input.takeAll(2, truncated);
    await input.takeAll(length[0]! | length[1]! << 8, truncated);
  }
  if (flags & FNAME) await skipText(input);
  if (flags & FCOMMENT) await skipText(input);
  if (flags & FHCRC) await input.takeAll(2, truncated);
}

async function skipText(input: ChunkInput): Promise<void> {
  for (let chunk = await input.read(); chunk !== undefined; chunk = await input.read()) {
    const end = chunk.indexOf(0);
    if (end < 0) continue;
    input.unread(chunk.subarray(end + 1));
    return;
  }
  throw truncated();
}

function corrupt(why: string, cause?: unknown): ContentDecodingError {
  return new ContentDecodingError("ERR_CONTENT_CORRUPT", `Cannot decode the gzip body: ${why}`, { cause });
}

function truncated(): ContentDecodingError {
  return new ContentDecodingError("ERR_CONTENT_TRUNCATED", "Cannot decode the gzip body: the data end too early");
}
