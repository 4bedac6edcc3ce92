/** The content codings a session can undo (RFC 9110 §8.4.1, RFC 7932, RFC 9659). */

import { brandError } from "../../internal/error_brand.ts";
import { checkText } from "../../internal/expected.ts";
import { hasZstandard } from "../../internal/runtime.ts";
import { HttpStatus } from "../protocol/status.ts";

/** A content coding under its registered name. */
export type ContentCoding = "gzip" | "deflate" | "br" | "zstd";

/** More layers than this is never an honest server; each layer multiplies what one byte can expand to. */
export const MAX_LAYERS = 5;

/** What this runtime can undo, as Accept-Encoding lists it. */
export const knownCodings: readonly ContentCoding[] = Object.freeze<ContentCoding[]>([
  "gzip",
  "deflate",
  "br",
  ...hasZstandard ? ["zstd"] as const : [],
]);

/** A coding by its name; undefined where this runtime cannot undo it. */
function codingOf(name: string): ContentCoding | undefined {
  return name === "x-gzip" ? "gzip" : knownCodings.find((coding) => coding === name);
}

/** Raised when a body is not what its Content-Encoding says, or expands beyond the limit. */
export class ContentDecodingError extends Error {
  /** `ERR_CONTENT_CORRUPT`, `ERR_CONTENT_TRUNCATED`, `ERR_CONTENT_TOO_LARGE` or `ERR_CONTENT_LAYERS`. */
  readonly code: string;
  /** The status a message ends with. */
  readonly status: number = HttpStatus.MALFORMED;

  /** Makes an error; sessions make them, users catch them. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

brandError(ContentDecodingError, "ContentDecodingError");

/**
 * The codings of a Content-Encoding value in the order they were applied; `identity` is dropped. Returns `undefined`
 * when one is unknown: then nothing can be decoded.
 */
export function parseContentCodings(value: string): ContentCoding[] | undefined {
  const codings: ContentCoding[] = [];
  for (const member of checkText("parse Content-Encoding", value).split(",")) {
    const name = member.trim().toLowerCase();
    if (name === "" || name === "identity") continue;
    const coding = codingOf(name);
    if (coding === undefined) return undefined;
    codings.push(coding);
  }
  return codings;
}
