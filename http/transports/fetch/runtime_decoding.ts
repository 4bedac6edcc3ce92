/**
 * The content codings a runtime's fetch removes by itself, whether it was asked to or not.
 *
 * @module
 */
import { type ContentCoding, ContentDecodingError, parseContentCodings } from "../../codings/codings.ts";
import { contentLength } from "../../protocol/headers.ts";
import type { TransportRequest, TransportResponse } from "../transport.ts";
import { byobReader, gatheredStream } from "./gathered_stream.ts";

/** The runtimes whose fetch does so. */
export type DecodingRuntime = "deno" | "node";

/** Deno removes a single gzip or br, unless the request begins by asking for identity or asks for a range. */
function denoDecodes(codings: readonly ContentCoding[], request: TransportRequest): boolean {
  if (codings.length !== 1 || (codings[0] !== "gzip" && codings[0] !== "br")) return false;
  let accepted: string | undefined;
  for (const [name, value] of request.headers) {
    const field = name.toLowerCase();
    if (field === "range") return false;
    if (field === "accept-encoding") accepted ??= value;
  }
  return accepted !== undefined && accepted.trim().toLowerCase() !== "identity"; // Without one, identity is sent.
}

/** The response as it is: body decoded, header fields that describe the encoded one gone. */
export function asDecoded(response: Response, request: TransportRequest, runtime: DecodingRuntime): TransportResponse {
  const field = response.headers.get("content-encoding");
  if (field === null || response.body === null || request.method === "HEAD") return response;
  const codings = parseContentCodings(field);
  // X-gzip is an older name that not every runtime knows.
  const isKnown = codings !== undefined && codings.length > 0 && !(runtime === "deno" && /x-gzip/i.test(field));
  // Node removes whatever it knows, in any number of layers.
  if (!isKnown || (runtime === "deno" && !denoDecodes(codings, request))) return response;
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  let body: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  return {
    status: response.status,
    statusText: response.statusText,
    headers,
    contentDecoded: true,
    encodedLength: contentLength(response.headers),
    get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
      return body ??= explained(response.body!, field, runtime === "deno");
    },
    bytes: () => response.bytes().catch((error: unknown) => Promise.reject(decodingError(error, field))),
  };
}

/** The body, failing with a decoding error where its codings are to blame. */
function explained(
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  field: string,
  isInSmallPieces: boolean,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const byob = isInSmallPieces ? byobReader(source) : null;
  if (byob !== null) return gatheredStream(byob, (error) => decodingError(error, field));
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      reader ??= source.getReader();
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        throw decodingError(error, field);
      }
    },
    cancel: (reason) => reader === undefined ? source.cancel(reason) : reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** What decompressors say, as far as it differs from what connections say. */
const TRUNCATED = /unexpected end of file|unexpected EOF|Z_BUF_ERROR/;
const CORRUPT = /gzip|brotli|deflate|CRC|Z_\w+_ERROR|ERR_+ERROR_FORMAT|ZSTD/i;

function decodingError(error: unknown, field: string): unknown {
  if (!(error instanceof Error)) return error;
  const cause = error.cause instanceof Error ? `${(error.cause as { code?: string }).code} ${error.cause.message}` : "";
  const text = `${error.message} ${cause}`;
  if (/connection/i.test(text)) return error;
  if (TRUNCATED.test(text)) {
    const message = `Cannot decode the ${field} body: the data end too early`;
    return new ContentDecodingError("ERR_CONTENT_TRUNCATED", message, { cause: error });
  }
  if (!CORRUPT.test(text)) return error;
  const message = `Cannot decode the ${field} body: the compressed data are damaged`;
  return new ContentDecodingError("ERR_CONTENT_CORRUPT", message, { cause: error });
}

/** The fields with an Accept-Encoding: without one, a runtime asks for what it likes and decodes it. */
export function withAcceptEncoding(fields: TransportRequest["headers"]): TransportRequest["headers"] {
  const isPresent = fields.some(([name]) => name.length === 15 && name.toLowerCase() === "accept-encoding");
  return isPresent ? fields : [...fields, ["accept-encoding", "identity"]];
}
