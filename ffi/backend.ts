/** The runtime this program runs on. */
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
