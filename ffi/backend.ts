/** The runtime this program runs on. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { requireRuntime } from "../internal/required_runtime.ts";
import { bunRuntime } from "./bun.ts";
import { denoRuntime } from "./deno.ts";
import { libffiBinder } from "./libffi.ts";
import type { Abi, NativeRuntime } from "./native.ts";
import { nodeRuntime } from "./node.ts";

let current: NativeRuntime | null = null;

/** The runtime this program runs on, made on first use. */
export function nativeRuntime(): NativeRuntime {
  current ??= makeRuntime();
  return current;
}

/** getauxval's name for "this program has more rights than the one who started it": setuid, setgid, capabilities. */
const AT_SECURE = 23n;

/**
 * Whether this program has more rights than the one who started it, whose files and environment it must not believe then
 * (secure_getenv(3)). An answer that cannot be had counts as yes.
 */
export function isSecureExecution(): boolean {
  if (process.platform === "win32") return false;
  if (process.platform !== "linux") {
    return process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.();
  }
  const value = runtimeName() === "deno" ? nativeRuntime().auxiliaryValue!(AT_SECURE) : valueInFile(AT_SECURE);
  return value !== 0n;
}

/** The kernel's list as a file, which a program with more rights may not be allowed to read. */
function valueInFile(type: bigint): bigint | null {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync("/proc/self/auxv");
  } catch {
    return null; // What cannot be read is not known, which is an answer here.
  }
  const words = new BigUint64Array(new Uint8Array(bytes).buffer);
  for (let at = 0; at + 1 < words.length; at += 2) if (words[at] === type) return words[at + 1]!;
  return null;
}

const WINDOWS: Abi = { ulong: 4, packed: true };
const UNIX: Abi = { ulong: 8, packed: false };

/** How this platform's C compiler lays out PKCS#11 structures. */
export function nativeAbi(): Abi {
  return process.platform === "win32" ? WINDOWS : UNIX;
}

/** Source text of an expression that makes the same runtime inside a worker thread. */
export function runtimeSource(): string {
  const binder = `(${libffiBinder})`;
  switch (runtimeName()) {
    case "deno":
      return `(${denoRuntime})(${binder})`;
    case "bun":
      return `(${bunRuntime})()`;
    case "node":
      return `(${nodeRuntime})(${binder})`;
  }
}

function makeRuntime(): NativeRuntime {
  requireRuntime("PKCS#11 modules");
  switch (runtimeName()) {
    case "deno":
      return denoRuntime(libffiBinder);
    case "bun":
      return bunRuntime();
    case "node":
      return nodeRuntime(libffiBinder);
  }
}

function runtimeName(): NativeRuntime["name"] {
  const versions: Record<string, string | undefined> = process.versions;
  return versions["deno"] ? "deno" : versions["bun"] ? "bun" : "node";
}
