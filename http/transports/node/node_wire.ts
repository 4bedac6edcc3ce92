/** One byte stream with its listeners attached once, handed from exchange to exchange. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { builtin } from "../../../internal/builtin_modules.ts";
import { toByteDuplex } from "../../../internal/byte_duplex.ts";
import type { UpgradedStream } from "../transport.ts";
import { runtimeName } from "../../../internal/runtime.ts";
import { hasBunSocket, readPast, writePast } from "./node_bun_socket.ts";
import { failureSinceArrival } from "./node_tcp.ts";
import { countExchange, writeSoon } from "./node_write_batch.ts";
import { aroundWriteEnds, hadPeerEnded, isPeerGone } from "./node_write_ends.ts";

/** What is shorter is not worth memory of its own. */
const SHORT = 4096;
/** One is on its way while the next is filled. */
const ROOMS = 2;
/** Where data is copied to in a room, behind its header: copying to odd places takes longer, on Bun twice as long. */
export const EVEN = 64;

/** Who gets what arrives on a {@linkcode Wire}. */
export interface WireReader {
  /** True for one that has copied what it needs when `received` returns. */
  readonly keepsNothing?: boolean;
  received(bytes: Uint8Array): void;
  /** The peer has closed its side. */
  ended(): void;
  /** The stream has failed or was closed without an end. */
  broke(error: Error): void;
}

/** A socket, or what stands on one, while it belongs to one connection. */
export class Wire {
  readonly #stream: Duplex;
  readonly #socket: Socket;
  #reader: WireReader | null = null;
  #ended = false;
  #error: Error | null;
  #wasRead = false;
  #outlivesWrites = false;
  /** The ends of the stream's writes are looked at. */
  #hearsWrites = false;
  #writeError: Error | null = null;
  #detached = false;
  #keepsProcessAlive = true;
  #wakeWriter: (() => void) | null = null;
  /** What was joined in, for what is joined next while somebody waits for an exchange. */
  #rooms: Buffer[] = [];
  readonly #hasBunSocket: boolean;
  /** Has the stream take again what comes; null where it does anyway. */
  readonly #readByStream: (() => void) | null;

  /** Called when bytes or an end arrive while no reader is there. */
  onIdleActivity: (() => void) | null = null;

  constructor(stream: Duplex, socket: Socket) {
    this.#stream = stream;
    this.#socket = socket;
    this.#error = failureSinceArrival(stream);
    stream.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose);
    stream.on("drain", this.#onDrain);
    this.#hasBunSocket = hasBunSocket(stream);
    this.#readByStream = this.#hasBunSocket ? readPast(stream, this.#onData) : null;
  }

  /** True while bytes can go both ways. */
  get isAlive(): boolean {
    return !this.#ended && this.#error === null && this.#writeError === null && !this.#stream.destroyed &&
      !this.#detached;
  }

  /** What the stream has failed with. */
  get failure(): Error | null {
    return this.#error;
  }

  /** Why nothing more can be written, where what has come is read all the same. */
  get writeError(): Error | null {
    return this.#writeError;
  }

  /** Gives what arrives to a reader, from now on, or to nobody. */
  read(reader: WireReader | null): void {
    if ((reader === null) !== (this.#reader === null)) countExchange(reader === null ? -1 : 1);
    this.#reader = reader;
    this.#outlivesWrites = false;
    if (reader !== null && !this.#wasRead) this.#readFirst();
    if (reader !== null && this.#error !== null) reader.broke(this.#error);
    else if (reader !== null && this.#ended) reader.ended();
  }

  /** A server that refuses a client's certificate says so once it is written to: Deno may be told first that it is gone. */
  #readFirst(): void {
    this.#wasRead = true;
    if (this.#stream !== this.#socket && runtimeName() === "deno") this.outliveWrites();
  }

  /**
   * Writes bytes or Latin-1 text; the promise, if any, resolves when the stream wants more. `written` is called once the
   * stream has no use for the bytes any longer.
   */
  write(data: Uint8Array | string, written?: () => void): Promise<void> | void {
    if (this.#error !== null || this.#stream.destroyed) return;
    if (this.#writeError !== null) return this.#drained();
    const rest = this.#hasBunSocket && written === undefined ? writePast(this.#stream, data) : data;
    if (rest.length > 0 && !this.#stream.write(rest, "latin1", written)) return this.#drained();
  }

  /**
   * For the reader that is there, what has come is read also when nothing more can be written: a server that wants no more
   * of a body answers, and closes.
   */
  outliveWrites(): void {
    this.#outlivesWrites = true;
    if (this.#hearsWrites) return;
    this.#hearsWrites = true;
    // What a layer that is no socket writes comes to the one below, which must not be gone while there is more to read.
    const written = this.#stream instanceof builtin.net.Socket ? this.#stream : this.#socket;
    aroundWriteEnds(written, (done) => (error) => {
      if (!error || !this.#isOutlived(error)) done(error);
    });
  }

  /** Keeps the error of a write for when there is nothing more to read, which the system then says: true if it does. */
  #isOutlived(error: Error): boolean {
    if (!this.#outlivesWrites || this.#detached || this.#socket.destroyed || !isPeerGone(error)) return false;
    this.#writeError ??= error;
    // A layer above the socket may not hear of its end.
    this.#socket.once("close", () => void setImmediate(this.#onClose));
    this.resume();
    return true;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#wakeWriter = resolve);
  }

  /**
   * Memory to join in what is written together, which takes streams longer by itself: such as has been used where there is
   * some, as fresh memory costs more than the copying.
   */
  takeRoom(size: number): Buffer {
    const place = size < SHORT ? -1 : this.#rooms.findLastIndex(({ byteLength }) => byteLength >= size);
    return place < 0 ? Buffer.allocUnsafe(size) : this.#rooms.splice(place, 1)[0]!;
  }

  /** Writes a part of what {@linkcode takeRoom} has given, which is taken back. */
  writeRoom(room: Buffer, begin: number, end: number): Promise<void> | void {
    const bytes = begin === 0 && end === room.byteLength ? room : room.subarray(begin, end);
    if (room.byteLength < SHORT) return this.write(bytes);
    return this.write(bytes, () => {
      // The runtime's sockets have passed the bytes on, other streams may have kept them.
      if (!this.#keepsProcessAlive || !(this.#stream instanceof builtin.net.Socket)) return;
      if (this.#rooms.push(room) > ROOMS) this.#rooms.shift();
    });
  }

  /** Writes as one what `join` puts into so many bytes from `begin` on: a header of `header` bytes, data and more. */
  writeJoined(size: number, header: number, join: (room: Buffer, begin: number) => void): Promise<void> | void {
    const begin = size < SHORT ? 0 : EVEN - header;
    const room = this.takeRoom(begin + size);
    join(room, begin);
    return this.writeRoom(room, begin, begin + size);
  }

  /** Keeps back what `writing` writes until it returns. */
  together<T>(writing: () => T): T {
    this.#stream.cork();
    try {
      return writing();
    } finally {
      this.#stream.uncork();
    }
  }

  /** Writes a request that nothing follows. */
  writeAll(text: string): void {
    writeSoon(this, text);
  }

  /** Holds the peer back. */
  pause(): void {
    if (!this.#stream.isPaused()) this.#stream.pause();
  }

  /** Lets the peer go on. */
  resume(): void {
    if (this.#stream.isPaused()) this.#stream.resume();
  }

  /** Whether the process stays alive for this stream. */
  keepsProcessAlive(value: boolean): void {
    if (value === this.#keepsProcessAlive) return;
    this.#keepsProcessAlive = value;
    if (value) return void this.#socket.ref();
    this.#socket.unref();
    this.#rooms = [];
  }

  /** Takes the listeners off, so that another layer can be put on the stream. */
  detach(): void {
    this.#detached = true;
    this.#stream.pause();
    this.#readByStream?.();
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    this.#stream.off("error", this.#onError).off("drain", this.#onDrain);
    // The next layer reports a failure too; without any listener it would end the process.
    this.#stream.on("error", () => {});
  }

  /** Gives the stream away, with what has come already, to whoever speaks another protocol on it. */
  handOver(arrived: Uint8Array): UpgradedStream {
    this.read(null);
    this.keepsProcessAlive(true);
    this.detach();
    const stream = this.#stream;
    const socket = this.#socket;
    if (arrived.byteLength > 0) stream.unshift(Buffer.from(arrived));
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    stream.once("close", () => resolve());
    return Object.assign(toByteDuplex(stream), {
      closed,
      destroy: () => {
        stream.destroy();
        socket.destroy();
        resolve();
      },
    });
  }

  /** Closes at once, whatever is still under way. */
  destroy(): void {
    this.read(null);
    this.#wakeWriter?.();
    this.#wakeWriter = null;
    this.#stream.destroy();
    // A layer above the socket ends it in its own time, and some never do when the peer is silent.
    this.#socket.destroy();
  }

  readonly #onData = (bytes: Uint8Array): void => {
    const reader = this.#reader;
    if (reader === null) return this.onIdleActivity?.();
    reader.received(bytes);
    if (reader.keepsNothing === true && this.#stream instanceof builtin.net.Socket) giveBack(bytes);
  };

  readonly #onEnd = (): void => {
    if (this.#writeError !== null && !hadPeerEnded(this.#writeError)) return this.#onError(this.#writeError);
    this.#ended = true;
    if (this.#reader !== null) this.#reader.ended();
    else this.onIdleActivity?.();
  };

  readonly #onError = (error: Error): void => {
    if (this.#error !== null) return;
    this.#error = error;
    this.#wakeWriter?.();
    if (this.#reader !== null) this.#reader.broke(error);
    else this.onIdleActivity?.();
  };

  readonly #onClose = (): void => {
    if (!this.#ended && this.#error === null) this.#onError(this.#writeError ?? new Error("Connection closed"));
  };

  readonly #onDrain = (): void => {
    const wake = this.#wakeWriter;
    this.#wakeWriter = null;
    wake?.();
  };
}

/**
 * Gives the memory of what came from a socket of the runtime back at once: what comes next lies in the same then, where the
 * collector would have had the process ask the kernel for more.
 */
function giveBack(bytes: Uint8Array): void {
  // The buffer of a short one would first have to be made.
  if (bytes.byteLength < SHORT) return;
  const { buffer } = bytes;
  if (bytes.byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}
