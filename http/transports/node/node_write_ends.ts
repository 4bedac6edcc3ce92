/** What a stream hears when what it has written is out, or cannot be. */
import type { Duplex } from "node:stream";

/** Tells a stream of Node that a write of its own is over. */
export type WriteEnd = (error?: Error | null) => void;

/** What streams of Node write with. */
interface WritingStream {
  _write(piece: unknown, encoding: BufferEncoding, done: WriteEnd): void;
  _writev?(pieces: unknown[], done: WriteEnd): void;
}

/** From now on, a stream hears of the end of its writes through what `around` makes of that. */
export function aroundWriteEnds(stream: Duplex, around: (done: WriteEnd) => WriteEnd): void {
  const writing = stream as unknown as WritingStream;
  const { _write: write, _writev: writeAll } = writing;
  writing._write = (piece, encoding, done) => write.call(writing, piece, encoding, around(done));
  if (writeAll) writing._writev = (pieces, done) => writeAll.call(writing, pieces, around(done));
}

/** True for an error that says that the peer takes nothing more. */
export function isPeerGone(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return code === "EPIPE" || code === "ECONNRESET" || code === "ECONNABORTED";
}

/** True for one that says that the peer had ended its side before: what it has sent until then is all there is. */
export function hadPeerEnded(error: Error): boolean {
  return (error as { code?: unknown }).code === "EPIPE";
}
