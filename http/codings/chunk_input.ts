/** More than this behind the end of a body is not worth saving a connection for. */
import { joinBytes } from "../../internal/bytes.ts";
const MAX_DRAIN = 65_536;

/** A reader over a source of chunks that can take back what was read too far. */
export class ChunkInput {
  #source: AsyncIterator<Uint8Array>;
  /** What was put back, the next chunk last. */
  #pending: Uint8Array[] = [];
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next chunk, never empty; `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const pending = this.#pending.pop();
    if (pending !== undefined) return pending;
    while (!this.#ended) {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else if (value.byteLength > 0) return value;
    }
    return undefined;
  }

  /** Puts `chunk` in front of what comes next. */
  unread(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#pending.push(chunk);
  }

  /** Exactly `length` bytes, or fewer when the source ends before. */
  async take(length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.read();
      if (chunk === undefined) break;
      const piece = chunk.subarray(0, missing);
      this.unread(chunk.subarray(piece.byteLength));
      pieces.push(piece);
      missing -= piece.byteLength;
    }
    return pieces.length === 1 ? pieces[0]! : joinBytes(pieces);
  }

  /** Exactly `length` bytes; where the source ends before, it throws what `truncated` makes. */
  async takeAll(length: number, truncated: () => Error): Promise<Uint8Array> {
    const bytes = await this.take(length);
    if (bytes.byteLength < length) throw truncated();
    return bytes;
  }

  /** Like {@linkcode ChunkInput.take}, leaving the bytes in place. */
  async peek(length: number): Promise<Uint8Array> {
    const bytes = await this.take(length);
    this.unread(bytes);
    return bytes;
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) yield chunk;
  }

  /**
   * Reads what is left and drops it, so that the connection behind the source can be used again; an endless rest is
   * given up.
   */
  async drain(): Promise<void> {
    let size = 0;
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) {
      size += chunk.byteLength;
      if (size > MAX_DRAIN) return await this.close();
    }
  }

  /** Tells the source that nothing more will be read. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.return?.();
  }
}
