// Environment variables that C code reads: Bun keeps its own copy, which getenv(3) never sees.
import { Buffer } from "node:buffer";
import process from "node:process";
import { nativeRuntime } from "../../ffi/runtime/runtime.ts";

/** Sets a variable for JavaScript, for child processes and for C code in this process. */
export function setNativeEnvironment(name: string, value: string): void {
  process.env[name] = value;
  const runtime = nativeRuntime();
  if (runtime.name !== "bun") return;
  const libc = process.platform === "darwin" ? "libSystem.B.dylib" : "libc.so.6";
  const setenv = runtime.open(libc).bind("setenv", 3, "i32");
  if (setenv === null) throw new Error(`Cannot set ${name} for C code: ${libc} has no setenv`);
  const text = new Uint8Array(new ArrayBuffer(Buffer.byteLength(name) + Buffer.byteLength(value) + 2));
  const { written } = new TextEncoder().encodeInto(`${name}\0${value}\0`, text);
  const at = runtime.address(text);
  const status = setenv(at, at + BigInt(Buffer.byteLength(name) + 1), 1n);
  if (status !== 0 || written !== text.length) {
    throw new Error(`Cannot set ${name} for C code: setenv returned ${status}`);
  }
}
