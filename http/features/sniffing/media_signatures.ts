/** The signatures of audio and video that a table cannot hold (WHATWG MIME Sniffing §6.2.1 to §6.2.3). */

const WEBM_SEARCH_END = 38;
const MPEG_1_RATES = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG_2_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** Whether the data begin like MP4: an `ftyp` box that names an `mp4` brand. */
export function isMp4(data: Uint8Array): boolean {
  if (data.byteLength < 12) return false;
  const boxSize = new DataView(data.buffer, data.byteOffset, 4).getUint32(0);
  if (data.byteLength < boxSize || boxSize % 4 !== 0 || !startsWith(data, 4, "ftyp")) return false;
  if (startsWith(data, 8, "mp4")) return true;
  // Four bytes of version follow the major brand; the compatible brands come after.
  for (let offset = 16; offset < boxSize; offset += 4) if (startsWith(data, offset, "mp4")) return true;
  return false;
}

/** Whether the data begin like WebM: an EBML header whose DocType is `webm`. */
export function isWebm(data: Uint8Array): boolean {
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
export function isMp3(data: Uint8Array): boolean {
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
