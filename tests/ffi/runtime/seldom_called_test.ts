import { assertEquals } from "@std/assert";
import process from "node:process";
import { describe, it } from "node:test";
import { denoRuntime } from "../../../ffi/runtime/deno.ts";
import { libffiBinder } from "../../../ffi/runtime/libffi.ts";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";

interface DenoNamespace {
  dlopen(path: string, symbols: Record<string, object>): unknown;
}

const deno = (globalThis as { Deno?: DenoNamespace }).Deno;
const skip = process.platform !== "linux" && "needs glibc";

describe("a function that is called seldom", { skip }, () => {
  it("answers as it does when it is called often, and is null where it is missing", () => {
    const library = nativeRuntime().open("libc.so.6");
    const text = new TextEncoder().encode("-17\0");
    for (const seldom of [true, false]) {
      assertEquals(library.bind("getpid", 0, "i32", seldom)!(), process.pid);
      assertEquals(library.bind("atoi", 1, "i32", seldom)!(nativeRuntime().address(text)), -17);
      assertEquals(library.bind("labs", 1, "u64", seldom)!(5n), 5n);
      assertEquals(library.bind("gp11_no_such_function", 0, "i32", seldom), null);
    }
  });

  it("is no further symbol that Deno compiles code for", { skip: deno === undefined && "only Deno does" }, () => {
    const { dlopen } = deno!;
    const compiled: string[] = [];
    deno!.dlopen = (path, symbols) => {
      compiled.push(...Object.keys(symbols).filter((name) => "parameters" in symbols[name]!));
      return dlopen(path, symbols);
    };
    try {
      const library = denoRuntime(libffiBinder).open("libc.so.6");
      for (const name of ["getpid", "getppid", "getuid"]) library.bind(name, 0, "i32", true)!();
      assertEquals(compiled.sort(), ["addressOf", "ffi_call", "ffi_prep_cif", "pointerValue"]);
      library.bind("getpid", 0, "i32")!();
      assertEquals(compiled.at(-1), "getpid");
    } finally {
      deno!.dlopen = dlopen;
    }
  });
});
