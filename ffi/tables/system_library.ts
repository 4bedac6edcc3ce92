/** Libraries of the system: where it keeps them, and texts as they have them. */
import { machineName, platform, processorName } from "../../internal/runtime.ts";
import { decodeUtf8 } from "../memory/inputs.ts";
import { nativeRuntime } from "../runtime/runtime.ts";

/** A library's file name on each system. */
export interface LibraryNames {
  /** On Linux and other systems with ELF. */
  readonly elf: string;
  /** On macOS. */
  readonly macos: string;
  /** On Windows. */
  readonly windows: string;
}

/** The paths a library of the system may have, most likely first; `system` is named as in `process.platform`. */
export function systemLibraryPaths({ elf, macos, windows }: LibraryNames, system: string = platform): string[] {
  if (system === "win32") return [windows];
  if (system === "darwin") return ["/opt/homebrew/lib", "/usr/local/lib"].map((folder) => `${folder}/${macos}`);
  const triplet = `${machineName}-linux-gnu${processorName === "arm" ? "eabihf" : ""}`;
  return [`/usr/lib/${triplet}`, `/lib/${triplet}`, "/usr/lib64", "/usr/lib"].map((folder) => `${folder}/${elf}`);
}

const MAX_TEXT = 4096;

/** The text at an address; `null` for none. What follows its end is not looked at. */
export function textAt(address: bigint): string | null {
  if (address === 0n) return null;
  const bytes: number[] = [];
  const byte = new Uint8Array(new ArrayBuffer(1));
  // One byte at a time: what follows the text may not be ours to read.
  while (bytes.length < MAX_TEXT) {
    nativeRuntime().read(address + BigInt(bytes.length), byte);
    if (byte[0] === 0) break;
    bytes.push(byte[0]!);
  }
  return decodeUtf8(new Uint8Array(bytes));
}

/**
 * A text with the NUL that ends it, in memory that stays where it is.
 *
 * @throws {TypeError} when it has a NUL itself
 */
export function cString(text: string, library: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new TypeError(`Cannot hand a text to ${library}: it has a NUL character`);
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(new ArrayBuffer(encoded.length + 1));
  bytes.set(encoded);
  return bytes;
}
