/** Asking a silent peer whether it is still there (RFC 9113 §6.7). */
import { Buffer } from "node:buffer";
import { clearTimeout, setTimeout } from "node:timers";

/** When a peer counts as silent, and how long it is waited for, in milliseconds. */
export interface ProbeTimes {
  readonly silence: number;
  readonly patience: number;
}

/** Within a second nobody has closed a connection behind our back; an answer that takes longer than five is none. */
export const usualProbeTimes: ProbeTimes = { silence: 1000, patience: 5000 };

/** Probes one peer, once at a time. */
export class PeerProbe {
  readonly #times: ProbeTimes;
  readonly #ping: (payload: Uint8Array) => void;
  #heardAt: number = performance.now();
  #count = 0;
  #pending: { payload: Buffer; result: Promise<boolean>; settle: (isThere: boolean) => void } | null = null;

  /** `ping` sends a PING frame. */
  constructor(ping: (payload: Uint8Array) => void, times: ProbeTimes) {
    this.#ping = ping;
    this.#times = times;
  }

  /** Bytes have come. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Whether it has said nothing for so long that it may be gone. */
  get isSilent(): boolean {
    return performance.now() - this.#heardAt >= this.#times.silence;
  }

  /** Asks; whether it has answered. */
  ask(): Promise<boolean> {
    if (this.#pending !== null) return this.#pending.result;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#count, 4);
    const { promise: result, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => this.end(), this.#times.patience);
    const settle = (isThere: boolean): void => {
      clearTimeout(timer);
      this.#pending = null;
      resolve(isThere);
    };
    this.#pending = { payload, result, settle };
    this.#ping(payload);
    return result;
  }

  /** An answer has come, perhaps to this question. */
  answered(payload: Uint8Array): void {
    if (this.#pending !== null && this.#pending.payload.equals(payload)) this.#pending.settle(true);
  }

  /** It is not there, or nobody wants to know any more. */
  end(): void {
    this.#pending?.settle(false);
  }
}
