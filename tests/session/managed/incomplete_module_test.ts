// session/managed/open_backend.ts: libraries that give nothing to call, which libp11-kit would call all the same.
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import { Module, ModuleLoadError, Pkcs11Error } from "../../../session/mod.ts";
import { p11KitPath } from "../../../tools/native_libraries.ts";
import { compileModule, compilerSkip } from "../../_support/c_compiler.ts";

const skip = compilerSkip || (p11KitPath() === null ? "libp11-kit is not installed" : false);

/** Constructors that have run in a library. */
function constructed(path: string): unknown {
  return nativeRuntime().open(path).bind("incomplete_constructed", 0, "u32")!();
}

describe("A library that gives nothing to call", { skip }, () => {
  for (const [what, options] of [["no list", []], ["the list NULL", ["-DGIVES_NULL"]]] as const) {
    it(`is refused by every road when it gives ${what}`, async () => {
      const path = compileModule("incomplete_module", options);
      for (const managed of ["auto", "p11-kit", "gp11", false] as const) {
        const { message } = await assertRejects(() => Module.load(path, { managed }), ModuleLoadError);
        assertStringIncludes(message, "it is no PKCS#11 module, C_GetFunctionList gave no list");
      }
      assertEquals(constructed(path), 1);
    });
  }

  for (const [missing, at] of [["C_Initialize", 0], ["C_Finalize", 1], ["C_CloseSession", 13]] as const) {
    it(`is not handed to libp11-kit when its list lacks ${missing}`, async () => {
      const path = compileModule("incomplete_module", [`-DMISSING=${at}`]);
      const { message } = await assertRejects(() => Module.load(path, { managed: "p11-kit" }), ModuleLoadError);
      assertStringIncludes(message, `libp11-kit cannot manage it, it has no ${missing}`);
      const automatic = Module.load(path);
      if (at === 0) {
        assertEquals((await assertRejects(() => automatic, Pkcs11Error)).ckr, "CKR_FUNCTION_NOT_SUPPORTED");
        return;
      }
      const module = await automatic;
      assertEquals(module.managed, "gp11");
      await module.close();
    });
  }
});
