/** Texts in character arrays of structures. */
import { decodeUtf8 } from "./inputs.ts";

const BLANK = 0x20;

/**
 * Text of a character array, without the blanks it is padded with (PKCS#11 2.40 §2.1). Some tokens pad with NULs: these
 * are part of the text, as libp11-kit has it, so that a URI made of it is the one others know. An array that begins with
 * one says nothing.
 */
export function paddedText(bytes: Uint8Array): string {
  if (bytes[0] === 0) return "";
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === BLANK) end--;
  return decodeUtf8(bytes.subarray(0, end));
}

/** A text as people know it: without the NULs that some tokens pad with. */
export function withoutNuls(field: string): string {
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end).trimEnd();
}
