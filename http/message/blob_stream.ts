/**
 * The bytes of a Blob, a piece at a time.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBuffer>;

const PIECE = 256 * 1024;

/**
 * How many bytes a Blob has; null where nobody knows before it is read. Blobs of pipes and devices have no size. Files of
 * Bun say 0 also when they are not there, when they cannot be looked at, and when the system makes their content as it is
 * read, as below /proc: an empty File of a program cannot be told from these.
 */
export function sizeOf(blob: Blob): number | null {
  const { exists, name } = blob as { exists?: unknown; name?: unknown };
  const isFile = typeof exists === "function" && typeof name === "string";
  // Once asked for its size, a file of Bun gives no more than that: a copy of it is asked.
  const { size } = isFile ? blob.slice() : blob;
  return !Number.isSafeInteger(size) || (isFile && size === 0) ? null : size;
}

/**
 * A stream of a Blob. Most runtimes give a Blob as one piece, which takes its size once more in memory and is no progress
 * to look at: what is one of theirs is read in slices. A Blob that brings its own stream, or whose size nobody knows, is not.
 */
export function blobStream(blob: Blob): ReadableStream<Bytes> {
  const size = sizeOf(blob);
  if (size === null || blob.stream !== Blob.prototype.stream) return blob.stream();
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
