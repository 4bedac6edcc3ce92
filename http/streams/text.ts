/** Decodes UTF-8 that comes in pieces, without the byte order mark in front. */
export class StreamingTextDecoder {
  // Not every runtime's decoder distinguishes a byte order mark at the beginning from one behind a cut, so that this
  // class does.
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #isAtStart = true;

  /** The text that `chunk` completes; without a chunk, what is left at the end. */
  decode(chunk?: Uint8Array): string {
    const text = chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    if (!this.#isAtStart || text === "") return text;
    this.#isAtStart = false;
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}
