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

/** Runs `body` where every libffi is refused, and answers how many were. */
function withoutLibffi(body: () => void): number {
  const { dlopen } = deno!;
  let refused = 0;
  deno!.dlopen = (path, symbols) => {
    if (!path.includes("libffi")) return dlopen(path, symbols);
    refused++;
    throw new Error(`Could not open library: ${path}: cannot open shared object file`);
  };
  try {
    body();
  } finally {
    deno!.dlopen = dlopen;
  }
  return refused;
}

describe("Deno without libffi", { skip }, () => {
  it("calls functions by their address all the same", () => {
    const refused = withoutLibffi(() => {
      const runtime = denoRuntime(libffiBinder);
      const address = runtime.open("libc.so.6").symbol("getpid");
      assertEquals(runtime.bindAddress(address!, 0, "i32")(), process.pid);
      const copy = runtime.open("libc.so.6").symbol("memcpy");
      const [from, to] = [new Uint8Array([1, 2, 3]), new Uint8Array(3)];
      const call = runtime.bindAddress(copy!, 3, "u64");
      assertEquals(call(runtime.address(to), runtime.address(from), 3n), runtime.address(to));
      assertEquals(to, from);
    });
    assert(refused > 1);
  });

  it("calls what is called seldom by its symbol, and looks for libffi once", () => {
    const names: readonly string[] = ["getpid", "getppid", "gp11_no_such_function"];
    const refusals = [1, names.length].map((count) =>
      withoutLibffi(() => {
        const library = denoRuntime(libffiBinder).open("libc.so.6");
        const bound = names.slice(0, count).map((name) => library.bind(name, 0, "i32", true)?.());
        assertEquals(bound, [process.pid, process.ppid, undefined].slice(0, count));
      })
    );
    assert(refusals[0]! > 1);
    assertEquals(refusals[0], refusals[1]);
  });
});
