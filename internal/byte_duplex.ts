/** Between Node's streams and pairs of web streams, and streams of Node that callers give. */
import type { Duplex } from "node:stream";
import { builtin } from "./builtin_modules.ts";

/** A plain two-way byte stream. */
export interface ByteDuplex {
  /** Bytes from the peer; ends when the peer closes. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
  /** The same stream as Node has it, where it is one. Whoever uses it leaves the other two alone. */
  readonly duplex?: Duplex | undefined;
}

/** A connected stream as a pair of web streams, each made when it is asked for; errors and backpressure go through. */
export function toByteDuplex(stream: Duplex): ByteDuplex {
  let readable: ReadableStream<Uint8Array> | null = null;
  let writable: WritableStream<Uint8Array> | null = null;
  return {
    get readable() {
      return readable ??= readableOf(stream);
    },
    get writable() {
      return writable ??= writableOf(stream);
    },
    duplex: stream,
  };
}

function readableOf(stream: Duplex): ReadableStream<Uint8Array> {
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const end = (settle: () => void) => {
        if (isOver) return;
        isOver = true;
        settle();
      };
      stream.on("data", (bytes: Uint8Array) => {
        if (isOver) return;
        controller.enqueue(new Uint8Array(bytes));
        if ((controller.desiredSize ?? 0) <= 0) stream.pause();
      });
      stream.on("end", () => end(() => controller.close()));
      stream.on("error", (error: Error) => end(() => controller.error(error)));
      stream.on("close", () => end(() => controller.error(new Error("Cannot go on: the connection was closed"))));
      stream.pause();
    },
    pull() {
      stream.resume();
    },
    cancel() {
      isOver = true;
      stream.destroy();
    },
  });
}

function writableOf(stream: Duplex): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write(bytes) {
      return new Promise((resolve, reject) =>
        stream.write(bytes, (error?: Error | null) => error ? reject(error) : resolve())
      );
    },
    close() {
      stream.end();
    },
    abort() {
      stream.destroy();
    },
  });
}

/** A pair of web streams as a Node stream, which has them to itself until it is closed. */
export function fromByteDuplex(pair: ByteDuplex): Duplex {
  if (pair.duplex !== undefined) return pair.duplex;
  const writer = pair.writable.getWriter();
  const reader = readerBeside(writer, pair.readable);
  let isReading = false;
  const stream: Duplex = new builtin.stream.Duplex({
    // A server may still answer after the client's side has ended, and the other way round.
    allowHalfOpen: true,
    read() {
      if (isReading) return;
      isReading = true;
      pump().catch((error: unknown) => stream.destroy(asError(error))).finally(() => isReading = false);
    },
    write(bytes: Uint8Array, _encoding, done) {
      writer.write(new Uint8Array(bytes)).then(() => done(), (error: unknown) => done(asError(error)));
    },
    final(done) {
      writer.close().then(() => done(), () => done());
    },
    destroy(error, done) {
      const reason = error ?? new Error("Cannot go on: the connection was closed");
      // Both sides are told; either may have failed already, which is why they are.
      const told = Promise.allSettled([reader.cancel(reason), writer.abort(reason)]);
      reader.releaseLock();
      writer.releaseLock();
      told.then(() => done(error));
    },
  });
  writer.closed.catch((error: unknown) => stream.destroy(asError(error)));
  return stream;

  async function pump(): Promise<void> {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return void stream.push(null);
      if (!stream.push(value)) return;
    }
  }
}

/** Reads one side of a pair; the other, which is held already, is let go where this one is in use. */
function readerBeside(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  readable: ReadableStream<Uint8Array>,
): ReadableStreamDefaultReader<Uint8Array> {
  try {
    return readable.getReader();
  } catch (error) {
    writer.releaseLock();
    throw error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What a caller's stream of Node is told by: each runtime and library has classes of its own. */
interface CallersStream {
  on(event: "error", listener: () => void): unknown;
  destroy?(): unknown;
}

const heeded = new WeakSet<object>();

function isNodeStream(source: unknown): source is CallersStream {
  return typeof (source as Partial<CallersStream> | null)?.on === "function";
}

/**
 * Listens for the errors of a stream from the moment it is given. Whoever reads it gets an earlier error, too; without a
 * listener one that comes before the first read would end the process.
 */
export function heedErrors(source: unknown): void {
  if (!isNodeStream(source) || heeded.has(source)) return;
  heeded.add(source);
  source.on("error", () => {});
}

/**
 * Ends a stream that nobody reads any further. Returning its iterator does not: one that was never asked for anything
 * leaves the stream as it is, and one that waits for the next piece goes on waiting.
 */
export function endStream(source: unknown): void {
  if (isNodeStream(source)) source.destroy?.();
}
