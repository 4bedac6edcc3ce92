/** What a peer may still send before it is given credit (RFC 9113 §5.2). */

/** The window of a stream, or of a connection. */
export class ReceiveWindow {
  #size: number;
  /** What it grows to once its first bytes were taken by whoever reads. */
  readonly #most: number;
  /** Bytes that may come. */
  left: number;
  /** Bytes that have come and were not given credit for. */
  #uncredited = 0;

  constructor(size: number, most: number = size) {
    this.#size = this.left = size;
    this.#most = most;
  }

  /** Bytes have come; false when they were too many. */
  take(bytes: number): boolean {
    this.left -= bytes;
    this.#uncredited += bytes;
    return this.left >= 0;
  }

  /** The credit that is to be given now: all that is due, or 0 as long as the peer has plenty. */
  credit(): number {
    if (this.#uncredited < this.#size / 4) return 0;
    const credit = this.#uncredited + this.#most - this.#size;
    this.left += credit;
    this.#uncredited = 0;
    this.#size = this.#most;
    return credit;
  }
}
