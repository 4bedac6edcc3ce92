import { nativeRuntime } from "../../ffi/runtime/runtime.ts";
import type { NativeFunction } from "../../ffi/runtime/native.ts";

/** The C library's environment functions, found through a library that depends on it. */
interface NativeEnvironment {
  readonly setenv: NativeFunction;
  readonly unsetenv: NativeFunction;
  readonly getenv: NativeFunction;
}

function nativeEnvironment(path: string): NativeEnvironment {
  const library = nativeRuntime().open(path);
  const bind = (name: string, arity: number, result: "i32" | "u64"): NativeFunction => {
    const fn = library.bind(name, arity, result, true);
    if (fn === null) throw new Error(`Cannot reach the environment of C code: ${path} gives no ${name}`);
    return fn;
  };
  return { setenv: bind("setenv", 3, "i32"), unsetenv: bind("unsetenv", 1, "i32"), getenv: bind("getenv", 1, "u64") };
}

/** What C reads by address, kept from being collected meanwhile. */
const lent: unknown[] = [];

function cString(text: string): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(`${text}\0`);
  const bytes = new Uint8Array(new ArrayBuffer(encoded.length));
  bytes.set(encoded);
  return bytes;
}

/**
 * Runs `body` while C code in this process sees a variable of the environment. It is for libraries that can be told
 * something in no other way; `body` must be short and must not wait.
 *
 * @param path A library to reach the C library through.
 */
function withNativeVariable<T>(path: string, name: string, value: string, body: () => T): T {
  const { setenv, unsetenv, getenv } = nativeEnvironment(path);
  const runtime = nativeRuntime();
  const nameText = cString(name);
  const valueText = cString(value);
  const before = copyOf(getenv(runtime.address(nameText)) as bigint);
  lent.push(nameText, valueText, before);
  setenv(runtime.address(nameText), runtime.address(valueText), 1n);
  try {
    return body();
  } finally {
    if (before === null) unsetenv(runtime.address(nameText));
    else setenv(runtime.address(nameText), runtime.address(before), 1n);
    lent.length = 0;
  }
}

/** Loads p11-kit's client module while it sees the address of its server, which it remembers. */
export function withServerAddress<T>(path: string, address: string, load: () => T): T {
  return withNativeVariable(path, "P11_KIT_SERVER_ADDRESS", address, load);
}

/** A copy of a C string, its NUL included: setting a variable may give the old text's memory back. */
function copyOf(address: bigint): Uint8Array<ArrayBuffer> | null {
  if (address === 0n) return null;
  const bytes: number[] = [];
  const byte = new Uint8Array(new ArrayBuffer(1));
  do {
    nativeRuntime().read(address + BigInt(bytes.length), byte);
    bytes.push(byte[0]!);
  } while (byte[0] !== 0);
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
