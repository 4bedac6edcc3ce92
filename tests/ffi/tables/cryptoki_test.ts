import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { nativeAbi, nativeRuntime } from "../../../ffi/runtime/runtime.ts";
import { Cryptoki, NotCryptokiError } from "../../../ffi/tables/cryptoki.ts";
import { FUNCTION_NAMES, FUNCTIONS } from "../../../ffi/tables/functions.ts";
import { Block } from "../../../ffi/memory/block.ts";
import { softhsmModule, softhsmSkip } from "../../_support/softhsm.ts";
import { StrictModule, strictModuleSkip } from "../../_support/strict_module.ts";

const NOT_SUPPORTED = 0x54;
const NOT_INITIALIZED = 0x190;

describe("The raw table", () => {
  it("has 104 functions, by the version that brought them", () => {
    assertEquals(FUNCTION_NAMES.length, 104);
    assertEquals(FUNCTION_NAMES[67], "C_WaitForSlotEvent");
    assertEquals(FUNCTION_NAMES[68], "C_GetInterfaceList");
    assertEquals(FUNCTION_NAMES[91], "C_MessageVerifyFinal");
    assertEquals(FUNCTION_NAMES[92], "C_EncapsulateKey");
    assertEquals(FUNCTION_NAMES[103], "C_UnwrapKeyAuthenticated");
  });

  it("calls each of the 68 functions of 2.40 by its C name and gives its CK_RV", { skip: softhsmSkip }, () => {
    const table = Cryptoki.open(softhsmModule()!);
    assertEquals([table.version.major, table.names().length], [2, 68]);
    const block = new Block(nativeRuntime(), nativeAbi(), 4096);
    const at = block.address(block.alloc(512));
    assertEquals(table.call("C_GetFunctionList", at), 0);
    for (const name of table.names()) {
      // What would start or end the module for the other tests of this process is left out.
      if (/Initialize|Finalize|GetFunctionList|GetInfo$/.test(name)) continue;
      const rv = table.call(name, ...FUNCTIONS[name].map(() => at));
      assert(Number.isInteger(rv) && rv > 0, `${name}: ${rv}`);
    }
  });

  it("a function that is NULL or beyond the list is reported, never called", { skip: strictModuleSkip }, () => {
    const old = Cryptoki.open(new StrictModule("2.40").path);
    for (const name of ["C_SignRecover", "C_EncapsulateKey", "C_SessionCancel"] as const) {
      assertEquals([old.has(name), old.get(name)], [false, null]);
      assertEquals(old.call(name, ...FUNCTIONS[name].map(() => 0n)), NOT_SUPPORTED);
    }
    assertFalse(old.names().includes("C_SignRecover"));
  });

  it("the functions of 3.2 are found through C_GetInterface and called", { skip: strictModuleSkip }, () => {
    const table = Cryptoki.open(new StrictModule("3.2").path);
    assertEquals(table.version, { major: 3, minor: 2 });
    const words = (name: keyof typeof FUNCTIONS) => FUNCTIONS[name].map(() => 0n);
    for (const name of ["C_VerifySignatureInit", "C_VerifySignature", "C_VerifySignatureFinal"] as const) {
      assertEquals(table.call(name, ...words(name)), NOT_INITIALIZED);
    }
    assertEquals(table.call("C_Initialize", 0n), 0);
    const block = new Block(nativeRuntime(), nativeAbi(), 256);
    const handle = block.alloc(8);
    assertEquals(table.call("C_OpenSession", 5n, 6n, 0n, 0n, block.address(handle)), 0);
    const session = block.getHandle(handle);
    assertEquals(table.call("C_VerifySignatureInit", session, 0n, 1n, 0n, 0n), 0);
    assertEquals(table.call("C_VerifySignatureUpdate", session, block.base, 8n), 0);
    assertEquals(table.call("C_VerifySignatureFinal", session), 0);
    assertEquals(table.call("C_MessageEncryptInit", session, 0n, 1n), 0);
    assertEquals(table.call("C_SessionCancel", session, 2n), 0);
    assertEquals(table.call("C_MessageEncryptFinal", session), 0x91);
    assertEquals(table.call("C_Finalize", 0n), 0);
  });

  it("the wrong number of words, or no list at all, is refused", { skip: strictModuleSkip }, () => {
    const table = Cryptoki.open(new StrictModule("3.2").path);
    assertThrows(() => table.call("C_Sign", 1n), TypeError, "takes 5 arguments, got 1");
    assertThrows(() => Cryptoki.fromFunctionList(0n), NotCryptokiError, "NULL");
  });
});
