/** Undoes the content codings of a body, layer by layer. */

import { builtin } from "../../internal/builtin_modules.ts";
import { checkIterable, checkOwnOptions, type OptionNames, unexpected, wholeLimit } from "../../internal/expected.ts";
import { NotSupportedError } from "../errors.ts";
import {
  type ByteStream,
  ChunkInput,
  type ContentCoding,
  ContentDecodingError,
  knownCodings,
  MAX_LAYERS,
  watchChunks,
} from "./codings.ts";

/** Options of {@linkcode decodeContent}. */
export interface DecodeOptions {
  /**
   * The most bytes a body, or any layer of it, may expand to.
   *
   * @default {Infinity}
   */
  readonly maxSize?: number | undefined;
  /** Called when the outermost layer turns out not to be encoded at all; the bytes then pass as they are. */
  readonly onPassThrough?: (() => void) | undefined;
}

const optionNames: OptionNames<DecodeOptions> = { maxSize: true, onPassThrough: true };

/** What undoes one layer; the library asks for it as the first body is decoded. */
type Decoder = (input: ChunkInput, onPassThrough: () => void) => AsyncIterable<Uint8Array>;

const DECODERS: Readonly<Record<ContentCoding, () => Promise<Decoder>>> = {
  gzip: async () => (await import("./gzip.ts")).decodeGzip,
  deflate: async () => (await import("./deflate.ts")).decodeDeflate,
  br: async () => (await import("./deflate.ts")).decodeBrotli,
  zstd: async () => (await import("./zstd.ts")).decodeZstd,
};

/**
 * The decoded bytes of a body, produced as they are asked for. `codings` are in the order they were applied. Fails with
 * a {@linkcode ContentDecodingError}; leaving the iteration early closes the source.
 *
 * @example Undo two layers
 * ```ts
 * import { decodeContent } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 * import { brotliCompressSync, gzipSync } from "node:zlib";
 *
 * const body = new Blob([new Uint8Array(brotliCompressSync(gzipSync("hello")))]).stream();
 * let text = "";
 * for await (const chunk of decodeContent(body, ["gzip", "br"])) text += new TextDecoder().decode(chunk);
 * assertEquals(text, "hello");
 * ```
 */
export async function* decodeContent(
  source: AsyncIterable<Uint8Array>,
  codings: readonly ContentCoding[],
  options: DecodeOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (!(Symbol.asyncIterator in Object(source))) throw unexpected("decode the body", "a stream of bytes", source);
  checkIterable("decode the body", codings, "a list of codings");
  const maxSize = wholeLimit(
    "maxSize",
    checkOwnOptions("decode the body", options, optionNames, ["onPassThrough"]).maxSize ?? Infinity,
  );
  if (codings.length > MAX_LAYERS) {
    const message = `Cannot decode the body: ${codings.length} codings are more than the ${MAX_LAYERS} allowed`;
    throw new ContentDecodingError("ERR_CONTENT_LAYERS", message);
  }
  const unknown = codings.find((coding) => !knownCodings.includes(coding));
  if (unknown) throw new NotSupportedError(`decode ${unknown}`, "this runtime", "its node:zlib lacks it");
  let bytes = source;
  let onPassThrough = options.onPassThrough ?? doNothing;
  for (const coding of codings.toReversed()) {
    bytes = decodeLayer(bytes, coding, maxSize, onPassThrough);
    onPassThrough = doNothing;
  }
  yield* bytes;
}

async function* decodeLayer(
  source: AsyncIterable<Uint8Array>,
  coding: ContentCoding,
  maxSize: number,
  onPassThrough: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ChunkInput(source);
  let size = 0;
  try {
    const decode = await DECODERS[coding]();
    for await (const chunk of decode(input, onPassThrough)) {
      size += chunk.byteLength;
      if (size > maxSize) throw tooLarge(coding, maxSize);
      yield chunk;
    }
  } finally {
    await input.close();
  }
}

/**
 * Decodes a whole body at once when that is simple: one gzip or zlib layer with nothing unusual about it. Returns
 * `undefined` for everything else, which {@linkcode decodeContent} then judges; this only saves small bodies the cost
 * of a stream.
 */
export function decodeSimple(
  body: Uint8Array,
  codings: readonly ContentCoding[],
  maxSize: number,
): Uint8Array<ArrayBuffer> | undefined {
  const coding = codings.length === 1 ? codings[0] : undefined;
  if (coding !== "gzip" && coding !== "deflate" || body.byteLength === 0) return undefined;
  try {
    const limits = maxSize < Number.MAX_SAFE_INTEGER ? { maxOutputLength: Math.max(1, maxSize) } : {};
    const output = coding === "gzip" ? builtin.zlib.gunzipSync(body, limits) : builtin.zlib.inflateSync(body, limits);
    if (output.byteLength > maxSize) return undefined;
    return new Uint8Array(output.buffer as ArrayBuffer, output.byteOffset, output.byteLength);
  } catch {
    return undefined; // decodeContent reads it again and says what is wrong.
  }
}

/** The most bytes a body expands to by default. */
export const DEFAULT_MAX_SIZE: number = 2 ** 28;

/** Holds a body to a limit that the runtime has decoded by itself. */
export function limitDecoded(maxSize: number): (body: ByteStream) => ByteStream {
  return (body) => {
    let size = 0;
    return watchChunks(body, (chunk) => {
      size += chunk.byteLength;
      if (size > maxSize) throw tooLarge("encoded", maxSize);
    });
  };
}

/** The error of a body that expands beyond its limit. */
export function tooLarge(coding: string, maxSize: number): ContentDecodingError {
  const message = `Cannot decode the ${coding} body: it expands to more than ${maxSize} bytes`;
  return new ContentDecodingError("ERR_CONTENT_TOO_LARGE", message);
}

function doNothing(): void {}
