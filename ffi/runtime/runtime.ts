/** The runtime this program runs on. */
import { AT_SECURE, secureExecution } from "../../internal/secure_execution.ts";
import { platform, requireRuntime, runtimeName } from "../../internal/runtime.ts";
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

/** The same for memory that no other thread hands to C: nobody needs to hold it, and what is shared takes longer to clear. */
export function runtimeInPlace(): NativeRuntime {
  const { allocate: _, ...own } = nativeRuntime();
  return own;
}

/**
 * Whether this program has more rights than the one who started it, whose files and environment it must not believe then
 * (secure_getenv(3)). An answer that cannot be had counts as yes.
 */
export function isSecureExecution(): boolean {
  if (platform !== "linux" || runtimeName() !== "deno") {
    return secureExecution((descriptor) => nativeRuntime().permits?.(descriptor) ?? true) ?? true;
  }
  // Deno gives the kernel's list to programs with all permissions only; who may call C may ask C.
  return nativeRuntime().auxiliaryValue!(AT_SECURE) !== 0n;
}

const WINDOWS: Abi = { ulong: 4, packed: true };
const UNIX: Abi = { ulong: 8, packed: false };

/** How this platform's C compiler lays out PKCS#11 structures. */
export function nativeAbi(): Abi {
  return platform === "win32" ? WINDOWS : UNIX;
}

/**
 * Stands before functions whose own text is the program of a worker thread: bundlers that keep names (esbuild's
 * `keepNames`) have wrapped them in a helper that the text leaves behind.
 */
export const WORKER_PROLOGUE: string = "const __name = (value) => value;\n";

/** The thread that started the worker has been told that node:ffi is experimental. */
function withoutWarning<T>(make: () => T): T {
  // deno-lint-ignore no-explicit-any
  const thread: any = (globalThis as any).process;
  const { emitWarning } = thread;
  thread.emitWarning = () => {};
  try {
    return make();
  } finally {
    thread.emitWarning = emitWarning;
  }
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
      return `(${withoutWarning})(() => (${nodeRuntime})(${binder}))`;
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
