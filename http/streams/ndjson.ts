/** JSON records, one a line (NDJSON, JSON Lines). */

import { brandError } from "../../internal/error_brand.ts";
import { checkOptions, wholeLimit } from "../../internal/expected.ts";
import { type BodySource, LineSplitter, readChunks, StreamingTextDecoder } from "./source.ts";

/** Options of {@linkcode readNdjson}. */
export interface ReadNdjsonOptions {
  /**
   * The most characters one record may have; a body that goes beyond fails with a `RecordTooLongError`.
   *
   * @default {16777216}
   */
  readonly maxRecordSize?: number | undefined;
  /**
   * Called with a line that is no JSON, to pass over it; without it such a line throws an {@linkcode NdjsonError}.
   *
   * @default {undefined}
   */
  readonly onInvalid?: ((error: NdjsonError) => void) | undefined;
  /** Ends the reading: the body is cancelled and the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | null | undefined;
}

/** Raised for a line that is no JSON. */
export class NdjsonError extends SyntaxError {
  /** The number of the line, from 1. */
  readonly line: number;
  /** The line. */
  readonly text: string;

  /** Makes an error; readers make them, users catch them. */
  constructor(line: number, text: string, options?: ErrorOptions) {
    super(`Cannot read line ${line} of the body: it is not JSON`, options);
    this.line = line;
    this.text = text;
  }
}

brandError(NdjsonError, "NdjsonError");

/**
 * The JSON values of a body with one value a line, as they arrive. Empty lines are passed over; the last line needs no
 * end.
 *
 * @example Two records
 * ```ts
 * import { readNdjson } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const values: number[] = [];
 * for await (const record of readNdjson<{ n: number }>(new Response('{"n":1}\n{"n":2}'))) values.push(record.n);
 * assertEquals(values, [1, 2]);
 * ```
 */
export async function* readNdjson<T = unknown>(
  source: BodySource,
  options: ReadNdjsonOptions = {},
): AsyncGenerator<T, void, undefined> {
  const maxLength = wholeLimit(
    "maxRecordSize",
    checkOptions("read NDJSON", options, ["onInvalid"]).maxRecordSize ?? 2 ** 24,
  );
  const lines = new LineSplitter({ carriageReturn: false, maxLength });
  const decoder = new StreamingTextDecoder();
  let number = 0;
  for await (const chunk of readChunks(source, options.signal)) {
    for (const line of lines.push(decoder.decode(chunk))) {
      const record = readRecord<T>(++number, line, options);
      if (record !== undefined) yield record.value;
    }
  }
  const rest = [...lines.push(decoder.decode()), lines.finish()];
  for (const line of rest) {
    const record = readRecord<T>(++number, line, options);
    if (record !== undefined) yield record.value;
  }
}

function readRecord<T>(number: number, line: string, options: ReadNdjsonOptions): { value: T } | undefined {
  if (/^\s*$/.test(line)) return undefined;
  try {
    return { value: JSON.parse(line) as T };
  } catch (cause) {
    const error = new NdjsonError(number, line, { cause });
    if (options.onInvalid === undefined) throw error;
    options.onInvalid(error);
    return undefined;
  }
}
