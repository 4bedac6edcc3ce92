/** What came of an attribute that was asked for: its value, or why it has none. */
import { secretBytes } from "../../internal/secret_bytes.ts";
import type { AttributeState, ReadAttribute, ReadRequest } from "./attribute.ts";
import { decodeValue, lengthProblem } from "./attribute_decoding.ts";
import type { AttributeKind, DecodedValue } from "./attribute.ts";
import { CKR } from "../constants/ckr.ts";
import type { ReadableMemory } from "../memory/block.ts";

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
