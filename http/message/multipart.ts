/**
 * Forms as `multipart/form-data` (HTML §4.10.21.8, RFC 7578): written as they are sent, their length known before.
 *
 * @module
 */

import { runtimeCrypto } from "../../internal/runtime.ts";
import { blobStream, sizeOf } from "./blob_stream.ts";

type Bytes = Uint8Array<ArrayBuffer>;

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
