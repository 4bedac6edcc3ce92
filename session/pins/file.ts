import type { Stats } from "node:fs";
import { builtin } from "../../internal/builtin_modules.ts";
import { systemReason } from "../../internal/report_error.ts";

/** A PIN file holds no more than this, in bytes. */
const MAX_LENGTH = 3072;

/** Reads the PIN in a file; `null` where the source names none: a command, or something that is no path. */
export async function readPinFile(source: string): Promise<string | Uint8Array | null> {
  const path = pathOf(source);
  if (path === null) return null;
  const bytes = await read(path, source);
  if (bytes === null) return null;
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= bytes[end - 2] === 0x0d ? 2 : 1;
  const pin = bytes.subarray(0, end);
  assertTypable(pin, path);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(pin);
  } catch {
    return pin.slice();
  }
}

/** Refuses what nobody types: as a PIN that is there it would cost a try, as a new one it would lock everybody out. */
function assertTypable(pin: Uint8Array, path: string): void {
  const fail = (state: string) => {
    throw new TypeError(`Cannot use the PIN file ${path}: ${state}`);
  };
  if (pin[0] === 0xef && pin[1] === 0xbb && pin[2] === 0xbf) {
    fail("it begins with a byte-order mark; save it as UTF-8 without one");
  }
  if (pin.includes(0)) fail("it has NUL bytes in it; save it as UTF-8");
  if (pin.includes(0x0a) || pin.includes(0x0d)) fail("it has more than one line");
}

function pathOf(source: string): string | null {
  if (source === "" || source.startsWith("|") || source.includes("\0")) return null;
  if (!/^file:/i.test(source)) return /^[a-z][a-z0-9+.-]+:/i.test(source) ? null : source;
  const rest = source.slice(5).replace(/^\/\/(localhost)?(?=\/)/i, "");
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

function assertRegular(found: Stats): void {
  if (!found.isFile()) throw new TypeError("it is no regular file");
}

async function read(path: string, source: string): Promise<Uint8Array | null> {
  let file;
  try {
    // To open a pipe nobody writes to, or a terminal, would wait for ever: a URI from outside may name one.
    assertRegular(await builtin.fs.promises.stat(path));
    file = await builtin.fs.promises.open(path, "r");
    assertRegular(await file.stat());
  } catch (error) {
    await file?.close();
    const isName = path === source && !path.includes("/");
    if (isName && error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new Error(`Cannot read the PIN file ${path}: ${systemReason(error)}`, { cause: error });
  }
  try {
    const bytes = new Uint8Array(MAX_LENGTH + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === bytes.length) break;
    }
    if (length > MAX_LENGTH) {
      throw new RangeError(`Cannot use the PIN file ${path}: it holds more than ${MAX_LENGTH} bytes`);
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}
