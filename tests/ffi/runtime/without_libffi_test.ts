import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { denoRuntime } from "../../../ffi/runtime/deno.ts";
import { libffiBinder } from "../../../ffi/runtime/libffi.ts";

interface DenoNamespace {
  dlopen(path: string, symbols: unknown): unknown;
}

const deno = (globalThis as { Deno?: DenoNamespace }).Deno;
const skip = deno === undefined
  ? "only Deno needs libffi to call an address fast"
  : process.platform !== "linux" && "needs glibc";

describe("Deno without libffi", () => {
  it("calls functions by their address all the same", { skip }, () => {
    const { dlopen } = deno!;
    const refused: string[] = [];
    deno!.dlopen = (path, symbols) => {
      if (!path.includes("libffi")) return dlopen(path, symbols);
      refused.push(path);
      throw new Error(`Could not open library: ${path}: cannot open shared object file`);
    };
    try {
      const runtime = denoRuntime(libffiBinder);
      const address = runtime.open("libc.so.6").symbol("getpid");
      assertEquals(runtime.bindAddress(address!, 0, "i32")(), process.pid);
      const copy = runtime.open("libc.so.6").symbol("memcpy");
      const [from, to] = [new Uint8Array([1, 2, 3]), new Uint8Array(3)];
      const call = runtime.bindAddress(copy!, 3, "u64");
      assertEquals(call(runtime.address(to), runtime.address(from), 3n), runtime.address(to));
      assertEquals(to, from);
      assert(refused.length > 1);
    } finally {
      deno!.dlopen = dlopen;
    }
  });
});
