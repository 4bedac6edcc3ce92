/** The MIME type sniffing algorithm (WHATWG MIME Sniffing §5, §7 and §8). */

import { checkBytes, checkOptions } from "../../../internal/expected.ts";
import { formatMediaType, type MediaType, parseMediaType } from "../../protocol/media_type.ts";
import { splitOutsideQuotes } from "../../protocol/syntax.ts";
import { sniffFeed } from "./feed.ts";
import { isMp3, isMp4, isWebm } from "./media_signatures.ts";
import {
  ARCHIVE_PATTERNS,
  AUDIO_VIDEO_PATTERNS,
  FONT_PATTERNS,
  IMAGE_PATTERNS,
  matchPatterns,
  SCRIPTABLE_PATTERNS,
  TEXT_PATTERNS,
} from "./patterns.ts";

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
