/** Reading the start line and fields of an HTTP/1.x response (RFC 9112 §4 and §5). */
import { Buffer } from "node:buffer";
import type { HeaderField, IncomingHead } from "../incoming_response.ts";
import { type Framing, latin1, MalformedResponseError, notHttp, ResponseLimitError } from "./node_response_grammar.ts";

export type { HeaderField };

/** Start line and header fields of one response, informational or final; names are as they were sent. */
export interface ResponseHead extends IncomingHead {
  /** What the fields say about framing, once somebody has asked. */
  framing?: Framing | undefined;
}

/** What a start line says. */
interface StartLine extends Omit<ResponseHead, "headers" | "framing"> {
  /** The line with its end. */
  readonly line: string;
}

const CR = 13;
const COLON = 58;
/** RFC 9112 §4: a reason phrase holds no control character but TAB. */
const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;

/** A thousand fields are more than anybody sends; the runtimes' `Headers` take quadratic time for more. */
const MAX_FIELDS = 1000;

/** Longest section a connection remembers, in characters. */
const MAX_REMEMBERED = 4096;

/**
 * The header section before on one connection. A server sends most of its lines again in the same place, or all of them
 * within one second: they are recognised instead of read, and leave nothing for the garbage collector.
 */
export class KnownLines {
  /** The whole section. */
  section = "";
  /** What the section says. */
  head: ResponseHead | null = null;
  /** The same section has come twice: it is worth looking for once more. */
  isRepeated = false;
  /** The start line. */
  start: StartLine | null = null;
  /** The lines, each with its end. */
  readonly lines: string[] = [];
  /** What the lines say. */
  readonly fields: HeaderField[] = [];
}

/**
 * Reads a header section: its start line, its fields and the empty line at its end.
 *
 * @throws {MalformedResponseError}
 */
export function parseHead(section: string, known?: KnownLines): ResponseHead {
  if (known === undefined || section.length > MAX_REMEMBERED) return readHead(section);
  known.isRepeated = known.head !== null && known.section === section;
  if (known.isRepeated) known.head!.copied ??= null;
  else {
    known.head = readHead(section, known);
    known.section = section;
  }
  return known.head!;
}

/** The section before, if bytes begin with it once more: to find its end again and to read it as text takes longer. */
export function repeatedSection(bytes: Uint8Array, start: number, known: KnownLines | undefined): string | null {
  if (known?.isRepeated !== true) return null;
  const { section } = known;
  const end = start + section.length;
  known.isRepeated = end <= bytes.byteLength && latin1(bytes, start, end) === section;
  return known.isRepeated ? section : null;
}

function readHead(section: string, known?: KnownLines): ResponseHead {
  const last = known?.start ?? null;
  const start = last !== null && section.startsWith(last.line) ? last : parseStartLine(section);
  if (known !== undefined) known.start = start;
  const { httpVersion, line, reasonPhrase, statusCode } = start;
  return { httpVersion, statusCode, reasonPhrase, headers: parseFields(section, line.length, known) };
}

function parseStartLine(section: string): StartLine {
  const newline = section.indexOf("\n");
  const text = section.slice(0, section.charCodeAt(newline - 1) === CR ? newline - 1 : newline);
  const match = STATUS_LINE.exec(text);
  if (!match?.[1]) throw notHttp(Buffer.from(text, "latin1"));
  const [, httpVersion, statusCode, reasonPhrase = ""] = match;
  const line = section.slice(0, newline + 1);
  return { line, httpVersion, statusCode: Number(statusCode), reasonPhrase: reasonPhrase.trim() };
}

/**
 * Reads the field lines of a section from an offset up to the empty line.
 *
 * @throws {MalformedResponseError}
 */
export function parseFields(section: string, offset = 0, known?: KnownLines): HeaderField[] {
  const fields: HeaderField[] = [];
  let start = offset;
  let nextCr = section.indexOf("\r", start);
  for (let count = 0;; count++) {
    const place = fields.length;
    const line = known?.lines[place];
    if (line !== undefined && section.startsWith(line, start)) {
      fields.push(known!.fields[place]!);
      start += line.length;
      continue;
    }
    const newline = section.indexOf("\n", start);
    const end = newline > start && section.charCodeAt(newline - 1) === CR ? newline - 1 : newline;
    if (end === start) break;
    if (count >= MAX_FIELDS) {
      throw new ResponseLimitError(`Cannot read the response: it has more than ${MAX_FIELDS} header lines`);
    }
    if (nextCr >= 0 && nextCr < start) nextCr = section.indexOf("\r", start);
    if (nextCr >= 0 && nextCr < end) throw forbidden();
    addField(fields, section, start, end);
    if (known !== undefined && fields.length > place) {
      known.lines[place] = section.slice(start, newline + 1);
      known.fields[place] = fields[place]!;
    }
    start = newline + 1;
  }
  if (section.includes("\0", offset)) throw forbidden();
  return fields;
}

function addField(fields: HeaderField[], section: string, start: number, end: number): void {
  if (isBlank(section.charCodeAt(start))) {
    const last = fields.pop();
    if (last === undefined) throw new MalformedResponseError("Cannot read the response: a header begins with a space");
    const more = trimmed(section, start, end);
    fields.push(more === "" ? last : [last[0], last[1] === "" ? more : `${last[1]} ${more}`]);
    return;
  }
  let colon = start;
  while (isTokenCharacter[section.charCodeAt(colon)] === 1) colon++;
  if (colon === start || section.charCodeAt(colon) !== COLON) {
    const shown = JSON.stringify(section.slice(start, Math.min(end, start + 40)));
    throw new MalformedResponseError(`Cannot read the response: ${shown} is not a header field`);
  }
  fields.push([section.slice(start, colon), trimmed(section, colon + 1, end)]);
}

/** 1 for the characters of a field name (RFC 9110 §5.6.2). */
const isTokenCharacter: Uint8Array = Uint8Array.from(
  { length: 256 },
  (_, code) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function forbidden(): MalformedResponseError {
  return new MalformedResponseError("Cannot read the response: a header field contains CR or NUL");
}

/** By hand: a pattern for the end of a text looks at every run of spaces again and again. */
function trimmed(section: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(section.charCodeAt(start))) start++;
  while (end > start && isBlank(section.charCodeAt(end - 1))) end--;
  return section.slice(start, end);
}

function isBlank(character: number): boolean {
  return character === 0x20 || character === 0x09;
}
