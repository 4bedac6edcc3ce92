import { CKA, CKR } from "../../ffi/constants/mod.ts";
import { decodeUtf8 } from "../../ffi/memory/inputs.ts";
import {
  certificateTypeName,
  ckaName,
  ckmName,
  ckuName,
  classNameOf,
  flagNames,
  flagsOfCalls,
  hex,
  isPrintable,
  keyTypeName,
  lockingFlags,
  pointer,
  quotedAttribute,
  quotedBytes,
  shownAttributeBytes,
  shownBytes,
} from "./values.ts";
import type { Argument } from "./arguments.ts";
import { formatStruct, type NativeReader } from "./structures.ts";
import { CK_ATTRIBUTE, CK_C_INITIALIZE_ARGS, CK_MECHANISM } from "../../ffi/memory/structs_infos.ts";

const UNAVAILABLE = -1n;
const LABEL_LENGTH = 32;
const CKA_CLASS = BigInt(CKA.CLASS);

/** One call's words, and how to look behind them. */
export interface CallWords {
  /** The function. */
  readonly fn: string;
  /** Its words. */
  readonly args: readonly bigint[];
  /** Reads memory. */
  readonly reader: NativeReader;
  /** Whether secrets are shown. */
  readonly showSecrets: boolean;
}

/** What a call may fill of an argument, in values or attribute by attribute; `null` for what has no length. */
export type Room = bigint | readonly LoggedAttribute[] | null;

/** The room for an argument, known before the call only: what a module says it has filled is not to be believed. */
export function roomFor(call: CallWords, argument: Argument): Room {
  if (argument.length === null || call.args[argument.index] === 0n) return null;
  if (argument.kind === "attributes" || argument.kind === "attributeTypes") return attributesOf(call, argument);
  return argument.room === null ? lengthOf(call, argument) : call.args[argument.room]!;
}

/** The text behind `name = ` for an argument given to a call. */
export function formatInput(call: CallWords, argument: Argument): string {
  return format(call, argument, CKR.OK, roomFor(call, argument));
}

/** The text behind `name = ` for what a call has left in the room it was given; `null` where the log leaves it out. */
export function formatOutput(call: CallWords, argument: Argument, rv: number, room: Room): string | null {
  if (rv === CKR.OK) return format(call, argument, rv, room);
  return rv === CKR.BUFFER_TOO_SMALL && argument.length !== null ? format(call, argument, rv, room) : null;
}

function format(call: CallWords, argument: Argument, rv: number, room: Room): string {
  const { reader } = call;
  const word = call.args[argument.index]!;
  switch (argument.kind) {
    case "session":
      return `S${word}`;
    case "slot":
      return `SL${word}`;
    case "object":
      return `H${word}`;
    case "ulong":
      return `${word}`;
    case "bool":
      return (word & 0xffn) !== 0n ? "CK_TRUE" : "CK_FALSE";
    case "user":
      return ckuName(word);
    case "flags":
      return `${word}${flagNames(word, flagsOfCalls[call.fn] ?? [])}`;
    case "mechanismType":
      return ckmName(word);
    case "pointer":
      return pointer(word);
    case "mechanism":
      return formatMechanism(call, word);
    case "initArgs":
      return formatInitArgs(call, word);
    case "label":
      return word === 0n ? "NULL" : `"${decodeUtf8(reader.bytes(word, LABEL_LENGTH))}"`;
    case "text":
      return pointer(word);
    case "bytes":
      return formatBytes(call, argument, word, rv, room as bigint);
    case "ulongPointer":
    case "sessionPointer":
    case "slotPointer":
    case "objectPointer":
      return word === 0n ? "NULL" : `${hex(word)} = ${handlePrefix[argument.kind]}${reader.ulong(word)}`;
    case "slotArray":
    case "objectArray":
    case "mechanismTypeArray":
      return formatArray(call, argument, word, rv, room as bigint);
    case "attributeTypes":
    case "attributes":
      return formatAttributes(call, argument, word, rv, room as readonly LoggedAttribute[]);
    default:
      return word === 0n ? "NULL" : formatStruct(reader, argument.kind, word);
  }
}

const handlePrefix = { ulongPointer: "", sessionPointer: "S", slotPointer: "SL", objectPointer: "H" } as const;

/** The length of an array argument; `null` where there is none to read. */
function lengthOf(call: CallWords, argument: Argument): bigint | null {
  const word = call.args[argument.length!]!;
  if (!argument.indirect) return word;
  return word === 0n ? null : call.reader.ulong(word);
}

function isUnavailable(length: bigint, reader: NativeReader): boolean {
  return length === BigInt.asUintN(reader.abi.ulong * 8, UNAVAILABLE);
}

function formatBytes(call: CallWords, argument: Argument, address: bigint, rv: number, room: bigint): string {
  const length = lengthOf(call, argument);
  if (length === null) return "(?) NOTHING";
  if (rv !== CKR.OK || address === 0n) return `(${length}) NOTHING`;
  if (argument.secret && !call.showSecrets) return `(${length}) NOT-PRINTED`;
  if (isUnavailable(length, call.reader) || length > room) return `(${length}) ????`;
  const shown = length < BigInt(shownBytes) ? Number(length) : shownBytes;
  return `(${length}) ${quotedBytes(call.reader.bytes(address, shown))}`;
}

function formatArray(call: CallWords, argument: Argument, address: bigint, rv: number, room: bigint): string {
  const count = lengthOf(call, argument);
  if (count === null) return "(?) NO-VALUES";
  if (rv !== CKR.OK || address === 0n) return `(${count}) NO-VALUES`;
  if (count > room) return `(${count}) ????`;
  const values = call.reader.ulongs(address, Number(count));
  const text = values.map((value) =>
    argument.kind === "mechanismTypeArray" ? ckmName(value) : `${argument.kind === "slotArray" ? "SL" : "H"}${value}`
  );
  return `(${count}) [ ${text.join(", ")} ]`;
}

function formatMechanism({ reader, showSecrets }: CallWords, address: bigint): string {
  if (address === 0n) return "NULL";
  const mechanism = reader.struct(address, CK_MECHANISM);
  const at = mechanism.pointer("pParameter");
  const length = mechanism.ulong("ulParameterLen");
  const type = mechanism.ulong("mechanism");
  // A parameter may hold a password or a salt where it lies in place; by address it tells nothing.
  const shown = at === 0n
    ? "NULL"
    : !showSecrets && isSecretParameter(type)
    ? "NOT-PRINTED"
    : quotedBytes(reader.bytes(at, Math.min(Number(length), shownBytes)));
  return `{\n\tmechanism: ${ckmName(type)}\n\tpParameter: (${length}) ${shown}\n      }`;
}

/** CKM_XOR_BASE_AND_DATA and CKM_CONCATENATE_BASE_AND_DATA and their like take key material as their parameter. */
function isSecretParameter(type: bigint): boolean {
  return type >= 0x360n && type <= 0x365n;
}

function formatInitArgs({ reader }: CallWords, address: bigint): string {
  if (address === 0n) return "NULL";
  const args = reader.struct(address, CK_C_INITIALIZE_ARGS);
  const flags = args.ulong("flags");
  const members = (["CreateMutex", "DestroyMutex", "LockMutex", "UnlockMutex"] as const)
    .map((name) => `\t${name}: ${hex(args.pointer(name))}\n`);
  return `{\n${members.join("")}\tflags: ${flags.toString(16).toUpperCase()}${flagNames(flags, lockingFlags)}\n` +
    `\treserved: ${hex(args.pointer("pReserved"))}\n      }`;
}

interface LoggedAttribute {
  readonly type: bigint;
  readonly address: bigint;
  readonly length: bigint;
  /** The length it had before the call. */
  readonly room: bigint;
}

/** The attributes of a template as they are now. */
function attributesOf(call: CallWords, argument: Argument): LoggedAttribute[] {
  const { args, reader } = call;
  const address = args[argument.index]!;
  return Array.from({ length: Number(args[argument.length!]!) }, (_, at) => {
    const attribute = reader.struct(reader.element(address, CK_ATTRIBUTE, at), CK_ATTRIBUTE);
    const length = attribute.ulong("ulValueLen");
    return { type: attribute.ulong("type"), address: attribute.pointer("pValue"), length, room: length };
  });
}

function formatAttributes(
  call: CallWords,
  argument: Argument,
  address: bigint,
  rv: number,
  given: readonly LoggedAttribute[],
): string {
  const { reader } = call;
  const count = call.args[argument.length!]!;
  if (rv !== CKR.OK || address === 0n) return `(${count}) NONE`;
  if (argument.kind === "attributeTypes") {
    return `(${count}) [ ${given.map(({ type }) => ckaName(type)).join(", ")} ]`;
  }
  // Types and addresses are the caller's; only the lengths are the module's to set.
  const now = attributesOf(call, argument);
  const attributes = given.map((attribute, at) => ({ ...attribute, length: now[at]!.length }));
  const classAttribute = attributes.find((attribute) => attribute.type === CKA_CLASS && isUlong(call, attribute));
  const objectClass = classAttribute ? reader.ulong(classAttribute.address) : null;
  return `(${count}) [ ${attributes.map((attribute) => formatAttribute(call, attribute, objectClass)).join(", ")} ]`;
}

function isUlong({ reader }: CallWords, { address, length, room }: LoggedAttribute): boolean {
  return address !== 0n && length === BigInt(reader.abi.ulong) && length <= room;
}

/** Attributes whose value is a constant with a name. */
const named: ReadonlyMap<bigint, (value: bigint) => string> = new Map([
  [CKA_CLASS, classNameOf],
  [0x80n, certificateTypeName],
  [0x100n, keyTypeName],
]);

function formatAttribute(call: CallWords, attribute: LoggedAttribute, objectClass: bigint | null): string {
  const { type, address, length, room } = attribute;
  const name = named.get(type);
  let value: string;
  if (isUnavailable(length, call.reader)) value = "(-1) INVALID";
  else if (name !== undefined && isUlong(call, attribute)) value = name(call.reader.ulong(address));
  else if (!call.showSecrets && !isPrintable(type, objectClass)) value = `(${length}) NOT-PRINTED`;
  else if (address === 0n) value = `(${length}) NULL`;
  else if (length > room) value = `(${length}) ????`;
  else {
    const shown = Math.min(Number(length), shownAttributeBytes);
    value = `(${length}) ${quotedAttribute(call.reader.bytes(address, shown), Number(length))}`;
  }
  return `{ ${ckaName(type)} = ${value} }`;
}
