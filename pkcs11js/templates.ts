/** Templates of pkcs11js. */
import { CKA } from "../ffi/constants/mod.ts";
import type { Block } from "../ffi/memory/block.ts";
import { ckDate, type TemplateEntry, type TemplateValue, writeTemplate } from "../ffi/memory/templates.ts";
import { bytesOf, ulongIn } from "./values.ts";

const DATE_LENGTH = 8;

/** The entries of a template, checked. */
export function templateEntries(template: unknown, argument: number, ulong: 4 | 8): TemplateEntry[] {
  if (!Array.isArray(template)) throw new TypeError(`Argument ${argument} has wrong type. Should be an Array`);
  const entries: TemplateEntry[] = [];
  for (let index = 0; index < template.length; index++) {
    const attribute: unknown = template[index];
    if (typeof attribute !== "object" || attribute === null) throw wrong(index, "Should be an Object");
    const { type, value } = attribute as { readonly type?: unknown; readonly value?: unknown };
    if (typeof type !== "number") throw wrong(index, "Property 'type' should be a Number");
    const number = ulongIn(type, ulong);
    if (number === undefined) throw new RangeError(`Element ${index} has no attribute type: ${type} is no CK_ULONG`);
    entries.push({ type: number, value: templateValue(number, value, index, ulong) });
  }
  return entries;
}

/** Writes a template and returns its words: its address and its length. */
export function putTemplate(block: Block, entries: readonly TemplateEntry[]): [address: bigint, count: bigint] {
  return [block.address(writeTemplate(block, entries)), BigInt(entries.length)];
}

function templateValue(type: number, value: unknown, index: number, ulong: 4 | 8): TemplateValue {
  if (value === undefined || value === null) return null;
  if (type === CKA.START_DATE || type === CKA.END_DATE) return dateValue(type, value);
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    const number = ulongIn(value, ulong);
    if (number === undefined) throw new RangeError(`Element ${index} has no value: ${value} is no CK_ULONG`);
    return number;
  }
  const bytes = bytesOf(value);
  // A copy: code of the caller runs until the whole template is read.
  if (bytes !== null) return new Uint8Array(bytes);
  throw wrong(index, "Property 'value' should be a Number, Boolean, String or Buffer");
}

function dateValue(type: number, value: unknown): TemplateValue {
  if (value instanceof Date) return ckDate(value);
  const bytes = typeof value === "string" ? null : bytesOf(value);
  if (typeof value !== "string" && bytes === null) throw noDate(type, "Should be a String, Buffer or Date");
  const date = bytes ?? value as string;
  if (date.length < DATE_LENGTH) throw noDate(type, "The length of the data should be at least 8 bytes.");
  return typeof date === "string" ? date.slice(0, DATE_LENGTH) : date.slice(0, DATE_LENGTH);
}

function noDate(type: number, expected: string): TypeError {
  const hex = type.toString(16).toUpperCase().padStart(8, "0");
  return new TypeError(`Attribute with type 0x${hex} is not convertible to CK_DATE. ${expected}`);
}

function wrong(index: number, expected: string): TypeError {
  return new TypeError(`Element ${index} has wrong type. ${expected}`);
}
