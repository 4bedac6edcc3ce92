// docs/pkcs11js.md: its program is the one in examples/, and it does what it says.
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { it } from "node:test";
import { signOnToken } from "../../examples/pkcs11js.ts";
import { createToken, softhsmSkip } from "../_support/softhsm.ts";
import { readText } from "../_support/source_text.ts";

it("the guide for users of pkcs11js shows a program that runs", { skip: softhsmSkip }, async () => {
  assert(readText("docs/pkcs11js.md").includes(readText("examples/pkcs11js.ts")));
  const { module, label, userPin } = createToken();
  assertEquals(await signOnToken(module, label, userPin, Buffer.from("data")), true);
});
