/** What C left in the buffer of an attribute, as a JavaScript value. */
import type { AttributeKind, DecodedValue, ReadAttribute } from "./attribute.ts";
import { decodeUtf8 } from "../memory/inputs.ts";
import { type ReadableMemory, ulongValue } from "../memory/block.ts";
import { getByte } from "../memory/structs.ts";

/** Up to this length a loop is faster than a TextDecoder. */
const SHORT_TEXT = 48;

/** Why `length` bytes are no value of a kind, in words; `undefined` where they can be one. */
export function lengthProblem(
  kind: Exclude<AttributeKind, "template">,
  length: number,
  ulong: 4 | 8,
): string | undefined {
  // Some modules store numbers as wide as another machine's CK_ULONG.
  if (kind === "ulong" && length !== 4 && length !== 8) return `its ${length} bytes are no CK_ULONG`;
  if (kind === "boolean" && length !== 1) return `its ${length} bytes are no CK_BBOOL`;
  if (kind === "version" && length !== 2) return `its ${length} bytes are no CK_VERSION`;
  if (kind === "ulongs" && length % ulong !== 0) return `its ${length} bytes are no array of CK_ULONG`;
  return undefined;
}

/**
 * The value of `length` bytes at `offset`, read as `kind`. `undefined` where the bytes are no such value, and for a
 * number that is `CK_UNAVAILABLE_INFORMATION`.
 */
export function decodeValue(
  block: ReadableMemory,
  kind: Exclude<AttributeKind, "template">,
  offset: number,
  length: number,
): Exclude<DecodedValue, ReadAttribute[]> | undefined {
  if (kind === "bytes") return block.copyOut(offset, length);
  if (kind === "string") return decodeText(block, offset, length);
  if (kind === "boolean") return getByte(block, offset) !== 0;
  if (kind === "ulong") return decodeUlong(block, offset, length);
  if (kind === "ulongs") return decodeUlongs(block, offset, length);
  if (kind === "date") return decodeDate(decodeText(block, offset, length));
  return { major: getByte(block, offset), minor: getByte(block, offset + 1) };
}

/** Text in UTF-8; what is no UTF-8 becomes U+FFFD. */
export function decodeText(block: ReadableMemory, offset: number, length: number): string {
  if (length > SHORT_TEXT || offset >= block.bytes.length) return decodeUtf8(block.bytesAt(offset, length));
  let text = "";
  for (let at = offset; at < offset + length; at++) {
    const byte = block.bytes[at]!;
    if (byte > 0x7f) return decodeUtf8(block.bytesAt(offset, length));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** A number of the module's width or the other. */
function decodeUlong(block: ReadableMemory, offset: number, length: number): number | bigint | undefined {
  if (length === block.abi.ulong) {
    const value = block.getUlong(offset);
    if (typeof value === "number") return block.abi.ulong === 4 && value === 0xffff_ffff ? undefined : value;
    return value === 0xffff_ffff_ffff_ffffn ? undefined : value;
  }
  let value = 0n;
  for (let at = length - 1; at >= 0; at--) value = value << 8n | BigInt(getByte(block, offset + at));
  return ulongValue(value);
}

function decodeUlongs(block: ReadableMemory, offset: number, length: number): (number | bigint)[] {
  const { ulong } = block.abi;
  return Array.from({ length: Math.floor(length / ulong) }, (_, index) => block.getUlong(offset + index * ulong));
}

function decodeDate(text: string): Date | undefined {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
