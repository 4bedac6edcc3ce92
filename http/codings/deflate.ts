/** The `deflate` coding as servers mean it (zlib, or raw deflate without its wrapper) and Brotli. */

import { builtin } from "../../internal/builtin_modules.ts";
import { type ChunkInput, type ContentCoding, ContentDecodingError } from "./codings.ts";
import { ZlibEngine, type ZlibStream } from "./zlib_engine.ts";

const OUTPUT_CHUNK = 65_536;
/** What is offered first where nothing marks the coding: a decompressor that refuses this was given something else. */
const HEAD = 16;

/** Undoes `deflate`: RFC 1950 when the data begin with a zlib header, otherwise the bare RFC 1951 some servers send. */
export async function* decodeDeflate(
  input: ChunkInput,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const head = await input.peek(2);
  if (head.byteLength === 0) return;
  if (isZlibHeader(head)) yield* run("deflate", builtin.zlib.createInflate({ chunkSize: OUTPUT_CHUNK }), input);
  else {yield* decodeUnmarked(
      "deflate",
      builtin.zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK }),
      input,
      onPassThrough,
    );}
}

/** Undoes Brotli (RFC 7932). */
export async function* decodeBrotli(
  input: ChunkInput,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ((await input.peek(1)).byteLength === 0) return;
  yield* decodeUnmarked("br", builtin.zlib.createBrotliDecompress({ chunkSize: OUTPUT_CHUNK }), input, onPassThrough);
}

/** RFC 1950 §2.2: method 8, a window of at most 32 KiB, no preset dictionary, and a check value. */
function isZlibHeader(head: Uint8Array): boolean {
  const [first, second] = head;
  if (first === undefined || (first & 0x0f) !== 8 || first >> 4 > 7) return false;
  return second === undefined || ((first << 8 | second) % 31 === 0 && (second & 0x20) === 0);
}

async function* decodeUnmarked(
  coding: ContentCoding,
  stream: unknown,
  input: ChunkInput,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = new ZlibEngine(stream as ZlibStream);
  const head = (await input.take(HEAD).catch((error: unknown) => {
    engine.close();
    throw error;
  })).slice();
  const outputs: Uint8Array[] = [];
  let used: number;
  try {
    const feeding = engine.feed(head);
    let step = await feeding.next();
    for (; !step.done; step = await feeding.next()) outputs.push(step.value);
    used = step.value;
  } catch {
    engine.close();
    onPassThrough();
    input.unread(head);
    yield* input.rest();
    return;
  }
  yield* outputs;
  if (used === head.byteLength) return yield* finish(coding, engine, input);
  engine.close();
  await input.drain();
}

async function* run(
  coding: ContentCoding,
  stream: unknown,
  input: ChunkInput,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* finish(coding, new ZlibEngine(stream as ZlibStream), input);
}

/** Decompresses to the end and drops what lies behind it. */
async function* finish(
  coding: ContentCoding,
  engine: ZlibEngine,
  input: ChunkInput,
): AsyncGenerator<Uint8Array, void, undefined> {
  let result;
  try {
    result = yield* engine.run(input);
  } catch (cause) {
    const message = `Cannot decode the ${coding} body: the compressed data are damaged`;
    throw new ContentDecodingError("ERR_CONTENT_CORRUPT", message, { cause });
  } finally {
    engine.close();
  }
  if (result === "truncated") {
    const message = `Cannot decode the ${coding} body: the data end too early`;
    throw new ContentDecodingError("ERR_CONTENT_TRUNCATED", message);
  }
  await input.drain();
}
