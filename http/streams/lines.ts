/** Cuts text into lines as it arrives, in linear time and bounded memory. */
import { brandError } from "../../internal/error_brand.ts";

/** Options of {@linkcode LineSplitter}. */
export interface LineSplitterOptions {
  /** Whether a carriage return ends a line too, alone or with a line feed behind it. */
  readonly carriageReturn: boolean;
  /** The longest line in UTF-16 units. */
  readonly maxLength: number;
}

/** Raised when a line or a record is longer than its limit. */
export class RecordTooLongError extends Error {}

brandError(RecordTooLongError, "RecordTooLongError");

/** The lines of a text that comes in pieces. */
export class LineSplitter {
  #options: LineSplitterOptions;
  #partial = "";
  #afterCarriageReturn = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  /** The lines that `text` completes, without their ends. */
  *push(text: string): Generator<string, void, undefined> {
    let start = 0;
    if (this.#afterCarriageReturn && text !== "") {
      this.#afterCarriageReturn = false;
      if (text[0] === "\n") start = 1;
    }
    let lineFeed = -2;
    let carriageReturn = this.#options.carriageReturn ? -2 : -1;
    while (true) {
      if (lineFeed !== -1 && lineFeed < start) lineFeed = text.indexOf("\n", start);
      if (carriageReturn !== -1 && carriageReturn < start) carriageReturn = text.indexOf("\r", start);
      const isReturn = carriageReturn >= 0 && (lineFeed < 0 || carriageReturn < lineFeed);
      const end = isReturn ? carriageReturn : lineFeed;
      if (end < 0) break;
      const line = this.#take(text.slice(start, end));
      start = end + 1;
      if (isReturn && lineFeed === start) start++;
      else if (isReturn && start === text.length) this.#afterCarriageReturn = true;
      yield line;
    }
    this.#keep(text.slice(start));
  }

  /** What is left behind the last line end. */
  finish(): string {
    return this.#take("");
  }

  #take(end: string): string {
    this.#keep(end);
    const line = this.#partial;
    this.#partial = "";
    return line;
  }

  #keep(text: string): void {
    if (this.#partial.length + text.length > this.#options.maxLength) {
      throw new RecordTooLongError(`Cannot read on: a line is longer than ${this.#options.maxLength} characters`);
    }
    this.#partial += text;
  }
}
