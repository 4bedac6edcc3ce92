import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { inspect } from "node:util";
import { describe, it } from "node:test";
import type { ReadAttribute } from "../../../ffi/attributes/attribute.ts";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKK, CKO } from "../../../ffi/constants/objects.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import { Attributes, attributesOf } from "../../../session/attributes/attributes.ts";

const secret = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);

const read: ReadAttribute[] = [
  { type: CKA.CLASS, state: "ok", value: CKO.SECRET_KEY },
  { type: CKA.KEY_TYPE, state: "ok", value: CKK.AES },
  { type: CKA.LABEL, state: "ok", value: "backup" },
  { type: CKA.ID, state: "ok", value: Uint8Array.of(1, 0xab) },
  { type: CKA.VALUE, state: "ok", value: secret },
  { type: CKA.SUBJECT, state: "invalid", value: undefined },
  { type: CKA.PRIVATE_EXPONENT, state: "sensitive", value: undefined },
  { type: CKA.START_DATE, state: "empty", value: undefined },
  { type: CKA.END_DATE, state: "ok", value: new Date("2027-01-31T00:00:00Z") },
  { type: CKA.ALLOWED_MECHANISMS, state: "ok", value: [CKM.AES_GCM] },
  { type: CKA.WRAP_TEMPLATE, state: "ok", value: [{ type: CKA.TOKEN, state: "ok", value: true }] },
  { type: 0x80000001, state: "ok", value: Uint8Array.of(0xde, 0xad) },
];

describe("attributes that were read", () => {
  const attributes = attributesOf(read);

  it("are found by name and by number", () => {
    const label: string | undefined = attributes.get("label");
    const id: Uint8Array | undefined = attributes.get("id");
    assertEquals([label, id], ["backup", Uint8Array.of(1, 0xab)]);
    assertEquals(attributes.get(CKA.LABEL), "backup");
    assertEquals(attributes.get(0x80000001), Uint8Array.of(0xde, 0xad));
    assertEquals(attributes.get(CKA.VENDOR_DEFINED | 1), Uint8Array.of(0xde, 0xad));
    assertEquals(attributes.get("subject"), undefined);
    assertEquals(attributes.get("url"), undefined);
  });

  it("say how they fared", () => {
    assertEquals(attributes.state("label"), "ok");
    assertEquals(attributes.state("subject"), "invalid");
    assertEquals(attributes.state(CKA.PRIVATE_EXPONENT), "sensitive");
    assertEquals(attributes.state("startDate"), "empty");
    assertEquals(attributes.state("url"), "invalid");
    assertEquals([attributes.has("subject"), attributes.has("url")], [true, false]);
  });

  it("are numbers under their names: what is above 2^53 is an error there, and a bigint by number", () => {
    const huge = attributesOf([
      { type: CKA.VALUE_LEN, state: "ok", value: 2n ** 60n },
      { type: CKA.ALLOWED_MECHANISMS, state: "ok", value: [CKM.AES_GCM, 2n ** 60n] },
    ]);
    for (const name of ["valueLen", "allowedMechanisms"] as const) {
      assertEquals([huge.get(name), huge.state(name)], [undefined, "error"]);
      assertStringIncludes(huge.error(name)!.message, `Cannot read the attribute ${name}`);
    }
    assertEquals([huge.get(CKA.VALUE_LEN), huge.state(CKA.VALUE_LEN)], [2n ** 60n, "ok"]);
    assertEquals(huge.error(CKA.VALUE_LEN), undefined);
    assertEquals(huge.pick(["valueLen", CKA.VALUE_LEN]), { valueLen: undefined, [CKA.VALUE_LEN]: 2n ** 60n });
  });

  it("refuse names there are none of", () => {
    assertThrows(() => attributes.get("lable" as "label"), TypeError, 'did you mean "label"?');
    assertThrows(() => attributes.state("nothing like it" as "label"), TypeError);
  });

  it("give a typed subset", () => {
    const subset = attributes.pick(["label", "keyType", CKA.ID]);
    const label: string | undefined = subset.label;
    const keyType: number | bigint | undefined = subset.keyType;
    assertEquals([label, keyType], ["backup", CKK.AES]);
    assertEquals(subset[CKA.ID], Uint8Array.of(1, 0xab));
  });

  it("are iterated in order, vendors' without a name", () => {
    const list = [...attributes];
    assertEquals(list.length, attributes.size);
    assertEquals(list.map(({ type }) => type), read.map(({ type }) => type));
    assertEquals(list[2], { type: CKA.LABEL, name: "label", state: "ok", value: "backup" });
    assertEquals(list.at(-1)?.name, undefined);
  });

  it("have attributes of their own for nested templates", () => {
    const template = attributes.get("wrapTemplate");
    assert(template instanceof Attributes);
    assertEquals(template.get("token"), true);
  });
});

describe("attributes as text", () => {
  const attributes = attributesOf(read);

  it("show names of numbers, bytes in hexadecimal and states", () => {
    const text = String(attributes);
    for (
      const part of [
        "class: CKO_SECRET_KEY",
        "keyType: CKK_AES",
        'label: "backup"',
        "id: 01ab",
        "subject: <invalid>",
        "privateExponent: <sensitive>",
        "startDate: <empty>",
        "endDate: 2027-01-31",
        "allowedMechanisms: [CKM_AES_GCM]",
        "wrapTemplate: Attributes { token: true }",
      ]
    ) assertStringIncludes(text, part);
  });

  it("never show what may be secret", () => {
    for (const text of [String(attributes), inspect(attributes), JSON.stringify(attributes), `${attributes}`]) {
      assert(!text.includes("a0a1a2"), text);
      assert(!text.includes("160"), text);
      assert(!text.includes("dead"), text);
    }
    assertStringIncludes(String(attributes), "value: <not shown>");
    assertStringIncludes(inspect(attributes), "Attributes {");
  });

  it("show the value of a certificate, shortened", () => {
    const certificate = attributesOf([
      { type: CKA.CLASS, state: "ok", value: CKO.CERTIFICATE },
      { type: CKA.VALUE, state: "ok", value: new Uint8Array(100).fill(0x30) },
    ]);
    assertStringIncludes(String(certificate), `value: ${"30".repeat(32)}… (100 bytes)`);
    assertEquals(String(attributesOf([])), "Attributes {}");
  });
});
