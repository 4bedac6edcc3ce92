/**
 * The Response objects a session makes itself: native ones that also know where they came from.
 *
 * @module
 */

import type { BytesRead } from "../../internal/platform_types.ts";
import { lateBase } from "../../internal/builtin_modules.ts";
import { GatheredBytes, isLong } from "./gathered_bytes.ts";
import { announcedLength } from "../protocol/headers.ts";
import { nextPiece, ownBytes } from "./byte_pieces.ts";
import { makeImmutable, ownHeaders } from "./immutable_headers.ts";

/** What a response of the Fetch standard has besides its parts. */
export interface ResponseOrigin {
  /** URL the response came from, after redirects, without fragment and user information. */
  readonly url: string;
  /** Redirects were followed. */
  readonly redirected: boolean;
  /** The caller's signal: once it is aborted, a body that is still unread cannot be read any more. */
  readonly signal: AbortSignal | null;
}

const unknown: ResponseOrigin = { url: "", redirected: false, signal: null };

/** Reason phrases a `Response` takes (RFC 9112 §4). */
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** True for a status and a reason phrase the constructor of `Response` takes. */
export function isConstructible(status: number, statusText: string): boolean {
  return status >= 200 && status < 600 && (statusText === "OK" || REASON_PHRASE.test(statusText));
}

/** Node loads its HTTP client as soon as a program names `Response`, and one that only signs needs none. */
const LateResponse: typeof Response = lateBase<typeof Response>(() => Response);

/** A native Response, so the runtime's own server can send it on, with `url`, `redirected` and `type` of a fetched one. */
export class FetchedResponse extends LateResponse {
  static {
    // Shown as what it is to everybody else.
    Object.defineProperty(this, "name", { value: "Response" });
  }

  #origin: ResponseOrigin = unknown;
  /** The body is a byte stream already. */
  #isStream = false;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #aborted: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;

  /** A response with whatever status and reason a server has sent. To a server that sends it on, 600 and more are a 502. */
  static of(
    body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer> | null,
    init: Required<ResponseInit>,
  ): FetchedResponse {
    const { headers, status } = init;
    const statusText = REASON_PHRASE.test(init.statusText) ? init.statusText : "";
    const response = new FetchedResponse(body, { headers, status: status < 600 ? status : 502, statusText });
    response.#isStream = body instanceof ReadableStream;
    return status < 600 ? response : Object.defineProperty(response, "status", { value: status });
  }

  /** A response with another body, unread or read, and the rest as it is. */
  static like(
    response: FetchedResponse,
    body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer> | null,
    isRead = false,
  ): FetchedResponse {
    const { headers, status, statusText } = response;
    const other = FetchedResponse.of(body, { status, statusText, headers });
    // Before there is a signal, which might refuse it.
    if (isRead) other.bytes().catch(() => {});
    return FetchedResponse.place(other, response.#origin);
  }

  /** The caller's signal has said that nobody wants the body. */
  static isGivenUp(response: FetchedResponse): boolean {
    return response.#origin.signal?.aborted === true;
  }

  /** Says where a response came from. */
  static place(response: FetchedResponse, origin: ResponseOrigin): FetchedResponse {
    response.#origin = origin;
    return response;
  }

  override get url(): string {
    return this.#origin.url;
  }

  override get redirected(): boolean {
    return this.#origin.redirected;
  }

  override get type(): ResponseType {
    return "basic";
  }

  override get headers(): Headers {
    const headers = ownHeaders(this);
    return this.#origin === unknown ? headers : makeImmutable(headers);
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const { signal } = this.#origin;
    if (this.#aborted === null && (signal === null || !signal.aborted || super.bodyUsed)) {
      const body = super.body;
      if (body === null || this.#isStream || this.#origin === unknown) return body;
      // What has been read is locked, as a stream made of it now would not be.
      return this.#stream ??= super.bodyUsed ? body : byteStream(body);
    }
    return this.#aborted ??= new ReadableStream({ start: (controller) => controller.error(signal!.reason) });
  }

  override text(): Promise<string> {
    return this.#refusal() ?? super.text();
  }

  override json(): Promise<unknown> {
    return this.#refusal() ?? super.json();
  }

  override bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#refusal() ?? this.#gathered() ?? super.bytes() as Promise<Uint8Array<ArrayBuffer>>;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#refusal() ?? this.#gathered()?.then((bytes) => ownBytes(bytes).buffer) ?? super.arrayBuffer();
  }

  override blob(): Promise<Blob> {
    return this.#refusal() ?? super.blob().then((blob) => this.#typed(blob));
  }

  override formData(): Promise<FormData> {
    return this.#refusal() ?? super.formData();
  }

  override clone(): FetchedResponse {
    if (this.#stream?.locked) throw locked();
    const response = FetchedResponse.like(this, super.clone().body as ReadableStream<Uint8Array<ArrayBuffer>> | null);
    response.#isStream = this.#isStream;
    return response;
  }

  /** A long stream whose length is known, in one piece of memory; null for others, which the runtime reads. */
  #gathered(): Promise<Uint8Array<ArrayBuffer>> | null {
    if (!this.#isStream || super.bodyUsed) return null;
    const length = announcedLength(ownHeaders(this));
    const body = super.body as ReadableStream<Uint8Array<ArrayBuffer>>;
    return isLong(length) && !body.locked ? gather(body.getReader(), length) : null;
  }

  /** Bun forgets the type where the body is a stream. */
  #typed(blob: Blob): Blob {
    const type = blob.type === "" ? super.headers.get("content-type") : null;
    return type === null ? blob : new Blob([blob], { type });
  }

  /** What every way of reading answers once the caller has given up, or has a reader of the body; null before. */
  #refusal(): Promise<never> | null {
    if (this.#stream?.locked) return Promise.reject(locked());
    const { signal } = this.#origin;
    const isGivenUp = signal !== null && signal.aborted;
    if (!isGivenUp && this.#stream === null || super.bodyUsed) return null;
    if (isGivenUp) return Promise.reject(signal.reason);
    // Whoever holds the stream sees that it is being read.
    this.#stream!.getReader();
    return null;
  }
}

/** Joined by the runtime, a body is in memory twice at its end. Where there is no room for it, its source is let go. */
async function gather(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new GatheredBytes(length);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return bytes.bytes();
      bytes.add(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

function locked(): TypeError {
  return new TypeError("Cannot read the body: its stream is locked");
}

/** What fetch gives is a byte stream (Fetch §2.2.4), the body of bytes not on every runtime. Untouched before it is read. */
function byteStream(source: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;
  let next: Promise<BytesRead> | null = null;
  return new ReadableStream({
    type: "bytes",
    async pull(controller: ReadableByteStreamController): Promise<void> {
      reader ??= source.getReader();
      const { done, value } = await (next ?? nextPiece(reader));
      if (!done) {
        controller.enqueue(ownBytes(value));
        // An end behind it is told at once, whether anybody asks for more or not.
        next = nextPiece(reader);
        if (!(await next).done) return;
      }
      controller.close();
      // Who waits with a buffer of its own gets it back.
      controller.byobRequest?.respond(0);
    },
    cancel: (reason: unknown): Promise<void> => (reader ?? source).cancel(reason),
  }, { highWaterMark: 0 });
}
