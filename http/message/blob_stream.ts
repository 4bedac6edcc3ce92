/**
 * The bytes of a Blob, a piece at a time.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBuffer>;

const PIECE = 256 * 1024;

/**
 * A stream of a Blob. Most runtimes give a Blob as one piece, which takes its size once more in memory and is no progress
 * to look at: what is one of theirs is read in slices. A Blob that brings its own stream, or has no size, is not.
 */
export function blobStream(blob: Blob): ReadableStream<Bytes> {
  if (!Number.isSafeInteger(blob.size) || blob.stream !== Blob.prototype.stream) return blob.stream();
  const { size } = blob;
  let offset = 0;
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      const piece = offset < size ? await blob.slice(offset, offset + PIECE).arrayBuffer() : null;
      offset += PIECE;
      // A file may have become shorter; whoever has announced its length notices.
      if (piece === null || piece.byteLength === 0) controller.close();
      else controller.enqueue(new Uint8Array(piece));
    },
  }, { highWaterMark: 0 });
}
