/**
 * The socket of Bun's own under a stream of `node:net`. What is small and waits for nothing goes to it, and what comes is
 * taken from it, without the steps of Node's streams: they are a tenth of a small exchange, and much of what Bun has to
 * compile before it.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { builtin } from "../../../internal/builtin_modules.ts";
import { runtimeName } from "../../../internal/runtime.ts";
import { aroundWriteEnds } from "./node_write_ends.ts";

/** The part that is used of Bun's socket, which `node:net` has as its handle. */
interface BunSocket {
  /** How many bytes it has taken; less than 0 when it is closed. */
  write(data: Uint8Array | string, encoding: "latin1"): number;
}

/** More is left to the stream, which holds back who writes too much. */
const SMALL = 16 * 1024;

/** TLS over what is no socket of Bun's own, such as TLS: its handle takes all that is written, and keeps it. */
const layered = new WeakSet<Duplex>();

/** Bun's TLS over another stream does not hold back who writes too much: from now on it waits for that stream. */
export function waitForStream(stream: Duplex, under: Duplex): void {
  if (under instanceof builtin.net.Socket && !(under instanceof builtin.tls.TLSSocket)) return;
  layered.add(stream);
  aroundWriteEnds(stream, (done) => (error) => {
    if (error || !under.writableNeedDrain || under.destroyed) return done(error);
    const goOn = (): void => {
      under.off("drain", goOn).off("close", goOn);
      done();
    };
    under.on("drain", goOn).on("close", goOn);
  });
}

/** True for a stream that stands on a socket of Bun's own. */
export function hasBunSocket(stream: Duplex): boolean {
  return runtimeName() === "bun" && !layered.has(stream) && stream instanceof builtin.net.Socket &&
    bunSocketOf(stream) !== null;
}

function bunSocketOf(stream: Duplex): BunSocket | null {
  const { _handle: handle } = stream as { _handle?: Partial<BunSocket> | null };
  return typeof handle?.write === "function" ? handle as BunSocket : null;
}

/** Writes bytes or Latin-1 text if nothing waits in the stream; what is left is for the stream to write. */
export function writePast(stream: Duplex, data: Uint8Array | string): Uint8Array | string {
  if (data.length > SMALL || stream.writableLength > 0 || stream.writableCorked > 0 || stream.writableEnded) {
    return data;
  }
  const taken = bunSocketOf(stream)?.write(data, "latin1") ?? 0;
  if (taken <= 0) return data;
  return typeof data === "string" ? data.slice(taken) : data.subarray(taken);
}

/** Gives what comes while the stream flows to `received` at once; a function that ends this. */
export function readPast(stream: Duplex, received: (bytes: Uint8Array) => void): () => void {
  const { push } = stream;
  stream.push = (bytes: unknown, encoding?: BufferEncoding): boolean => {
    if (bytes === null || stream.readableFlowing !== true || stream.readableLength > 0) {
      return push.call(stream, bytes, encoding);
    }
    received(bytes as Uint8Array);
    return true;
  };
  return () => void (stream.push = push);
}
