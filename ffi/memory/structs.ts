/** C structures as data: where each member lies, and how values get in and out. */
import { checkUlong, decodeUtf8 } from "./inputs.ts";
import type { Block, ReadableMemory } from "./block.ts";
import type { Abi } from "../runtime/native.ts";

/**
 * One member's C type: a `CK_ULONG`, a pointer, a single byte (`CK_BYTE`, `CK_BBOOL`), a `CK_VERSION`, or an array of
 * so many bytes. A structure inside a structure is written out member by member, as `RandomInfo.pClientRandom`.
 */
export type StructMember = "ulong" | "pointer" | "byte" | "version" | number;

/** A C structure: its members in order. */
export type StructDefinition = Readonly<Record<string, StructMember>>;

/** `CK_VERSION`. */
export interface Version {
  /** Major version, 3 in 3.2. */
  readonly major: number;
  /** Minor version, 2 in 3.2. */
  readonly minor: number;
}

/** Where the members of a structure lie under one ABI. */
export interface StructLayout<Name extends string = string> {
  /** Bytes of the structure, its padding included. */
  readonly size: number;
  /** The alignment it needs. */
  readonly alignment: number;
  /** Offset of each member from the start. */
  readonly offsets: { readonly [name in Name]: number };
  /** The members in order, for loops that must not look names up. */
  readonly members: readonly StructLayoutMember<Name>[];
}

/** One placed member. */
export interface StructLayoutMember<Name extends string = string> {
  /** The member's C name. */
  readonly name: Name;
  /** Its C type. */
  readonly type: StructMember;
  /** Its offset. */
  readonly offset: number;
  /** Its bytes. */
  readonly size: number;
}

/**
 * A value to write: numbers and bigints into a `CK_ULONG`, booleans into a byte, bytes into a byte array or, copied
 * into the block, behind a pointer; `null` is a NULL pointer and a bigint an address.
 */
export type StructValue = number | bigint | boolean | Uint8Array | Version | null;

/** What a member reads as: bytes for arrays, a bigint for pointers. */
export type StructRead<T extends StructMember> = T extends "ulong" ? number | bigint
  : T extends "pointer" ? bigint
  : T extends "byte" ? number
  : T extends "version" ? Version
  : Uint8Array<ArrayBuffer>;

/** Bytes of a pointer: 4 where a `CK_ULONG` has 4 bytes and nothing is packed (ILP32), 8 elsewhere (Windows too). */
export function pointerSize(abi: Abi): 4 | 8 {
  return abi.ulong === 4 && !abi.packed ? 4 : 8;
}

const layouts = new WeakMap<StructDefinition, (StructLayout | undefined)[]>();
/** Calls of one kind ask for the same layout again and again. */
let lastDefinition: StructDefinition | undefined;
let lastAbi: Abi | undefined;
let lastLayout: StructLayout | undefined;

/**
 * The layout of a structure under an ABI, computed once.
 *
 * @param definition A `CK_…` constant of this folder, or a structure of a vendor's own.
 */
export function structLayout<D extends StructDefinition>(definition: D, abi: Abi): StructLayout<keyof D & string> {
  if (definition !== lastDefinition || abi !== lastAbi) {
    lastLayout = findLayout(definition, abi);
    lastDefinition = definition;
    lastAbi = abi;
  }
  return lastLayout as StructLayout<keyof D & string>;
}

function findLayout(definition: StructDefinition, abi: Abi): StructLayout {
  let known = layouts.get(definition);
  if (!known) layouts.set(definition, known = []);
  const slot = (abi.ulong === 8 ? 2 : 0) + (abi.packed ? 1 : 0);
  return known[slot] ??= computeLayout(definition, abi);
}

function computeLayout(definition: StructDefinition, abi: Abi): StructLayout {
  const members: StructLayoutMember[] = [];
  const offsets: Record<string, number> = {};
  let end = 0;
  let alignment = 1;
  for (const [name, type] of Object.entries(definition)) {
    const size = memberSize(type, abi);
    const align = abi.packed || typeof type === "number" || type === "version" ? 1 : size;
    const offset = Math.ceil(end / align) * align;
    members.push({ name, type, offset, size });
    offsets[name] = offset;
    end = offset + size;
    if (align > alignment) alignment = align;
  }
  return { size: Math.ceil(end / alignment) * alignment, alignment, offsets, members };
}

function memberSize(type: StructMember, abi: Abi): number {
  if (typeof type === "number") return type;
  if (type === "ulong") return abi.ulong;
  if (type === "pointer") return pointerSize(abi);
  return type === "version" ? 2 : 1;
}

/**
 * Reserves a structure in a block and fills it; members not given are zero.
 *
 * @returns Its offset.
 */
export function writeStruct<D extends StructDefinition>(
  block: Block,
  definition: D,
  values: { readonly [name in keyof D]?: StructValue },
): number {
  const layout = structLayout(definition, block.abi);
  const offset = block.alloc(layout.size);
  clearBytes(block, offset, layout.size);
  fillStruct(block, layout, offset, values);
  return offset;
}

/** Fills a structure that lies at `offset`; members not given keep what is there. */
export function fillStruct<Name extends string>(
  block: Block,
  layout: StructLayout<Name>,
  offset: number,
  values: { readonly [name in Name]?: StructValue },
): void {
  for (const member of layout.members) {
    const value = values[member.name];
    if (value !== undefined) writeMember(block, offset + member.offset, member, value);
  }
}

function writeMember(block: Block, at: number, member: StructLayoutMember, value: StructValue): void {
  const { type } = member;
  if (type === "ulong") return block.setUlong(at, checkUlong(value, member.name, block.abi.ulong));
  if (type === "pointer") return writePointer(block, at, value);
  if (type === "byte") {
    setByte(block, at, Number(value));
  } else if (type === "version") {
    setByte(block, at, (value as Version).major);
    setByte(block, at + 1, (value as Version).minor);
  } else {
    setBytes(block, at, value as Uint8Array);
  }
}

function writePointer(block: Block, at: number, value: StructValue): void {
  if (value instanceof Uint8Array) {
    // Nothing is a NULL pointer: some modules refuse a pointer to no bytes.
    return setPointer(block, at, value.length === 0 ? 0n : block.address(putBytes(block, value)));
  }
  setPointer(block, at, value === null ? 0n : value as bigint);
}

/** Bytes up to this many are copied one by one: faster than `set`, which has a cost of its own. */
const FEW_BYTES = 32;

/** Writes one byte. */
export function setByte(block: Block, offset: number, value: number): void {
  if (offset < block.bytes.length) block.bytes[offset] = value;
  else block.bytesAt(offset, 1)[0] = value;
}

/** Reads one byte. */
export function getByte(block: ReadableMemory, offset: number): number {
  return (offset < block.bytes.length ? block.bytes[offset] : block.bytesAt(offset, 1)[0]) ?? 0;
}

/** Copies bytes into memory that was reserved for them. */
export function setBytes(block: Block, offset: number, data: Uint8Array): void {
  const { bytes } = block;
  if (offset >= bytes.length) block.bytesAt(offset, data.length).set(data);
  else if (data.length > FEW_BYTES) bytes.set(data, offset);
  else for (let index = 0; index < data.length; index++) bytes[offset + index] = data[index]!;
}

/** Overwrites memory with zeros; what a block hands out may have been used before. */
export function clearBytes(block: Block, offset: number, length: number): void {
  if (offset < block.bytes.length) block.bytes.fill(0, offset, offset + length);
  else block.bytesAt(offset, length).fill(0);
}

/** Reserves memory for bytes, copies them there and returns the offset; empty bytes get a valid offset too. */
export function putBytes(block: Block, data: Uint8Array): number {
  const offset = block.alloc(data.length || 1);
  setBytes(block, offset, data);
  return offset;
}

/** Writes a pointer of the ABI's size. */
export function setPointer(block: Block, offset: number, address: bigint): void {
  if (pointerSize(block.abi) === 8) block.setPointer(offset, address);
  else block.setUlong(offset, address);
}

/** Reads a pointer of the ABI's size. */
export function getPointer(block: Block, offset: number): bigint {
  return pointerSize(block.abi) === 8 ? block.getPointer(offset) : block.getHandle(offset);
}

/** Reads every member of the structure at `offset`. */
export function readStruct<D extends StructDefinition>(
  block: Block,
  definition: D,
  offset: number,
): { -readonly [name in keyof D]: StructRead<D[name]> } {
  const values: Record<string, unknown> = {};
  for (const member of structLayout(definition, block.abi).members) {
    values[member.name] = readMember(block, offset + member.offset, member);
  }
  return values as { -readonly [name in keyof D]: StructRead<D[name]> };
}

function readMember(block: Block, at: number, { type }: StructLayoutMember): unknown {
  if (type === "ulong") return block.getUlong(at);
  if (type === "pointer") return getPointer(block, at);
  if (type === "byte") return getByte(block, at);
  if (type !== "version") return block.copyOut(at, type);
  return { major: getByte(block, at), minor: getByte(block, at + 1) };
}

/**
 * Offset of the n-th function pointer in a `CK_FUNCTION_LIST` of any version: a `CK_VERSION`, then the pointers.
 *
 * @param index 0 for `C_Initialize`.
 */
export function functionOffset(index: number, abi: Abi): number {
  const pointer = pointerSize(abi);
  return (abi.packed ? 2 : pointer) + index * pointer;
}

/** Bytes of a function list with so many functions: 68 in 2.40, 92 in 3.0, 104 in 3.2. */
export function functionListSize(count: number, abi: Abi): number {
  return functionOffset(count, abi);
}

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
