/** What came of an attribute that was asked for: its value, made of what C left in the buffer, or why it has none. */
import { secretBytes } from "../../internal/bytes.ts";
import type { AttributeKind, AttributeState, DecodedValue, ReadAttribute, ReadRequest } from "./attribute.ts";
import { CKR } from "../constants/ckr.ts";
import { type ReadableMemory, ulongValue } from "../memory/block.ts";
import { decodeUtf8 } from "../memory/inputs.ts";
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

/**
 * Why an attribute came back without a length, as far as the one return value of the whole call tells; `undefined`
 * where it may mean another attribute. `asked` says that no buffer was given, so that none can have been too small.
 */
export function stateWithoutValue(
  request: ReadRequest,
  unavailable: readonly ReadRequest[],
  rv: number,
  asked: boolean,
): "sensitive" | "invalid" | undefined {
  if (rv !== CKR.ATTRIBUTE_TYPE_INVALID && rv !== CKR.ATTRIBUTE_SENSITIVE) return undefined;
  if (unavailable.length === 1) return rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : "invalid";
  if (!request.secret) return asked || request.kind === "boolean" || request.kind === "ulong" ? "invalid" : undefined;
  const onlyOne = unavailable.filter(({ secret }) => secret).length === 1;
  return asked && onlyOne && rv === CKR.ATTRIBUTE_SENSITIVE ? "sensitive" : undefined;
}

/** An attribute without a value. */
export function missing({ type }: ReadRequest, state: Exclude<AttributeState, "ok" | "error">): ReadAttribute {
  return { type, state, value: undefined };
}

/** An attribute that could not be read: a CK_RV, or what is wrong in words. */
export function failed({ type }: ReadRequest, failure: number | string): ReadAttribute {
  return { type, state: "error", value: undefined, failure };
}

/** Overwrites what may be secret in values that nobody gets. */
export function forget(requests: readonly ReadRequest[], read: readonly ReadAttribute[]): void {
  read.forEach(({ value }, index) => {
    if (requests[index]!.secret && value instanceof Uint8Array) value.fill(0);
  });
}

/** Kinds that have a value without a single byte. */
const EMPTY_VALUES: { readonly [kind in AttributeKind]?: () => DecodedValue } = {
  bytes: () => new Uint8Array(0),
  string: () => "",
  template: () => [],
  ulongs: () => [],
};

/** An attribute with the value C has left at an offset. */
export function decoded(block: ReadableMemory, request: ReadRequest, offset: number, length: number): ReadAttribute {
  const { type, kind } = request;
  if (length === 0) return { type, state: "empty", value: EMPTY_VALUES[kind]?.() };
  if (kind === "template") return missing(request, "invalid");
  const problem = lengthProblem(kind, length, block.abi.ulong);
  if (problem !== undefined) return failed(request, problem);
  const value = request.secret && kind === "bytes"
    ? secretValue(block, offset, length)
    : decodeValue(block, kind, offset, length);
  if (value !== undefined) return { type, state: "ok", value };
  return kind === "ulong" ? missing(request, "empty") : failed(request, "its bytes are no CK_DATE");
}

function secretValue(memory: ReadableMemory, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const value = secretBytes(length);
  memory.copyInto(offset, length, value);
  return value;
}
