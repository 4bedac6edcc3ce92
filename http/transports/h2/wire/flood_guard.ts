/** How many frames a peer may send that bring nothing forward: each costs us more than it costs the peer. */
import { ConnectionFault, ErrorCode } from "./errors.ts";

/** Frames at once. */
const MOST = 1000;
/** Frames a second besides. */
const PER_SECOND = 100;

/** The allowance of one connection. */
export class FloodGuard {
  #left = MOST;
  #since: number = performance.now();

  /**
   * A frame has come that nobody needs.
   *
   * @throws {ConnectionFault} ENHANCE_YOUR_CALM when there were too many.
   */
  spend(what: string): void {
    if (--this.#left >= 0) return;
    const now = performance.now();
    this.#left = Math.min(MOST, (now - this.#since) / 1000 * PER_SECOND);
    this.#since = now;
    if (--this.#left >= 0) return;
    throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, `the server sends too many frames to no purpose (${what})`);
  }

  /** Something was sent that the peer answers with so many frames. */
  earn(frames: number): void {
    this.#left = Math.min(MOST, this.#left + frames);
  }
}
