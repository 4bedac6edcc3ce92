/** The MIME type sniffing algorithm (WHATWG MIME Sniffing §5 to §8). */
import {
  ARCHIVE_PATTERNS,
  AUDIO_VIDEO_PATTERNS,
  FONT_PATTERNS,
  IMAGE_PATTERNS,
  isWhitespace,
  matchPatterns,
  SCRIPTABLE_PATTERNS,
  TEXT_PATTERNS,
} from "./patterns.ts";
import { checkBytes, checkOptions } from "../../../internal/expected.ts";
import { formatMediaType, type MediaType, parseMediaType } from "../../protocol/media_type.ts";
import { splitOutsideQuotes } from "../../protocol/syntax.ts";

const WEBM_SEARCH_END = 38;
const MPEG_1_RATES = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG_2_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** Whether the data begin like MP4: an `ftyp` box that names an `mp4` brand. */
function isMp4(data: Uint8Array): boolean {
  if (data.byteLength < 12) return false;
  const boxSize = new DataView(data.buffer, data.byteOffset, 4).getUint32(0);
  if (data.byteLength < boxSize || boxSize % 4 !== 0 || !startsWith(data, 4, "ftyp")) return false;
  if (startsWith(data, 8, "mp4")) return true;
  // Four bytes of version follow the major brand; the compatible brands come after.
  for (let offset = 16; offset < boxSize; offset += 4) if (startsWith(data, offset, "mp4")) return true;
  return false;
}

/** Whether the data begin like WebM: an EBML header whose DocType is `webm`. */
function isWebm(data: Uint8Array): boolean {
  if (data.byteLength < 4 || !startsWith(data, 0, "\x1a\x45\xdf\xa3")) return false;
  for (let offset = 4; offset < Math.min(data.byteLength, WEBM_SEARCH_END); offset++) {
    if (data[offset] !== 0x42 || data[offset + 1] !== 0x82) continue;
    let position = offset + 2;
    if (position >= data.byteLength) return false;
    position += variableIntegerSize(data[position]!);
    while (data[position] === 0) position++;
    if (startsWith(data, position, "webm")) return true;
  }
  return false;
}

/** Whether the data begin with two MPEG audio layer III frames in a row. */
function isMp3(data: Uint8Array): boolean {
  if (!isMp3Header(data, 0)) return false;
  const next = mp3FrameSize(data, 0);
  return next >= 4 && isMp3Header(data, next);
}

function isMp3Header(data: Uint8Array, offset: number): boolean {
  if (data.byteLength < offset + 4) return false;
  const second = data[offset + 1]!;
  const third = data[offset + 2]!;
  const layer = second >> 1 & 3;
  return data[offset] === 0xff && (second & 0xe0) === 0xe0 && layer === 1 && third >> 4 !== 15 &&
    (third >> 2 & 3) !== 3;
}

function mp3FrameSize(data: Uint8Array, offset: number): number {
  const version = data[offset + 1]! >> 3 & 3;
  const third = data[offset + 2]!;
  // 3 is MPEG 1; 2 is MPEG 2 with half, 0 MPEG 2.5 with a quarter of its sample rates and half its frame.
  const isMpeg1 = version === 3;
  const divisor = isMpeg1 ? 1 : version === 2 ? 2 : 4;
  const bitRate = (isMpeg1 ? MPEG_1_RATES : MPEG_2_RATES)[third >> 4]! * 1000;
  const sampleRate = SAMPLE_RATES[third >> 2 & 3]! / divisor;
  return Math.floor(bitRate * (isMpeg1 ? 144 : 72) / sampleRate) + (third >> 1 & 1);
}

function variableIntegerSize(first: number): number {
  return first === 0 ? 8 : Math.clz32(first) - 23;
}

function startsWith(data: Uint8Array, offset: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (data[offset + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

const RSS_1_0 = "http://purl.org/rss/1.0/";
const RDF_SYNTAX = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/** The feed type the data begin like, or `undefined` when they may be HTML. */
function sniffFeed(data: Uint8Array): string | undefined {
  // The markup that is looked for is ASCII, so one character per byte keeps offsets right.
  const text = new TextDecoder("latin1").decode(data);
  let position = text.startsWith("\xef\xbb\xbf") ? 3 : 0;
  while (position < text.length) {
    while (isWhitespace(data[position])) position++;
    if (text[position++] !== "<") return undefined;
    const end = skipMarkup(text, position);
    if (end === undefined) return feedNamed(text, position);
    position = end;
  }
  return undefined;
}

/** The end of the comment, declaration or instruction at `position`; `undefined` when an element begins there. */
function skipMarkup(text: string, position: number): number | undefined {
  if (text.startsWith("!--", position)) return endOf(text, "-->", position + 3);
  if (text[position] === "!") return endOf(text, ">", position + 1);
  if (text[position] === "?") return endOf(text, "?>", position + 1);
  return undefined;
}

function endOf(text: string, terminator: string, position: number): number {
  const index = text.indexOf(terminator, position);
  return index < 0 ? text.length : index + terminator.length;
}

function feedNamed(text: string, position: number): string | undefined {
  if (text.startsWith("rss", position)) return "application/rss+xml";
  if (text.startsWith("feed", position)) return "application/atom+xml";
  if (!text.startsWith("rdf:RDF", position)) return undefined;
  const names = [text.indexOf(RSS_1_0, position), text.indexOf(RDF_SYNTAX, position)];
  return names.every((index) => index >= 0) ? "application/rss+xml" : undefined;
}

/** With this many bytes the result no longer depends on how fast they arrive (§5.2). */
export const RESOURCE_HEADER_LENGTH = 1445;

/** What a resource is loaded for; some loads can only mean certain types (§8). */
export type SniffContext = "any" | "image" | "audio-or-video" | "font";

/** Options of {@linkcode sniffMediaType}. */
export interface SniffOptions {
  /**
   * The Content-Type as it was received; its last member counts.
   *
   * @default {undefined}
   */
  readonly contentType?: string | null | undefined;
  /**
   * Whether `X-Content-Type-Options: nosniff` was received.
   *
   * @default {false}
   */
  readonly noSniff?: boolean | undefined;
  /**
   * What the resource is loaded for.
   *
   * @default {"any"}
   */
  readonly context?: SniffContext | undefined;
}

/** Which of the algorithms a declared type leads to. */
type Plan = "declared" | "unknown" | "text-or-binary" | "feed-or-html" | "image" | "audio-or-video" | "font";

const UNKNOWN_TYPES = new Set(["unknown/unknown", "application/unknown", "*/*"]);
/** What old Apache servers send for every file they do not know: exactly these texts, with this spelling. */
const APACHE_DEFAULTS = new Set([
  "text/plain",
  "text/plain; charset=ISO-8859-1",
  "text/plain; charset=iso-8859-1",
  "text/plain; charset=UTF-8",
]);

/**
 * Finds the media type of a resource from its first bytes (up to 1445 are looked at) and what the server declared.
 * Parameters of the declared type are kept when the type stands.
 *
 * @example A picture that is called something else
 * ```ts
 * import { sniffMediaType } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const gif = new TextEncoder().encode("GIF89a…");
 * assertEquals(sniffMediaType(gif, { contentType: "image/png" }), "image/gif");
 * assertEquals(sniffMediaType(gif, { contentType: "image/png", noSniff: true }), "image/png");
 * assertEquals(sniffMediaType(gif), "image/gif");
 * ```
 */
export function sniffMediaType(data: Uint8Array, options: SniffOptions = {}): string {
  checkBytes("tell the media type", data);
  checkOptions("tell the media type", options);
  const supplied = suppliedType(options.contentType);
  const header = data.subarray(0, RESOURCE_HEADER_LENGTH);
  const declared = supplied.type === undefined ? undefined : formatMediaType(supplied.type);
  switch (choosePlan(supplied, options)) {
    case "unknown":
      return identifyUnknown(header, options.noSniff !== true);
    case "text-or-binary":
      return isText(header) ? "text/plain" : "application/octet-stream";
    case "feed-or-html":
      return sniffFeed(header) ?? declared!;
    case "image":
      return matchPatterns(header, IMAGE_PATTERNS) ?? declared!;
    case "audio-or-video":
      return matchAudioOrVideo(header) ?? declared!;
    case "font":
      return matchPatterns(header, FONT_PATTERNS) ?? declared!;
    default:
      return declared!;
  }
}

/** Whether the bytes matter at all for what {@linkcode sniffMediaType} would answer. */
export function needsBytes(options: SniffOptions): boolean {
  return choosePlan(suppliedType(options.contentType), options) !== "declared";
}

/** Whether `X-Content-Type-Options` forbids sniffing: its first member is `nosniff` (Fetch standard §3.8). */
export function isNoSniff(field: string | null): boolean {
  return field !== null && field.split(",")[0]!.trim().toLowerCase() === "nosniff";
}

interface SuppliedType {
  readonly type: MediaType | undefined;
  readonly isApacheDefault: boolean;
}

function suppliedType(contentType: string | null | undefined): SuppliedType {
  const last = splitOutsideQuotes(contentType ?? "", ",").at(-1) ?? "";
  return { type: parseMediaType(last), isApacheDefault: APACHE_DEFAULTS.has(last) };
}

function choosePlan({ type, isApacheDefault }: SuppliedType, options: SniffOptions): Plan {
  if (type === undefined || UNKNOWN_TYPES.has(type.essence)) return "unknown";
  if (options.noSniff === true) return "declared";
  const context = options.context ?? "any";
  if (context !== "any") return isXml(type) ? "declared" : context;
  if (isApacheDefault) return "text-or-binary";
  if (isXml(type)) return "declared";
  if (type.essence === "text/html") return "feed-or-html";
  if (type.type === "image") return "image";
  const isMedia = type.type === "audio" || type.type === "video" || type.essence === "application/ogg";
  return isMedia ? "audio-or-video" : "declared";
}

function isXml(type: MediaType): boolean {
  return type.subtype.endsWith("+xml") || type.essence === "text/xml" || type.essence === "application/xml";
}

function identifyUnknown(header: Uint8Array, sniffScriptable: boolean): string {
  return (sniffScriptable ? matchPatterns(header, SCRIPTABLE_PATTERNS) : undefined) ??
    matchPatterns(header, TEXT_PATTERNS) ??
    matchPatterns(header, IMAGE_PATTERNS) ??
    matchAudioOrVideo(header) ??
    matchPatterns(header, ARCHIVE_PATTERNS) ??
    (hasBinaryByte(header) ? "application/octet-stream" : "text/plain");
}

function matchAudioOrVideo(header: Uint8Array): string | undefined {
  const type = matchPatterns(header, AUDIO_VIDEO_PATTERNS);
  if (type !== undefined) return type;
  if (isMp4(header)) return "video/mp4";
  if (isWebm(header)) return "video/webm";
  return isMp3(header) ? "audio/mpeg" : undefined;
}

function isText(header: Uint8Array): boolean {
  const [first, second, third] = header;
  const hasMark = first === 0xfe && second === 0xff || first === 0xff && second === 0xfe ||
    first === 0xef && second === 0xbb && third === 0xbf;
  return hasMark || !hasBinaryByte(header);
}

/** Bytes that never occur in text (§3). */
function hasBinaryByte(header: Uint8Array): boolean {
  return header.some((byte) =>
    byte <= 0x08 || byte === 0x0b || byte >= 0x0e && byte <= 0x1a || byte >= 0x1c && byte <= 0x1f
  );
}
