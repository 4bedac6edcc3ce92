// The guides about tokens in docs/: every program in them runs as it stands and prints what it should.
import { assertEquals } from "@std/assert";
import { it } from "node:test";
import { guidePrograms, printedOnToken } from "../_support/guide_programs.ts";
import { softhsmSkip } from "../_support/softhsm.ts";
import { tokenServerSkip } from "../_support/token_server.ts";

/** What the programs of each guide print, in the guide's order. */
const guides: Readonly<Record<string, readonly string[]>> = {
  "first-signature": [
    "256 true\ntrue\n",
    "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=…;token=keys;object=first;type=private\n256\n",
    `keys SoftHSM v2 true
Attributes { class: CKO_PRIVATE_KEY, keyType: CKK_RSA, label: "first" }
Attributes { class: CKO_PUBLIC_KEY, keyType: CKK_RSA, label: "first" }
`,
  ],
  "parallel-and-cancelled": [
    "20 true\n",
    "true true true\none two three\n",
    "32 db183fcc6e30f790\n32 847d7977f54f99c3\n",
    "true TimeoutError\n",
    "1000000\n",
  ],
  "pins-and-cards": [
    `PIN of keys: ****
PIN of keys, the last one was wrong: ****
true
PIN of keys: ****
CKR_FUNCTION_CANCELED
`,
    "true\n",
    "inserted keys\ntrue\n",
    "false\n",
  ],
  "errors": ["CKR_KEY_TYPE_INCONSISTENT C_SignInit\n"],
  "real-devices": ["SoftHSM 2.6 2.40\nkeys true false\n"],
};

it("the programs of the guides about tokens run and print what they should", { skip: softhsmSkip }, async () => {
  const programs = Object.keys(guides).flatMap((guide) => guidePrograms(`docs/${guide}.md`));
  const printed = await printedOnToken(programs);
  // Which versions these are is the machine's affair.
  const versions = /^SoftHSM 2\.\d+ [23]\.\d+$/m;
  assertEquals(printed.map((text) => text.replace(versions, "SoftHSM 2.6 2.40")), Object.values(guides).flat());
});

it("the program of the guide about remote tokens runs", { skip: tokenServerSkip }, async () => {
  assertEquals(await printedOnToken(guidePrograms("docs/remote-tokens.md")), ["far null\n32\n"]);
});
