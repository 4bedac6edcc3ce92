import { assertEquals } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { denoRuntime } from "../../../ffi/runtime/deno.ts";
import { libffiBinder } from "../../../ffi/runtime/libffi.ts";

const skip = (globalThis as { Deno?: unknown }).Deno === undefined
  ? "only Deno calls a function fast from a site of its own"
  : process.platform !== "linux" && "needs glibc";

describe("a function of one name in two libraries", { skip }, () => {
  it("is called by a text of its own, which V8 does not take for the other", () => {
    const runtime = denoRuntime(libffiBinder);
    // What the second depends on is found through it, too.
    const functions = ["libc.so.6", "libm.so.6"].map((path) => runtime.open(path).bind("getpid", 0, "i32")!);
    assertEquals(functions.map((call) => call()), [process.pid, process.pid]);
    assertEquals(new Set(functions.map(String)).size, 2);
  });
});
