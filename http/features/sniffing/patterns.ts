/** The byte patterns of the WHATWG MIME Sniffing standard (§6 and §7.1), as data. */

/** One row of a table: what the bytes look like and which type that makes them. */
export interface BytePattern {
  /** The bytes as characters; `*` stands for any byte. */
  readonly text: string;
  /** The type. */
  readonly type: string;
  /** Whether it is the name of a tag: in any letter case, and a space or `>` has to follow. */
  readonly isTag: boolean;
  /** Whether white space in front is skipped. */
  readonly skipsWhitespace: boolean;
}

const ANY = "*".charCodeAt(0);
/** What of a letter is the same in both cases. */
const LETTER = 0xdf;

/** Writes a row down. */
function row(text: string, type: string): BytePattern {
  return { text, type, isTag: false, skipsWhitespace: false };
}

/** A tag that opens an HTML document; letters of its name are capital ones. */
function tag(text: string): BytePattern {
  return { text, type: "text/html", isTag: true, skipsWhitespace: true };
}

const HTML_TAGS = "HTML HEAD SCRIPT IFRAME H1 DIV FONT TABLE A STYLE TITLE B BODY BR P !--".split(" ");

/** Types that can run scripts (§7.1, first table). */
export const SCRIPTABLE_PATTERNS: readonly BytePattern[] = [
  tag("<!DOCTYPE HTML"),
  ...HTML_TAGS.map((name) => tag(`<${name}`)),
  { ...row("<?xml", "text/xml"), skipsWhitespace: true },
  row("%PDF-", "application/pdf"),
];

/** Types that cannot (§7.1, second table). The byte order marks need a fourth byte to be worth believing. */
export const TEXT_PATTERNS: readonly BytePattern[] = [
  row("%!PS-Adobe-", "application/postscript"),
  row("\xfe\xff**", "text/plain"),
  row("\xff\xfe**", "text/plain"),
  row("\xef\xbb\xbf*", "text/plain"),
];

/** §6.1. */
export const IMAGE_PATTERNS: readonly BytePattern[] = [
  row("\x00\x00\x01\x00", "image/x-icon"),
  row("\x00\x00\x02\x00", "image/x-icon"),
  row("BM", "image/bmp"),
  row("GIF87a", "image/gif"),
  row("GIF89a", "image/gif"),
  row("RIFF****WEBPVP", "image/webp"),
  row("\x89PNG\r\n\x1a\n", "image/png"),
  row("\xff\xd8\xff", "image/jpeg"),
];

/** §6.2; MP4, WebM and MP3 without a tag are recognized by code. */
export const AUDIO_VIDEO_PATTERNS: readonly BytePattern[] = [
  row(".snd", "audio/basic"),
  row("FORM****AIFF", "audio/aiff"),
  row("ID3", "audio/mpeg"),
  row("OggS\x00", "application/ogg"),
  row("MThd\x00\x00\x00\x06", "audio/midi"),
  row("RIFF****AVI ", "video/avi"),
  row("RIFF****WAVE", "audio/wave"),
];

/** §6.3. */
export const FONT_PATTERNS: readonly BytePattern[] = [
  row(`${"*".repeat(34)}LP`, "application/vnd.ms-fontobject"),
  row("\x00\x01\x00\x00", "font/ttf"),
  row("OTTO", "font/otf"),
  row("ttcf", "font/collection"),
  row("wOFF", "font/woff"),
  row("wOF2", "font/woff2"),
];

/** §6.4. */
export const ARCHIVE_PATTERNS: readonly BytePattern[] = [
  row("\x1f\x8b\x08", "application/x-gzip"),
  row("PK\x03\x04", "application/zip"),
  row("Rar \x1a\x07\x00", "application/x-rar-compressed"),
];

/** The type of the first row that matches. */
export function matchPatterns(data: Uint8Array, patterns: readonly BytePattern[]): string | undefined {
  return patterns.find((pattern) => matches(data, pattern))?.type;
}

function matches(data: Uint8Array, { isTag, skipsWhitespace, text }: BytePattern): boolean {
  let start = 0;
  if (skipsWhitespace) { while (isWhitespace(data[start])) start++; }
  if (data.byteLength < start + text.length + (isTag ? 1 : 0)) return false;
  const isByte = isTag ? isTagByte : isRowByte;
  for (let index = 0; index < text.length; index++) {
    if (!isByte(text.charCodeAt(index), data[start + index]!)) return false;
  }
  return !isTag || isTagEnd(data[start + text.length]!);
}

function isRowByte(code: number, byte: number): boolean {
  return code === ANY || code === byte;
}

function isTagByte(code: number, byte: number): boolean {
  return code === (code >= 0x41 && code <= 0x5a ? byte & LETTER : byte);
}

/** A whitespace byte (§3). */
export function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d || byte === 0x20;
}

function isTagEnd(byte: number): boolean {
  return byte === 0x20 || byte === 0x3e;
}
