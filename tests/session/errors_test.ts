import { assert, assertEquals, assertFalse, assertInstanceOf, assertNotStrictEquals } from "@std/assert";
import { describe, it } from "node:test";
import { CKM } from "../../ffi/constants/ckm.ts";
import { CKR } from "../../ffi/constants/ckr.ts";
import { FUNCTION_NAMES } from "../../ffi/functions.ts";
import { functionAction } from "../../session/actions.ts";
import { ModuleLoadError, Pkcs11Error, SessionBusyError, SessionClosedError, UriError } from "../../session/errors.ts";

describe("Pkcs11Error", () => {
  it("says what could not be done, why, and which function said so", () => {
    const error = new Pkcs11Error(CKR.PIN_INCORRECT, "C_Login");
    assertEquals(error.message, "Cannot log in: the PIN is wrong (CKR_PIN_INCORRECT from C_Login)");
    assertEquals([error.name, error.code, error.ckr, error.fn], ["Pkcs11Error", 0xa0, "CKR_PIN_INCORRECT", "C_Login"]);
    assertEquals(error.hint, "Repeated wrong PINs lock the token.");
    assertEquals(String(error), `Pkcs11Error: ${error.message}`);
  });

  it("names the mechanism and takes another action, hint and cause", () => {
    const cause = new Error("first");
    const options = { action: "wrap the backup key", mechanism: CKM.AES_KEY_WRAP, hint: "Try KWP.", cause };
    const error = new Pkcs11Error(CKR.MECHANISM_INVALID, "C_WrapKey", options);
    assert(error.message.startsWith("Cannot wrap the backup key with CKM_AES_KEY_WRAP: "));
    assertEquals([error.hint, error.cause], ["Try KWP.", cause]);
  });

  it("shows vendors' codes in hexadecimal, and has no hint where there is nothing to say", () => {
    const error = new Pkcs11Error(0x80000042, "C_Sign");
    assertEquals(error.ckr, "CKR_0x80000042");
    assertFalse("hint" in error);
    assertFalse("cause" in error);
  });

  it("describes every function of the standard", () => {
    for (const name of FUNCTION_NAMES) {
      assertFalse(functionAction(name).startsWith("call "), name);
    }
    assertEquals(functionAction("C_VendorThing"), "call C_VendorThing");
  });
});

describe("the other errors", () => {
  it("follow the same form", () => {
    const messages = [
      new ModuleLoadError("/nowhere.so", "there is no such file"),
      new SessionBusyError("sign", "an open encryptor"),
      new SessionClosedError("sign"),
      new UriError("scheme", "it does not start with pkcs11:"),
    ].map((error) => `${error.name}: ${error.message}`);
    assertEquals(messages, [
      'ModuleLoadError: Cannot load the PKCS#11 module "/nowhere.so": there is no such file',
      "SessionBusyError: Cannot sign: an open encryptor is using the session",
      "SessionClosedError: Cannot sign: the session is closed",
      "UriError: Cannot parse the PKCS#11 URI: it does not start with pkcs11:",
    ]);
    assertEquals(new UriError("encoding", "x").reason, "encoding");
    assertEquals(new ModuleLoadError("/x", "y", { cause: 1 }).cause, 1);
  });
});

describe("instanceof", () => {
  it("knows errors of another copy of the package", async () => {
    // By path: Bun takes a file: URL with a query for the same module.
    const path = new URL("../../session/errors.ts", import.meta.url).pathname;
    const other: typeof import("../../session/errors.ts") = await import(`${path}?another-copy`);
    assertNotStrictEquals(other.Pkcs11Error, Pkcs11Error);
    const error = new other.Pkcs11Error(CKR.PIN_LOCKED, "C_Login");
    assertInstanceOf(error, Pkcs11Error);
    assertFalse(error instanceof UriError);
    assertInstanceOf(new SessionClosedError("sign"), other.SessionClosedError);
  });

  it("keeps the classes apart", () => {
    const error: unknown = new Pkcs11Error(CKR.GENERAL_ERROR, "C_Sign");
    assert(error instanceof Error);
    assertFalse(error instanceof SessionClosedError);
    assertFalse(({}) instanceof Pkcs11Error);
    assertFalse((null as unknown) instanceof Pkcs11Error);
  });

  it("of a subclass means the subclass", () => {
    class OwnError extends Pkcs11Error {}
    assert(new OwnError(1, "C_Sign") instanceof Pkcs11Error);
    assertFalse(new Pkcs11Error(1, "C_Sign") instanceof OwnError);
  });
});
