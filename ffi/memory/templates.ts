/** Attribute templates: arrays of `CK_ATTRIBUTE` written for C. */
import { checkUlong, encodeText } from "./inputs.ts";
import type { Block } from "./block.ts";
import type { Abi } from "../runtime/native.ts";
import { putBytes, setByte, setPointer, type StructLayout, structLayout, type Version } from "./structs.ts";
import { CK_ATTRIBUTE } from "./structs_infos.ts";

/**
 * A value ready for C: booleans become `CK_BBOOL`, numbers and bigints `CK_ULONG`, strings UTF-8, dates `CK_DATE` in
 * UTC, lists of numbers arrays of `CK_ULONG`, lists of entries nested templates; bytes go as they are. `null` is a NULL
 * pointer to no bytes: no value, or a question for the length of one.
 */
export type TemplateValue =
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | Version
  | readonly (number | bigint)[]
  | readonly TemplateEntry[]
  | null;

/** One attribute to write. */
export interface TemplateEntry {
  /** The attribute's type, a {@linkcode CKA} number. */
  readonly type: number;
  /** Its value. */
  readonly value: TemplateValue;
}

/** The layout of `CK_ATTRIBUTE` under an ABI. */
export function attributeLayout(abi: Abi): StructLayout<keyof typeof CK_ATTRIBUTE> {
  return structLayout(CK_ATTRIBUTE, abi);
}

/**
 * Writes a template and its values into a block.
 *
 * @returns The offset of the first `CK_ATTRIBUTE`; their number is `entries.length`.
 * @throws {RangeError} When a number does not fit the block's `CK_ULONG`.
 */
export function writeTemplate(block: Block, entries: readonly TemplateEntry[]): number {
  const { size, offsets } = attributeLayout(block.abi);
  const start = block.alloc(size * entries.length || 1);
  let at = start;
  for (const { type, value } of entries) {
    block.setUlong(at + offsets.type, checkUlong(type, "an attribute type", block.abi.ulong));
    writeValue(block, at, offsets.pValue, offsets.ulValueLen, value);
    at += size;
  }
  return start;
}

function writeValue(block: Block, at: number, pValue: number, ulValueLen: number, value: TemplateValue): void {
  const { abi } = block;
  let length: number;
  let offset: number;
  if (value === null) {
    setPointer(block, at + pValue, 0n);
    return block.setUlong(at + ulValueLen, 0);
  }
  if (typeof value === "boolean") {
    length = 1;
    offset = block.alloc(1);
    setByte(block, offset, value ? 1 : 0);
  } else if (typeof value === "number" || typeof value === "bigint") {
    length = abi.ulong;
    offset = block.alloc(length);
    block.setUlong(offset, checkUlong(value, "an attribute value", abi.ulong));
  } else if (typeof value === "string") {
    length = textLength(value);
    offset = putText(block, value, length);
  } else if (Array.isArray(value)) {
    length = value.length * (isNested(value) ? attributeLayout(abi).size : abi.ulong);
    offset = isNested(value) ? writeTemplate(block, value) : writeUlongs(block, value);
  } else {
    const bytes = valueBytes(value as Date | Uint8Array | Version);
    length = bytes.length;
    offset = putBytes(block, bytes);
  }
  setPointer(block, at + pValue, block.address(offset));
  block.setUlong(at + ulValueLen, length);
}

function isNested(value: readonly unknown[]): value is readonly TemplateEntry[] {
  return typeof value[0] === "object";
}

/** Writes an array of `CK_ULONG` and returns its offset. */
export function writeUlongs(block: Block, values: readonly (number | bigint)[]): number {
  const { ulong } = block.abi;
  const start = block.alloc(values.length * ulong || 1);
  for (let index = 0; index < values.length; index++) {
    block.setUlong(start + index * ulong, checkUlong(values[index], "an attribute value", ulong));
  }
  return start;
}

/** Bytes of a text in UTF-8. */
function textLength(text: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return encodeText(text, "an attribute value").length;
  }
  return text.length;
}

function putText(block: Block, text: string, length: number): number {
  if (length !== text.length) return putBytes(block, encodeText(text, "an attribute value"));
  const offset = block.alloc(length || 1);
  for (let index = 0; index < length; index++) setByte(block, offset + index, text.charCodeAt(index));
  return offset;
}

function valueBytes(value: Date | Uint8Array | Version): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof Date) return encodeText(ckDate(value), "a date");
  return Uint8Array.of(value.major, value.minor);
}

/**
 * A `CK_DATE`, the eight digits YYYYMMDD of a date in UTC.
 *
 * @throws {RangeError} When the date is invalid or its year does not have four digits.
 */
export function ckDate(date: Date): string {
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`Cannot use a date: ${date} is outside the years 0 to 9999`);
  return date.toISOString().slice(0, 10).replaceAll("-", "");
}
