/**
 * Forms as `multipart/form-data` (HTML §4.10.21.8, RFC 7578): written as they are sent, their length known before; and the bytes
 * of a Blob, a piece at a time.
 *
 * @module
 */
import { runtimeCrypto } from "../../internal/runtime.ts";

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

/** The body of a form, which can be made again for another attempt. */
export function formDataBody(form: FormData): {
  body: () => ReadableStream<Bytes>;
  length: number | null;
  type: string;
} {
  const boundary = `----formdata-gp11-${runtimeCrypto().randomUUID().replaceAll("-", "")}`;
  const parts: (Bytes | Blob)[] = [];
  const encoder = new TextEncoder();
  for (const [name, value] of form.entries()) parts.push(...partOf(encoder, boundary, name, value));
  parts.push(encoder.encode(`--${boundary}--\r\n`));
  const sizes = parts.map((part) => part instanceof Uint8Array ? part.byteLength : sizeOf(part));
  return {
    body: () => streamOf(parts),
    length: sizes.reduce((sum, size) => sum === null || size === null ? null : sum + size, 0),
    type: `multipart/form-data; boundary=${boundary}`,
  };
}

function partOf(encoder: TextEncoder, boundary: string, name: string, value: string | File): (Bytes | Blob)[] {
  const start = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(withLineEnds(name))}"`;
  if (typeof value === "string") return [encoder.encode(`${start}\r\n\r\n${withLineEnds(value)}\r\n`)];
  const type = value.type || "application/octet-stream";
  const head = `${start}; filename="${quoted(nameOf(value))}"\r\nContent-Type: ${type}\r\n\r\n`;
  return [encoder.encode(head), value, encoder.encode("\r\n")];
}

/**
 * Bun leaves a Blob without the name forms give it (XMLHttpRequest §4.3), and names one of a file by its path. Where a
 * file lies is nobody's business (RFC 7578 §4.2).
 */
function nameOf({ name = "blob" }: { name?: string }): string {
  return /^(?:[\\/]|[a-z]:[\\/])/i.test(name) ? name.replace(/^.*[\\/]/s, "") : name;
}

/** Every line of a form ends with CR and LF. */
function withLineEnds(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n");
}

function quoted(text: string): string {
  return text.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");
}

/** The parts one after the other, none read before it is asked for. */
function streamOf(parts: readonly (Bytes | Blob)[]): ReadableStream<Bytes> {
  let next = 0;
  let reader: ReadableStreamDefaultReader<Bytes> | null = null;
  return new ReadableStream<Bytes>({
    async pull(controller): Promise<void> {
      for (;;) {
        if (reader !== null) {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          reader = null;
        }
        const part = parts[next++];
        if (part === undefined) return controller.close();
        if (part instanceof Uint8Array) return controller.enqueue(part.slice());
        reader = blobStream(part).getReader();
      }
    },
    cancel: (reason): Promise<void> | void => reader?.cancel(reason),
  }, { highWaterMark: 0 });
}
