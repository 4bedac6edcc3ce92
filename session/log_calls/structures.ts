import { CKF } from "../../ffi/constants/mod.ts";
import {
  CK_INFO,
  CK_MECHANISM_INFO,
  CK_SESSION_INFO,
  CK_SLOT_INFO,
  CK_TOKEN_INFO,
} from "../../ffi/memory/structs_infos.ts";
import { type StructDefinition, structLayout, type Version } from "../../ffi/memory/structs.ts";
import type { ArgumentKind } from "./arguments.ts";
import { cksName, flagNames, mechanismFlags, sessionFlags, slotFlags, tokenFlags } from "./values.ts";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import { decodeUtf8 } from "../../ffi/memory/inputs.ts";
import type { Abi } from "../../ffi/runtime/native.ts";

/** Writes a structure C has filled, one member a line. */
export function formatStruct(reader: NativeReader, kind: ArgumentKind, address: bigint): string {
  const lines = structLines(reader, kind, address).map(([name, value]) => `\t${name}: ${value}\n`);
  return `{\n${lines.join("")}      }`;
}

function structLines(reader: NativeReader, kind: ArgumentKind, address: bigint): [string, string][] {
  switch (kind) {
    case "info":
      return infoLines(reader, address);
    case "slotInfo":
      return slotInfoLines(reader, address);
    case "tokenInfo":
      return tokenInfoLines(reader, address);
    case "sessionInfo":
      return sessionInfoLines(reader, address);
    case "mechanismInfo":
      return mechanismInfoLines(reader, address);
    default:
      throw new TypeError(`Cannot write the structure: there is none for ${kind}`);
  }
}

function quoted(text: string): string {
  return `"${text}"`;
}

function versionText({ major, minor }: Version): string {
  return `${major}.${minor}`;
}

function hexDigits(value: bigint): string {
  return value.toString(16).toUpperCase();
}

function infoLines(reader: NativeReader, address: bigint): [string, string][] {
  const info = reader.struct(address, CK_INFO);
  return [
    ["cryptokiVersion", versionText(info.version("cryptokiVersion"))],
    ["manufacturerID", quoted(info.text("manufacturerID"))],
    ["flags", hexDigits(info.ulong("flags"))],
    ["libraryDescription", quoted(info.text("libraryDescription"))],
    ["libraryVersion", versionText(info.version("libraryVersion"))],
  ];
}

function slotInfoLines(reader: NativeReader, address: bigint): [string, string][] {
  const info = reader.struct(address, CK_SLOT_INFO);
  const flags = info.ulong("flags");
  return [
    ["slotDescription", quoted(info.text("slotDescription"))],
    ["manufacturerID", quoted(info.text("manufacturerID"))],
    ["flags", `${flags}${flagNames(flags, slotFlags)}`],
    ["hardwareVersion", versionText(info.version("hardwareVersion"))],
    ["firmwareVersion", versionText(info.version("firmwareVersion"))],
  ];
}

const CKF_CLOCK_ON_TOKEN = BigInt(CKF.CLOCK_ON_TOKEN);

function tokenInfoLines(reader: NativeReader, address: bigint): [string, string][] {
  const info = reader.struct(address, CK_TOKEN_INFO);
  const flags = info.ulong("flags");
  const unavailable = BigInt.asUintN(reader.abi.ulong * 8, -1n);
  // The standard's meaning: libp11-kit's own log has the two constants the wrong way round.
  const count = (name: Parameters<typeof info.ulong>[0]): string => {
    const value = info.ulong(name);
    return value === unavailable ? "CK_UNAVAILABLE_INFORMATION" : `${value}`;
  };
  const limit = (name: Parameters<typeof info.ulong>[0]): string => {
    return info.ulong(name) === 0n ? "CK_EFFECTIVELY_INFINITE" : count(name);
  };
  return [
    ["label", quoted(info.text("label"))],
    ["manufacturerID", quoted(info.text("manufacturerID"))],
    ["model", quoted(info.text("model"))],
    ["serialNumber", quoted(info.text("serialNumber"))],
    ["flags", `${flags}${flagNames(flags, tokenFlags)}`],
    ["ulMaxSessionCount", limit("ulMaxSessionCount")],
    ["ulSessionCount", count("ulSessionCount")],
    ["ulMaxRwSessionCount", limit("ulMaxRwSessionCount")],
    ["ulRwSessionCount", count("ulRwSessionCount")],
    ["ulMaxPinLen", `${info.ulong("ulMaxPinLen")}`],
    ["ulMinPinLen", `${info.ulong("ulMinPinLen")}`],
    ["ulTotalPublicMemory", count("ulTotalPublicMemory")],
    ["ulFreePublicMemory", count("ulFreePublicMemory")],
    ["ulTotalPrivateMemory", count("ulTotalPrivateMemory")],
    ["ulFreePrivateMemory", count("ulFreePrivateMemory")],
    ["hardwareVersion", versionText(info.version("hardwareVersion"))],
    ["firmwareVersion", versionText(info.version("firmwareVersion"))],
    ["utcTime", flags & CKF_CLOCK_ON_TOKEN ? info.text("utcTime") : "(not supported)"],
  ];
}

function sessionInfoLines(reader: NativeReader, address: bigint): [string, string][] {
  const info = reader.struct(address, CK_SESSION_INFO);
  const flags = info.ulong("flags");
  return [
    ["slotID", `SL${info.ulong("slotID")}`],
    ["state", cksName(info.ulong("state"))],
    ["flags", `${hexDigits(flags)}${flagNames(flags, sessionFlags)}`],
    ["ulDeviceError", `${info.ulong("ulDeviceError")}`],
  ];
}

function mechanismInfoLines(reader: NativeReader, address: bigint): [string, string][] {
  const info = reader.struct(address, CK_MECHANISM_INFO);
  const flags = info.ulong("flags");
  return [
    ["ulMinKeySize", `${info.ulong("ulMinKeySize")}`],
    ["ulMaxKeySize", `${info.ulong("ulMaxKeySize")}`],
    ["flags", `${hexDigits(flags)}${flagNames(flags, mechanismFlags)}`],
  ];
}

/** Reads what the arguments of a call point to. */
export class NativeReader {
  /** Layout of the module's structures. */
  readonly abi: Abi;

  /** A reader for one layout. */
  constructor(abi: Abi) {
    this.abi = abi;
  }

  /** A copy of `length` bytes. */
  bytes(address: bigint, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(length));
    nativeRuntime().read(address, bytes);
    return bytes;
  }

  /** A `CK_ULONG`. */
  ulong(address: bigint): bigint {
    return readUlong(new DataView(this.bytes(address, this.abi.ulong).buffer), 0, this.abi);
  }

  /** An array of `CK_ULONG`. */
  ulongs(address: bigint, count: number): bigint[] {
    const view = new DataView(this.bytes(address, count * this.abi.ulong).buffer);
    return Array.from({ length: count }, (_, at) => readUlong(view, at * this.abi.ulong, this.abi));
  }

  /** A structure. */
  struct<D extends StructDefinition>(address: bigint, definition: D): StructReader<keyof D & string> {
    const layout = structLayout(definition, this.abi);
    return new StructReader(this.bytes(address, layout.size), layout.offsets, definition, this.abi);
  }

  /** The address of a structure in an array. */
  element(address: bigint, definition: StructDefinition, index: number): bigint {
    return address + BigInt(index * structLayout(definition, this.abi).size);
  }
}

/** The members of a structure that was copied. */
export class StructReader<Name extends string> {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #offsets: Readonly<Record<Name, number>>;
  readonly #definition: StructDefinition;
  readonly #abi: Abi;

  /** Reads members at these offsets. */
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    offsets: Readonly<Record<Name, number>>,
    definition: StructDefinition,
    abi: Abi,
  ) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#offsets = offsets;
    this.#definition = definition;
    this.#abi = abi;
  }

  /** A `CK_ULONG`. */
  ulong(name: Name): bigint {
    return readUlong(this.#view, this.#offsets[name], this.#abi);
  }

  /** A pointer. */
  pointer(name: Name): bigint {
    return this.#view.getBigUint64(this.#offsets[name], true);
  }

  /** A `CK_VERSION`. */
  version(name: Name): Version {
    const at = this.#offsets[name];
    return { major: this.#bytes[at]!, minor: this.#bytes[at + 1]! };
  }

  /** A blank-padded text. */
  text(name: Name): string {
    const at = this.#offsets[name];
    const length = Number(this.#definition[name]);
    return decodeUtf8(this.#bytes.subarray(at, at + length)).replace(/ +$/, "");
  }
}

function readUlong(view: DataView, offset: number, abi: Abi): bigint {
  return abi.ulong === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
}
