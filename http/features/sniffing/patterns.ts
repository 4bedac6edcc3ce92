/** The byte patterns of the WHATWG MIME Sniffing standard (§6 and §7.1), as data. */

/** One row of a table: what the bytes look like and which type that makes them. */
export interface BytePattern {
  /** The bytes, already masked. */
  readonly bytes: Uint8Array;
  /** Which bits count: 0xff all, 0xdf all but the letter case, 0 none. */
  readonly mask: Uint8Array;
  /** Whether white space in front is skipped. */
  readonly skipsWhitespace: boolean;
  /** Whether a space or `>` has to follow. */
  readonly endsTag: boolean;
  /** The type. */
  readonly type: string;
}

const ANY = "?".charCodeAt(0);

/** The bytes of a text, masked. A loop, as the tables are made at each start: `Uint8Array.from` takes ten times as long. */
function octets(text: string, maskOf: (code: number) => number): Pick<BytePattern, "bytes" | "mask"> {
  const [bytes, mask] = [new Uint8Array(text.length), new Uint8Array(text.length)];
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    mask[index] = maskOf(code);
    bytes[index] = code & mask[index]!;
  }
  return { bytes, mask };
}

/** Writes a row down: `?` stands for any byte, `\xNN` escapes give bytes. */
function row(text: string, type: string): BytePattern {
  const { bytes, mask } = octets(text, (code) => code === ANY ? 0 : 0xff);
  return { bytes, mask, skipsWhitespace: false, endsTag: false, type };
}

/** A tag name that opens an HTML document, in any letter case. */
function tag(text: string): BytePattern {
  return {
    ...octets(text, (code) => code >= 0x41 && code <= 0x5a ? 0xdf : 0xff),
    skipsWhitespace: true,
    endsTag: true,
    type: "text/html",
  };
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
  row("\xfe\xff??", "text/plain"),
  row("\xff\xfe??", "text/plain"),
  row("\xef\xbb\xbf?", "text/plain"),
];

/** §6.1. */
export const IMAGE_PATTERNS: readonly BytePattern[] = [
  row("\x00\x00\x01\x00", "image/x-icon"),
  row("\x00\x00\x02\x00", "image/x-icon"),
  row("BM", "image/bmp"),
  row("GIF87a", "image/gif"),
  row("GIF89a", "image/gif"),
  row("RIFF????WEBPVP", "image/webp"),
  row("\x89PNG\r\n\x1a\n", "image/png"),
  row("\xff\xd8\xff", "image/jpeg"),
];

/** §6.2; MP4, WebM and MP3 without a tag are recognized by code. */
export const AUDIO_VIDEO_PATTERNS: readonly BytePattern[] = [
  row(".snd", "audio/basic"),
  row("FORM????AIFF", "audio/aiff"),
  row("ID3", "audio/mpeg"),
  row("OggS\x00", "application/ogg"),
  row("MThd\x00\x00\x00\x06", "audio/midi"),
  row("RIFF????AVI ", "video/avi"),
  row("RIFF????WAVE", "audio/wave"),
];

/** §6.3. */
export const FONT_PATTERNS: readonly BytePattern[] = [
  row(`${"?".repeat(34)}LP`, "application/vnd.ms-fontobject"),
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

function matches(data: Uint8Array, pattern: BytePattern): boolean {
  let start = 0;
  if (pattern.skipsWhitespace) { while (isWhitespace(data[start])) start++; }
  const { bytes, mask } = pattern;
  if (data.byteLength < start + bytes.byteLength + (pattern.endsTag ? 1 : 0)) return false;
  for (let index = 0; index < bytes.byteLength; index++) {
    if ((data[start + index]! & mask[index]!) !== bytes[index]) return false;
  }
  return !pattern.endsTag || isTagEnd(data[start + bytes.byteLength]!);
}

/** A whitespace byte (§3). */
export function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x09 || byte === 0x0a || byte === 0x0c || byte === 0x0d || byte === 0x20;
}

function isTagEnd(byte: number): boolean {
  return byte === 0x20 || byte === 0x3e;
}
