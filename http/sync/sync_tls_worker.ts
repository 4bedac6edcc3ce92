/**
 * The worker's side of connections whose encrypted stream a `ClientTls` of the caller's thread makes.
 *
 * @module
 */
import { Duplex } from "node:stream";
import { type ByteDuplex, fromByteDuplex, toByteDuplex } from "../../internal/byte_duplex.ts";
import type { ClientTls, TlsInfo } from "../transports/transport.ts";
import { revivedError, type TlsCall, type TlsReply } from "./sync_protocol.ts";

/** What the worker knows of connections whose TLS is made elsewhere. */
export class WorkerTlsCalls {
  /** Asks the caller's thread; null while that does not wait for an answer. */
  ask: ((call: TlsCall) => TlsReply) | null = null;
  /** Number of the last connection. */
  last = 0;
  /** Connections whose end has not been reported to the caller's thread yet. */
  closed: number[] = [];
}

/**
 * The worker's side: a `ClientTls` that has everything done elsewhere. There is one for each of the caller's thread, as
 * connections are shared by it.
 */
export class WorkerTls implements ClientTls {
  readonly #calls: WorkerTlsCalls;

  /** Makes one of several that ask the same thread. */
  constructor(calls: WorkerTlsCalls) {
    this.#calls = calls;
  }

  /** Begins TLS on a connection. */
  connect(
    socket: ByteDuplex,
    { alpnProtocols, host, port, signal, strict }: Parameters<ClientTls["connect"]>[1],
  ): Promise<ByteDuplex & { readonly tls: TlsInfo }> {
    const id = ++this.#calls.last;
    const stream = new WorkerTlsStream(fromByteDuplex(socket), {
      exchange: (received, written) => this.#exchange({ id, open: null, received, written }),
      closed: () => void this.#calls.closed.push(id),
    });
    return new Promise((resolve, reject) => {
      const abort = () => void stream.destroy(asError(signal.reason));
      signal.addEventListener("abort", abort);
      stream.once("close", () => {
        signal.removeEventListener("abort", abort);
        reject(stream.errored ?? new Error("Cannot begin TLS: the connection was closed"));
      });
      stream.begin(
        () => this.#exchange({ id, open: { host, port, strict, alpnProtocols }, received: null, written: null }),
        (tls) => resolve(Object.assign(toByteDuplex(stream), { duplex: stream, tls })),
      );
    });
  }

  #exchange(call: Omit<TlsCall, "kind" | "closed">): TlsReply {
    const { ask, closed } = this.#calls;
    if (ask === null) throw new Error("Cannot go on with TLS: nobody is sending");
    this.#calls.closed = [];
    const reply = ask({ kind: "tls", ...call, closed });
    if (reply.error !== null) throw revivedError(reply.error);
    return reply;
  }
}

interface StreamOwner {
  exchange(received: TlsCall["received"], written: Uint8Array | null): TlsReply;
  closed(): void;
}

/** The decrypted stream of one connection, in the worker. */
class WorkerTlsStream extends Duplex {
  readonly #raw: Duplex;
  readonly #owner: StreamOwner;
  #opened: ((tls: TlsInfo) => void) | null = null;
  #hasEnded = false;

  constructor(raw: Duplex, owner: StreamOwner) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    this.#owner = owner;
    // Whoever reads or writes gets the error; without any listener it would end the process.
    this.on("error", () => {});
    raw.on("error", (error) => void this.destroy(error)).on("data", (bytes: Uint8Array) => this.#receive(bytes));
    raw.on("end", () => this.#receive("end"));
    raw.on("close", () => void (this.#hasEnded || this.destroy()));
    raw.resume();
  }

  begin(open: () => TlsReply, opened: (tls: TlsInfo) => void): void {
    this.#opened = opened;
    this.#take(open);
  }

  #receive(received: Uint8Array | "end"): void {
    if (!this.#hasEnded && !this.destroyed) this.#take(() => this.#owner.exchange(received, null));
  }

  #take(exchange: () => TlsReply): void {
    let reply: TlsReply;
    try {
      reply = exchange();
    } catch (error) {
      return void this.destroy(asError(error));
    }
    for (const bytes of reply.encrypted) this.#raw.write(bytes);
    if (reply.tls !== null) {
      this.#opened?.(reply.tls);
      this.#opened = null;
    }
    let hasRoom = true;
    for (const bytes of reply.decrypted) hasRoom = this.push(bytes);
    if (!hasRoom) this.#raw.pause();
    if (!reply.hasEnded || this.#hasEnded) return;
    this.#hasEnded = true;
    this.push(null);
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(bytes: Uint8Array, _encoding: unknown, done: (error?: Error | null) => void): void {
    try {
      for (const piece of this.#owner.exchange(null, bytes).encrypted) this.#raw.write(piece);
    } catch (error) {
      return done(asError(error));
    }
    if (this.#raw.writableNeedDrain) this.#raw.once("drain", () => done());
    else done();
  }

  override _final(done: () => void): void {
    this.#raw.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#owner.closed();
    this.#raw.destroy();
    done(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
