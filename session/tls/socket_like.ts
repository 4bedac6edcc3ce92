/** A stream over another one with the members of sockets: what stands on a socket is asked for them too. */
import type { Duplex } from "node:stream";
import { builtin, lateBase } from "../../internal/builtin_modules.ts";

/** What may be there besides a stream's own members: of sockets. */
type MaybeSocket = Duplex & {
  setNoDelay?(on?: boolean): unknown;
  setKeepAlive?(on?: boolean, delay?: number): unknown;
  setTimeout?(milliseconds: number): unknown;
  ref?(): unknown;
  unref?(): unknown;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
};

const Stream: typeof Duplex = lateBase<typeof Duplex>(() => builtin.stream.Duplex);

/** The stream; what carries it may be a socket or not. */
export class SocketLike extends Stream {
  readonly #under: MaybeSocket;

  /** Puts a stream on another. */
  constructor(under: Duplex, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#under = under;
  }

  /** As of sockets. */
  setNoDelay(on?: boolean): this {
    this.#under.setNoDelay?.(on);
    return this;
  }

  /** As of sockets. */
  setKeepAlive(on?: boolean, delay?: number): this {
    this.#under.setKeepAlive?.(on, delay);
    return this;
  }

  /** As of sockets. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    this.#under.setTimeout?.(milliseconds);
    if (listener !== undefined) this.once("timeout", listener);
    return this;
  }

  /** As of sockets. */
  ref(): this {
    this.#under.ref?.();
    return this;
  }

  /** As of sockets. */
  unref(): this {
    this.#under.unref?.();
    return this;
  }

  /** As of sockets. */
  get remoteAddress(): string | undefined {
    return this.#under.remoteAddress;
  }

  /** As of sockets. */
  get remotePort(): number | undefined {
    return this.#under.remotePort;
  }

  /** As of sockets. */
  get localAddress(): string | undefined {
    return this.#under.localAddress;
  }

  /** As of sockets. */
  get localPort(): number | undefined {
    return this.#under.localPort;
  }
}
