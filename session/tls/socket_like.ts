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
  address?(): SocketAddress | Record<string, never>;
  readonly timeout?: number;
  readonly remoteAddress?: string;
  readonly remoteFamily?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localFamily?: string;
  readonly localPort?: number;
};

/** As of sockets. */
export interface SocketAddress {
  readonly address: string;
  readonly family: string;
  readonly port: number;
}

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
    if (listener === undefined) return this;
    return milliseconds === 0 ? this.off("timeout", listener) : this.once("timeout", listener);
  }

  /** As of sockets: what was written goes out before the end. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
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
  address(): SocketAddress | Record<string, never> {
    return this.#under.address?.() ?? {};
  }

  /** As of sockets. */
  get timeout(): number | undefined {
    return this.#under.timeout;
  }

  /** As of sockets; this one is connected. */
  get connecting(): boolean {
    return false;
  }

  /** As of sockets; this one is connected. */
  get pending(): boolean {
    return false;
  }

  /** As of sockets. */
  get readyState(): "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.destroyed) return "closed";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** As of sockets. */
  get remoteAddress(): string | undefined {
    return this.#under.remoteAddress;
  }

  /** As of sockets. */
  get remoteFamily(): string | undefined {
    return this.#under.remoteFamily;
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
  get localFamily(): string | undefined {
    return this.#under.localFamily;
  }

  /** As of sockets. */
  get localPort(): number | undefined {
    return this.#under.localPort;
  }
}
