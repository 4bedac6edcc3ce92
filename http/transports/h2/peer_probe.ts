/** Asking a silent peer whether it is still there (RFC 9113 §6.7). */
import { Buffer } from "node:buffer";
import { Patience } from "../../../internal/patience.ts";
import type { PeerTimes } from "./connection_options.ts";

/** Probes one peer, once at a time. */
export class PeerProbe {
  readonly #times: PeerTimes;
  readonly #ping: (payload: Uint8Array) => void;
  #heardAt: number = performance.now();
  #count = 0;
  #pending: { payload: Buffer; result: Promise<boolean>; settle: (isThere: boolean) => void } | null = null;

  /** `ping` sends a PING frame. */
  constructor(ping: (payload: Uint8Array) => void, times: PeerTimes) {
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
    const patience = new Patience(this.#times.answer, () => this.end());
    const settle = (isThere: boolean): void => {
      patience.end();
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
