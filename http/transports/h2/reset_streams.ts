/** Streams that we have given up, on which the peer may still be sending. */
import { ConnectionFault, ErrorCode } from "./wire/errors.ts";

/** More than any peer has on its way; older ones are forgotten. */
const MOST = 10_000;

/** The given-up streams of one connection. */
export class ResetStreams {
  /** What may still come, by number. */
  readonly #windows = new Map<number, number>();

  /** A stream was given up. */
  add(stream: number, window: number): void {
    if (this.#windows.size >= MOST) this.#windows.delete(this.#windows.keys().next().value!);
    this.#windows.set(stream, window);
  }

  /**
   * A frame has come for a stream that is not open.
   *
   * @throws {ConnectionFault} STREAM_CLOSED if nothing may come on it any more, FLOW_CONTROL_ERROR if it is too much.
   */
  received(stream: number, length: number, isEnd: boolean): void {
    const window = this.#windows.get(stream);
    if (window === undefined) {
      throw new ConnectionFault(ErrorCode.STREAM_CLOSED, `a frame is for the stream ${stream}, which has ended`);
    }
    if (window < length) {
      throw new ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, `more comes on the stream ${stream} than was allowed`);
    }
    if (isEnd) this.#windows.delete(stream);
    else this.#windows.set(stream, window - length);
  }
}
