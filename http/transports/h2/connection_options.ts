/** What an HTTP/2 connection stands on, and what it is told. */
import type { TransportError, TransportPhase } from "../../errors.ts";
import type { FrameSink } from "./outbox.ts";

/** How long a peer is waited for, in milliseconds. */
export interface PeerTimes {
  /** One that has said nothing for so long may be gone. */
  readonly silence: number;
  /** For its answer to a PING. */
  readonly answer: number;
  /** For its settings, with which everybody begins who speaks HTTP/2 (RFC 9113 §3.4). */
  readonly settings: number;
}

/** Within a second nobody has closed a connection behind our back; an answer that takes longer than five is none. */
export const usualTimes: PeerTimes = { silence: 1000, answer: 5000, settings: 30_000 };

/** The bytes under a connection. */
export interface Http2Wire extends FrameSink {
  keepsProcessAlive(value: boolean): void;
  /** Closes at once. */
  destroy(): void;
}

/** What an {@linkcode Http2Connection} needs besides its wire. */
export interface Http2Options {
  /** Largest header section. */
  readonly maxHeaderBytes: number;
  /** The error of an exchange that came as far as `phase` when the connection ended with `error`. */
  explain(error: Error, phase: TransportPhase): TransportError;
  /** `isOpen` or `maxExchanges` have changed. */
  onChange(): void;
  /** The connection has ended, not by `close`. */
  onEnded(): void;
  /** @default {usualTimes} */
  readonly times?: PeerTimes | undefined;
}
