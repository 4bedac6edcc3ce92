import { Buffer } from "node:buffer";
import { wholeNumber } from "../../../internal/expected.ts";
import type { HttpMessage } from "../../message/message.ts";
import { HttpStatus, reasonPhrase } from "../../protocol/status.ts";

/** A status with its reason phrase. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
}

/** What a message has been answered so far. */
export function answerOf(msg: HttpMessage): Answer {
  return { status: msg.statusCode, reason: msg.reasonPhrase };
}

/** Why an attempt that is over has no complete response; null where it has one. */
export function failureOf(msg: HttpMessage): Answer | null {
  if (msg.statusCode >= 100) return null;
  // Without a status it was made again before anybody answered.
  return msg.statusCode > 0
    ? answerOf(msg)
    : { status: HttpStatus.TRY_AGAIN, reason: reasonPhrase(HttpStatus.TRY_AGAIN) };
}

/** Checks the most bytes of a body that are kept; -1 and Infinity keep all. */
export function bodyLimit(value: unknown): number {
  return value === Infinity ? -1 : wholeNumber("maxBodySize", value, -1);
}

/** The beginning of a body, kept for the log. */
export class BodyCopy {
  #limit: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  #size = 0;

  /** Keeps at most `limit` bytes; -1 keeps all. */
  constructor(limit: number) {
    this.#limit = limit < 0 ? Infinity : limit;
  }

  /** Bytes of the body so far. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that were not kept. */
  get omitted(): number {
    return this.#size - this.#kept;
  }

  /** Adds a piece of the body. */
  add(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    const room = this.#limit - this.#kept;
    if (room <= 0) return;
    const piece = chunk.slice(0, Math.min(room, chunk.byteLength));
    this.#kept += piece.byteLength;
    this.#chunks.push(piece);
  }

  /** What was kept, as text; bytes that are no UTF-8 show as replacement characters. */
  text(): string {
    const decoder = new TextDecoder();
    return this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  }

  /** What was kept, as text; null when it is no UTF-8, but for a character cut off at the end. */
  exactText(): string | null {
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      const text = this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("");
      if (this.omitted === 0) return text + decoder.decode();
      return text;
    } catch {
      return null; // The decoder's way to say that these bytes are no text.
    }
  }

  /** What was kept, in Base64. */
  base64(): string {
    return Buffer.concat(this.#chunks).toString("base64");
  }
}
