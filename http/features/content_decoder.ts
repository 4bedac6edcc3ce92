/** The feature that removes content codings. */

import { checkOwnOptions, type OptionNames, wholeLimit } from "../../internal/expected.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../contract/feature.ts";
import { contentLength } from "../protocol/headers.ts";
import { attemptGuard, type HttpMessage, MessageFlags, messageState } from "../message/message.ts";
import { HttpStatus, isNullBodyStatus } from "../protocol/status.ts";
import type { FeatureSession } from "../contract/feature_session.ts";
import {
  ChunkInput,
  type ContentCoding,
  knownCodings,
  parseContentCodings,
  pipeThroughGenerator,
} from "../codings/codings.ts";
import { decodeContent, decodeSimple, DEFAULT_MAX_SIZE, limitDecoded } from "../codings/decode.ts";

/** Options of {@linkcode ContentDecoder}. */
export interface ContentDecoderOptions {
  /**
   * The most bytes a response body may expand to; one that grows beyond fails with `MALFORMED`. `Infinity` sets no
   * limit. 256 MiB by default.
   *
   * @default {268435456}
   */
  readonly maxSize?: number | undefined;
}

const optionNames: OptionNames<ContentDecoderOptions> = { maxSize: true };

const SMALL_BODY = 65_536;
const PLAIN_CODINGS = "gzip, deflate";
/**
 * Asks for compressed responses and decompresses them: `gzip`, `deflate` (with and without its zlib wrapper), and over
 * TLS `br` and `zstd`, in any layering. After `SoupContentDecoder`; every session has one.
 *
 * A decoded message carries the flag `CONTENT_DECODED` and neither `Content-Encoding` nor `Content-Length` any
 * more: both would describe a body nobody gets. The fetch of Deno and Node undoes codings by itself and cannot be kept
 * from it; there what is never encoded in spite of its label is an error. Messages that need
 * every body as it came say `requires: ["contentAsReceived"]`. A body is left as it came, without the flag, when one of its codings is unknown,
 * when it is a gzip file (`Content-Type: application/gzip`) whose coding an old server repeats, when it is a part
 * (status 206) and when its first bytes show that it was never encoded. Damaged and truncated bodies, and those that
 * expand beyond {@linkcode ContentDecoderOptions.maxSize}, end the message with the status `MALFORMED` and a
 * {@linkcode ContentDecodingError}.
 *
 * A message with an Accept-Encoding of its own keeps it. Requests with a `Range` ask for `identity`.
 *
 * @example A limit of its own
 * ```ts
 * import { ContentDecoder, HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 * import { gzipSync } from "node:zlib";
 *
 * await using session = new HttpSession();
 * session.removeFeatureByType(ContentDecoder);
 * session.addFeature(new ContentDecoder({ maxSize: 1_000_000 }));
 * session.addFeature(
 *   new MockTransport(() => new Response(new Uint8Array(gzipSync("hello")), { headers: { "content-encoding": "gzip" } })),
 * );
 * const response = await session.fetch("http://example.org/");
 * assertEquals(await response.text(), "hello");
 * ```
 */
export class ContentDecoder implements SessionFeature {
  /** The codings this runtime can undo: `zstd` is missing on Node before 22.15. */
  static get codings(): readonly ContentCoding[] {
    return knownCodings;
  }
  /** Sent with every message that has no Accept-Encoding of its own. */
  readonly requestDefaults: ReadonlyArray<readonly [name: string, value: string]> = [[
    "accept-encoding",
    PLAIN_CODINGS,
  ]];
  /**
   * The same over TLS, with all this runtime can undo: some intermediaries of plain HTTP break codings that they do not
   * know, and inside of TLS there are none.
   */
  get requestDefaultsOverTls(): ReadonlyArray<readonly [name: string, value: string]> {
    return [["accept-encoding", knownCodings.join(", ")]];
  }
  /** Decoding comes first of all that looks at a body, and after what stores it as it came. */
  readonly bodyStage: BodyStage = BodyStage.CONTENT_DECODING;
  #maxSize: number;

  /**
   * Makes a decoder.
   *
   * @throws {RangeError} If `maxSize` is negative or no whole number.
   * @throws {TypeError} If `maxSize` is no number.
   */
  constructor(options: ContentDecoderOptions = {}) {
    checkOwnOptions("make a ContentDecoder", options, optionNames);
    this.#maxSize = wholeLimit("maxSize", options.maxSize ?? DEFAULT_MAX_SIZE);
  }

  /** The most bytes a response body may expand to. */
  get maxSize(): number {
    return this.#maxSize;
  }

  /** Asks for a part as it is. Called by the session. */
  requestQueued(_session: FeatureSession, msg: HttpMessage): void {
    if (!msg.hasRequestHeaders) return;
    const headers = msg.requestHeaders;
    if (headers.has("range") && !headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  }

  /** Decodes the body, if it can be decoded. Called by the session. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    if (msg.hasFlag(MessageFlags.CONTENT_DECODED)) {
      return this.#maxSize === Infinity ? null : limitDecoded(this.#maxSize);
    }
    const field = msg.responseHeaders.get("content-encoding");
    return field === null || isUndecodable(msg) ? null : this.#decoding(msg, field);
  }

  #decoding(msg: HttpMessage, field: string): BodyTransform | null {
    const original = msg.responseHeaders;
    const length = contentLength(original);
    const codings = parseContentCodings(field);
    if (codings === undefined || codings.length === 0 || length === 0 || isGzipFile(original, codings)) return null;
    const headers = new Headers(original);
    headers.delete("content-encoding");
    headers.delete("content-length");
    messageState(msg).encodedLength = length;
    msg.responseHeaders = headers;
    msg.flags.add(MessageFlags.CONTENT_DECODED);
    const isWanted = attemptGuard(msg);
    const options = {
      maxSize: this.#maxSize,
      onPassThrough: () => {
        if (!isWanted()) return;
        msg.flags.delete(MessageFlags.CONTENT_DECODED);
        msg.responseHeaders.set("content-encoding", field);
        if (length !== null) msg.responseHeaders.set("content-length", String(length));
      },
    };
    const decode = length !== null && length <= SMALL_BODY ? decodeSmall : decodeContent;
    return (body) => pipeThroughGenerator(body, (chunks) => decode(chunks, codings, options));
  }
}

/** True for a response without a body, and for a part of an encoded whole. */
function isUndecodable({ method, statusCode }: HttpMessage): boolean {
  return method === "HEAD" || isNullBodyStatus(statusCode) || statusCode === HttpStatus.PARTIAL_CONTENT;
}

/** Collects a body that is small by its Content-Length, to decode it without a stream where that is possible. */
async function* decodeSmall(
  chunks: AsyncIterable<Uint8Array>,
  codings: readonly ContentCoding[],
  options: { maxSize: number; onPassThrough: () => void },
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ChunkInput(chunks);
  const body = await input.take(SMALL_BODY);
  const decoded = decodeSimple(body, codings, options.maxSize);
  if (decoded !== undefined && (await input.peek(1)).byteLength === 0) {
    if (decoded.byteLength > 0) yield decoded;
    return;
  }
  input.unread(body);
  yield* decodeContent(input.rest(), codings, options);
}

/** Old Apache set-ups mark .gz files as gzip-encoded; a user who asked for the file wants it as it is. */
function isGzipFile(headers: Headers, codings: readonly ContentCoding[]): boolean {
  if (codings.length !== 1 || codings[0] !== "gzip") return false;
  return /^application\/(?:x-)?gzip\s*(?:;|$)/i.test(headers.get("content-type") ?? "");
}
