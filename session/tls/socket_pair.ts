/**
 * Two sockets that are connected with each other: one is GnuTLS's, which reads and writes by descriptor, the other ours.
 * Everything goes through them at once or not at all, so nobody has to be waited for.
 */
import { Buffer } from "node:buffer";
import { platform } from "../../internal/runtime.ts";
import type { Block } from "../../ffi/memory/block.ts";
import type { NativeFunction } from "../../ffi/runtime/native.ts";
import type { Gnutls } from "../../ffi/tables/gnutls.ts";
import { memory } from "./native_memory.ts";
import { TlsError } from "../errors.ts";

/** Numbers of the C library, which each system has chosen for itself. */
const LINUX = { pairType: 1n | 0o4000n | 0o2000000n, dontWait: 0x40n, noSignal: 0x4000n } as const;
const MACOS = { pairType: 1n, dontWait: 0x80n, noSignal: 0n } as const;
const C = platform === "darwin" ? MACOS : LINUX;
const AF_UNIX = 1n;
const PEEK_FLAGS = 2n | C.dontWait;
const SEND_FLAGS = C.dontWait | C.noSignal;
const SHUT_WR = 1n;
const F_SETFL = 4n;
const O_NONBLOCK_MACOS = 4n;
const SOL_SOCKET_MACOS = 0xffffn;
const SO_NOSIGPIPE_MACOS = 0x1022n;

/** Bytes that move at once. */
export const PIECE = 0x10000;
const PIECE_WORD = BigInt(PIECE);

let scratch: Block | null = null;

/** Memory for what moves right now, of all connections: nothing in it outlasts a call. */
export function scratchBlock(): Block {
  return scratch ??= memory(PIECE);
}

/** The beginning of a block, copied as long as there is room. */
export function copied<B extends Uint8Array>(block: Block, into: B): B {
  block.copyInto(0, into.length, into);
  return into;
}

/** The pair of one connection. */
export class SocketPair {
  /** The descriptor that is GnuTLS's. */
  readonly inner: bigint;
  readonly #outer: bigint;
  readonly #gnutls: Gnutls;
  readonly #send: NativeFunction;
  readonly #receive: NativeFunction;
  #isOpen = true;

  /**
   * Makes a pair.
   *
   * @throws {TlsError} ERR_TLS_NO_DESCRIPTOR when the process has no descriptor left
   */
  constructor(gnutls: Gnutls) {
    this.#gnutls = gnutls;
    this.#send = gnutls.get("send").call;
    this.#receive = gnutls.get("recv").call;
    const pair = memory(8);
    if (gnutls.int("socketpair", AF_UNIX, C.pairType, 0n, pair.base) !== 0) {
      throw new TlsError("Cannot begin TLS: the system gives no pair of sockets, has the process too many files open", {
        code: "ERR_TLS_NO_DESCRIPTOR",
      });
    }
    [this.inner, this.#outer] = [BigInt(pair.view.getInt32(0, true)), BigInt(pair.view.getInt32(4, true))];
    if (C === MACOS) this.#prepareOnMacos();
  }

  /** What the flags of socketpair and send do elsewhere. fcntl's last parameter is taken from the stack on ARM. */
  #prepareOnMacos(): void {
    const one = memory(4);
    one.view.setInt32(0, 1, true);
    for (const fd of [this.inner, this.#outer]) {
      const words = new Array<bigint>(7).fill(O_NONBLOCK_MACOS);
      this.#gnutls.int("fcntl", fd, F_SETFL, ...words);
      this.#gnutls.int("setsockopt", fd, SOL_SOCKET_MACOS, SO_NOSIGPIPE_MACOS, one.base, 4n);
    }
  }

  /** Hands bytes of the peer to GnuTLS; how many it has room for. */
  put(bytes: Uint8Array): number {
    const block = scratchBlock();
    let done = 0;
    while (done < bytes.length) {
      const piece = bytes.subarray(done, done + PIECE);
      block.bytes.set(piece);
      const sent = this.#send(this.#outer, block.base, BigInt(piece.length), SEND_FLAGS) as number;
      if (sent <= 0) break;
      done += sent;
    }
    return done;
  }

  /** What GnuTLS has written for the peer; null for nothing. */
  take(): Uint8Array | null {
    const block = scratchBlock();
    const count = this.#receive(this.#outer, block.base, PIECE_WORD, C.dontWait) as number;
    // What is encrypted may lie beside other things.
    return count > 0 ? copied(block, Buffer.allocUnsafe(count)) : null;
  }

  /** Whether something waits for GnuTLS to read it, be it the end. */
  get isWaiting(): boolean {
    return this.#receive(this.inner, scratchBlock().base, 1n, PEEK_FLAGS) as number >= 0;
  }

  /** The peer sends nothing any more. */
  end(): void {
    this.#gnutls.int("shutdown", this.#outer, SHUT_WR);
  }

  /** Gives both descriptors back. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#gnutls.int("close", this.inner);
    this.#gnutls.int("close", this.#outer);
  }
}
