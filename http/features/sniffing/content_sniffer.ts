/** The feature that finds the media type of responses. */

import { checkOptions, MAX_TIMER, zeroOrMore } from "../../../internal/expected.ts";
import { type ByteStream, ChunkInput, pipeThroughGenerator } from "../../codings/codings.ts";
import { BodyStage, type BodyTransform, type SessionFeature } from "../../contract/feature.ts";
import { attemptGuard, type HttpMessage, isListened } from "../../message/message.ts";
import { ContentSniffedEvent } from "../../message/message_events.ts";
import { parseMediaType } from "../../protocol/media_type.ts";
import type { FeatureSession } from "../../contract/feature_session.ts";
import { isNoSniff, needsBytes, RESOURCE_HEADER_LENGTH, sniffMediaType } from "./sniff.ts";

/** Options of {@linkcode ContentSniffer}. */
export interface ContentSnifferOptions {
  /**
   * The longest time in milliseconds a first chunk is held back while more bytes are awaited; what has arrived by then
   * decides.
   *
   * @default {1000}
   */
  readonly maxWait?: number | undefined;
}

/**
 * Finds out what a response really is, by the WHATWG MIME Sniffing standard, and says so in the message's
 * `content-sniffed` event, after `got-headers` and before the first `got-chunk`. After `SoupContentSniffer`.
 *
 * The type declared by the server is believed where the standard believes it, and always under
 * `X-Content-Type-Options: nosniff`; then nothing is held back. Otherwise the beginning of the body, at most 1445 bytes
 * of it, is held back until the type is known. Bodies are never changed. A response without a body has no type.
 *
 * @example What is it
 * ```ts
 * import { ContentSniffer, HttpMessage, HttpSession, MockTransport } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using session = new HttpSession();
 * session.addFeature(new ContentSniffer());
 * session.addFeature(new MockTransport(() => new Response(new TextEncoder().encode("%PDF-1.7"))));
 * const msg = new HttpMessage("GET", "http://example.org/");
 * const types: string[] = [];
 * msg.addEventListener("content-sniffed", (event) => types.push(event.contentType));
 * await session.sendMessage(msg);
 * assertEquals(types, ["application/pdf"]);
 * ```
 */
export class ContentSniffer implements SessionFeature {
  /** Sniffing looks at the decoded body. */
  readonly bodyStage: BodyStage = BodyStage.DECODED;
  #maxWait: number;

  /**
   * Makes a sniffer.
   *
   * @throws {RangeError} If `maxWait` is negative or NaN.
   * @throws {TypeError} If `maxWait` is no number.
   */
  constructor(options: ContentSnifferOptions = {}) {
    checkOptions("make a ContentSniffer", options);
    this.#maxWait = zeroOrMore("maxWait", options.maxWait ?? 1000, "ms");
  }

  /** The longest time in milliseconds a first chunk is held back. */
  get maxWait(): number {
    return this.#maxWait;
  }

  /** Announces the type, at once or when the body has begun. Called by the session. */
  transformBody(_session: FeatureSession, msg: HttpMessage): BodyTransform | null {
    if (!isListened(msg, "content-sniffed")) return null;
    const options = {
      contentType: msg.responseHeaders.get("content-type"),
      noSniff: isNoSniff(msg.responseHeaders.get("x-content-type-options")),
    };
    if (needsBytes(options)) {
      const isWanted = attemptGuard(msg);
      return (body) =>
        sniffBody(body, this.#maxWait, (header) => {
          if (isWanted()) announce(msg, sniffMediaType(header, options));
        });
    }
    announce(msg, sniffMediaType(new Uint8Array(0), options));
    return null;
  }
}

function announce(msg: HttpMessage, type: string): void {
  const { essence, parameters } = parseMediaType(type)!;
  msg.dispatchEvent(new ContentSniffedEvent(essence, Object.fromEntries(parameters)));
}

/** Passes a body on as it is, after `onHeader` has seen its beginning. */
function sniffBody(body: ByteStream, maxWait: number, onHeader: (header: Uint8Array) => void): ByteStream {
  return pipeThroughGenerator(body, async function* (chunks) {
    const input = new ChunkInput(chunks);
    const held: Uint8Array[] = [];
    const header = new Uint8Array(RESOURCE_HEADER_LENGTH);
    let length = 0;
    const deadline = startTimer(maxWait);
    try {
      let reading = input.read();
      while (length < RESOURCE_HEADER_LENGTH) {
        const chunk = await (length === 0 ? reading : Promise.race([reading, deadline.expired]));
        if (chunk === undefined) break;
        if (chunk === "expired") {
          onHeader(header.subarray(0, length));
          yield* held;
          const late = await reading;
          if (late !== undefined) yield late;
          return yield* input.rest();
        }
        held.push(chunk);
        header.set(chunk.subarray(0, RESOURCE_HEADER_LENGTH - length), length);
        length = Math.min(RESOURCE_HEADER_LENGTH, length + chunk.byteLength);
        if (length < RESOURCE_HEADER_LENGTH) reading = input.read();
      }
    } finally {
      deadline.cancel();
    }
    onHeader(header.subarray(0, length));
    yield* held;
    yield* input.rest();
  });
}

function startTimer(milliseconds: number): { expired: Promise<"expired">; cancel(): void } {
  let timer: ReturnType<typeof setTimeout>;
  const expired = new Promise<"expired">((resolve) => {
    timer = setTimeout(() => resolve("expired"), Math.min(milliseconds, MAX_TIMER));
  });
  return { expired, cancel: () => clearTimeout(timer) };
}
