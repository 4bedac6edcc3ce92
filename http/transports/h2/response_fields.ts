/** What may stand in the header section of a response (RFC 9113 §8.2 and §8.3.2). */
import type { HeaderField, IncomingHead } from "../incoming_response.ts";
import { StreamFault } from "./wire/errors.ts";
import type { Section } from "./wire/hpack_decoder.ts";
import { isConnectionField } from "./request_fields.ts";

/** A name without capital letters (RFC 9113 §8.2.1). */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const FORBIDDEN_IN_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;
const STATUS = /^[1-9][0-9]{2}$/;

/**
 * The header section of a response, informational or final.
 *
 * @throws {StreamFault} If it breaks the rules or is too large.
 */
export function responseHead(section: Section): IncomingHead {
  checkSize(section);
  const first = section.fields[0];
  if (first?.[0] !== ":status" || !STATUS.test(first[1])) throw new StreamFault("it does not begin with its status");
  const statusCode = Number(first[1]);
  if (statusCode === 101) throw new StreamFault("it switches protocols, which HTTP/2 does not");
  const headers = section.fields.slice(1);
  checkFields(headers);
  return { httpVersion: "2", statusCode, reasonPhrase: "", headers };
}

/**
 * Fields behind a body.
 *
 * @throws {StreamFault} If they break the rules or are too large.
 */
export function trailerFields(section: Section): readonly HeaderField[] {
  checkSize(section);
  checkFields(section.fields);
  return section.fields;
}

/**
 * The length a response announces; null when it does not.
 *
 * @throws {StreamFault} If it is no number, or two of them.
 */
export function announcedLength({ headers }: IncomingHead): number | null {
  let length: string | null = null;
  for (const [name, value] of headers) {
    if (name !== "content-length") continue;
    if (!/^[0-9]{1,15}$/.test(value) || (length !== null && length !== value)) {
      throw new StreamFault(`${JSON.stringify(value.slice(0, 40))} is not a Content-Length`);
    }
    length = value;
  }
  return length === null ? null : Number(length);
}

function checkSize({ isTooLarge }: Section): void {
  if (isTooLarge) {
    throw new StreamFault("its header is longer than the limit", undefined, "ERR_HTTP_HEADERS_TOO_LARGE");
  }
}

function checkFields(fields: readonly HeaderField[]): void {
  for (const [name, value] of fields) {
    if (!NAME.test(name)) throw new StreamFault(`${JSON.stringify(name.slice(0, 40))} is no name of a header field`);
    if (isConnectionField(name) && name !== "host") {
      throw new StreamFault(`it has the header ${name}, which belongs to HTTP/1.1`);
    }
    if (FORBIDDEN_IN_VALUE.test(value)) throw new StreamFault(`the header ${name} has a value that none may have`);
  }
}
