import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { CKA } from "../../../ffi/constants/cka.ts";
import { CKM } from "../../../ffi/constants/ckm.ts";
import { CKO } from "../../../ffi/constants/objects.ts";
import { attributeByName, attributeByType, suggestAttributeName } from "../../../session/attributes/attribute_table.ts";
import { attributeType, attributeTypes } from "../../../session/attributes/attribute_types.ts";
import { attributesOf } from "../../../session/attributes/attributes.ts";
import { type AttributesInit, compileTemplate } from "../../../session/attributes/attributes_init.ts";
import { assertLinear } from "../../_support/growth.ts";

/** Compiles what the compiler would refuse. */
function compileAnything(init: unknown): unknown {
  return compileTemplate(init as AttributesInit);
}

function compileOne(name: string | number, value: unknown): unknown {
  const [entry] = compileTemplate({ [name]: value } as AttributesInit);
  return entry?.value;
}

describe("a template with many attributes", () => {
  it("is read in time that grows in step with them", () => {
    assertLinear((count) => {
      const init: Record<number, Uint8Array<ArrayBuffer>> = {};
      for (let each = 0; each < count; each++) init[CKA.VENDOR_DEFINED + each] = new Uint8Array(1);
      return compileTemplate(init);
    }, 40_000);
  });
});

describe("the table of attributes", () => {
  it("has every CKA of the standard under the camelCase form of its name", () => {
    for (const [constant, type] of Object.entries(CKA)) {
      if (constant === "VENDOR_DEFINED") continue;
      const [first = "", ...rest] = constant.toLowerCase().split("_");
      const name = first + rest.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
      assertEquals(attributeByName(name)?.type, type, name);
    }
  });

  it("gives the names of today for numbers with two", () => {
    assertEquals(attributeByType(CKA.EC_PARAMS)?.name, "ecParams");
    assertEquals(attributeByType(CKA.SUBPRIME_BITS)?.name, "subprimeBits");
    assertEquals(attributeByType(0x80000001), undefined);
  });
});

describe("a template under names", () => {
  it("becomes entries in its own order", () => {
    const entries = compileTemplate({
      class: CKO.PRIVATE_KEY,
      token: true,
      label: "key",
      id: Uint8Array.of(1),
      valueLen: 32n,
    });
    assertEquals(entries, [
      { type: CKA.CLASS, value: CKO.PRIVATE_KEY },
      { type: CKA.TOKEN, value: true },
      { type: CKA.LABEL, value: "key" },
      { type: CKA.ID, value: Uint8Array.of(1) },
      { type: CKA.VALUE_LEN, value: 32n },
    ]);
  });

  it("takes what each kind of attribute takes", () => {
    const date = new Date("2026-01-02T00:00:00Z");
    assertEquals(compileOne("startDate", date), date);
    assertEquals(compileOne("id", "text"), "text");
    assertEquals(compileOne("label", Uint8Array.of(0x6b)), Uint8Array.of(0x6b));
    assertEquals(compileOne("allowedMechanisms", [CKM.AES_GCM, CKM.AES_CBC]), [CKM.AES_GCM, CKM.AES_CBC]);
    assertEquals(compileOne("validationVersion", { major: 3, minor: 0 }), { major: 3, minor: 0 });
    assertEquals(compileOne("unwrapTemplate", { extractable: false }), [{ type: CKA.EXTRACTABLE, value: false }]);
    assertEquals(compileOne("value", new Uint16Array([0x0102]).buffer), Uint8Array.of(2, 1));
    assertEquals(compileOne("value", new DataView(new ArrayBuffer(4), 1, 2)), new Uint8Array(2));
    assertEquals(compileOne("value", new Uint8Array(0)), new Uint8Array(0));
  });

  it("leaves out members that are undefined", () => {
    assertEquals(compileTemplate({ label: undefined, token: false }), [{ type: CKA.TOKEN, value: false }]);
    assertEquals(compileTemplate({}), []);
  });

  it("holds copies: later changes of the caller's have no effect", () => {
    const id = Uint8Array.of(1, 2, 3);
    const startDate = new Date(0);
    const template = { id, startDate, unwrapTemplate: { id } };
    const entries = compileTemplate(template);
    id.fill(9);
    startDate.setTime(1e12);
    assertEquals(entries[0]?.value, Uint8Array.of(1, 2, 3));
    assertEquals(entries[1]?.value, new Date(0));
    assertEquals(entries[2]?.value, [{ type: CKA.ID, value: Uint8Array.of(1, 2, 3) }]);
  });

  it("refuses values of the wrong kind and names the attribute", () => {
    const wrong: [name: string, value: unknown][] = [
      ["token", 1],
      ["token", "true"],
      ["class", "private"],
      ["class", true],
      ["label", 5],
      ["id", 7],
      ["id", null],
      ["startDate", "20260101"],
      ["allowedMechanisms", 5],
      ["unwrapTemplate", [1]],
      ["unwrapTemplate", new Uint8Array(3)],
      ["validationVersion", 3],
      ["modulus", 65537n],
    ];
    for (const [name, value] of wrong) assertThrows(() => compileOne(name, value), TypeError, `attribute ${name}`);
  });

  it("takes text where text is meant, and nowhere else: letters are no number and no DER", () => {
    for (const name of ["label", "application", "url", "id", "value"]) assertEquals(compileOne(name, "text"), "text");
    assertEquals([compileOne(CKA.ID, "text"), compileOne(0x80000001, "text")], ["text", "text"]);
    const letters: [name: string, type: number, value: string][] = [
      ["publicExponent", CKA.PUBLIC_EXPONENT, "65537"],
      ["modulus", CKA.MODULUS, "c0ffee"],
      ["ecParams", CKA.EC_PARAMS, "P-256"],
      ["subject", CKA.SUBJECT, "CN=somebody"],
      ["serialNumber", CKA.SERIAL_NUMBER, "01"],
      ["objectId", CKA.OBJECT_ID, "1.2.3"],
      ["modulusBits", CKA.MODULUS_BITS, "2048"],
      ["token", CKA.TOKEN, "true"],
      ["startDate", CKA.START_DATE, "2026-01-01"],
      ["allowedMechanisms", CKA.ALLOWED_MECHANISMS, "AES"],
    ];
    for (const [name, type, value] of letters) {
      assertThrows(() => compileOne(name, value), TypeError, `Cannot use attribute ${name}: expected`);
      assertThrows(() => compileOne(type, value), TypeError, `Cannot use attribute ${type} (${name}): expected`);
    }
  });

  it("keeps every character of a text, and refuses half of one", () => {
    assertEquals(compileOne("label", "\ufeffmarked \u{1f511}"), "\ufeffmarked \u{1f511}");
    for (const half of ["\ud83d", "key \udd11", "\udd11\ud83d"]) {
      for (const name of ["label", "id", CKA.LABEL, 0x80000001]) {
        const error = assertThrows(() => compileOne(name, half), TypeError, "half of a surrogate pair");
        assertEquals(error.message.includes(half), false);
      }
    }
  });

  it("refuses numbers that are no CK_ULONG", () => {
    for (const value of [-1, 1.5, NaN, Infinity, 2 ** 60, -1n, 2n ** 64n]) {
      assertThrows(() => compileOne("modulusBits", value), RangeError, "attribute modulusBits");
    }
    assertThrows(() => compileOne("allowedMechanisms", [1, -1n]), RangeError, "allowedMechanisms");
    assertThrows(() => compileOne("validationVersion", { major: 256, minor: 0 }), RangeError, "0 to 255");
    assertThrows(() => compileOne("startDate", new Date(NaN)), RangeError, "startDate");
  });

  it("refuses unknown names and offers the closest", () => {
    assertThrows(() => compileOne("lable", "x"), TypeError, 'did you mean "label"?');
    assertThrows(() => compileOne("CKA_KEY_TYPE", 1), TypeError, 'did you mean "keyType"?');
    assertThrows(() => compileOne("key_type", 1), TypeError, 'did you mean "keyType"?');
    assertThrows(() => compileOne("modulusbits", 1), TypeError, 'did you mean "modulusBits"?');
    assertThrows(() => compileOne("somethingElseEntirely", 1), TypeError, "no attribute of this name");
    assertEquals(suggestAttributeName("qqqqqqqqqqqq"), undefined);
    assertThrows(() => compileOne("constructor", 1), TypeError, "no attribute of this name");
  });

  it("refuses a detached buffer", () => {
    const bytes = new Uint8Array(8);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    assertThrows(() => compileOne("id", bytes), TypeError, "detached");
    assertThrows(() => compileOne("id", bytes.buffer), TypeError, "detached");
  });

  it("never shows a value in a message", () => {
    const error = assertThrows(() => compileOne("modulusBits", "hunter2"), TypeError);
    assert(!error.message.includes("hunter2"));
  });

  it("tells where inside a nested template the mistake is", () => {
    assertThrows(() => compileOne("wrapTemplate", { tokn: true }), TypeError, "inside attribute wrapTemplate");
  });

  it("refuses what is no object", () => {
    for (const init of [null, 5, "label", [], new Uint8Array(2)]) assertThrows(() => compileAnything(init), TypeError);
    for (const init of [new Map([["label", "a"]]), new Date(), new Set(), new (class Template {})()]) {
      assertThrows(() => compileAnything(init), TypeError, "expected an object");
      assertThrows(() => compileOne("wrapTemplate", init), TypeError, "wrapTemplate");
    }
  });
});

describe("a template of attributes that were read", () => {
  it("has the same attributes with the same values, copied", () => {
    const id = Uint8Array.of(1, 2);
    const nested = [{ type: CKA.TOKEN, state: "ok", value: true } as const];
    const template = compileTemplate(
      attributesOf([
        { type: CKA.CLASS, state: "ok", value: CKO.SECRET_KEY },
        { type: CKA.ID, state: "ok", value: id },
        { type: CKA.LABEL, state: "empty", value: "" },
        { type: CKA.ALLOWED_MECHANISMS, state: "ok", value: [CKM.AES_GCM] },
        { type: CKA.WRAP_TEMPLATE, state: "ok", value: nested },
        { type: CKA.UNWRAP_TEMPLATE, state: "empty", value: [] },
        { type: 0x80000001, state: "ok", value: Uint8Array.of(7) },
        { type: CKA.VALUE_LEN, state: "ok", value: 2n ** 60n },
      ]),
    );
    id.fill(0);
    assertEquals(
      new Map(template.map(({ type, value }) => [type, value])),
      new Map<number, unknown>([
        [CKA.CLASS, CKO.SECRET_KEY],
        [CKA.ID, Uint8Array.of(1, 2)],
        [CKA.LABEL, ""],
        [CKA.ALLOWED_MECHANISMS, [CKM.AES_GCM]],
        [CKA.WRAP_TEMPLATE, [{ type: CKA.TOKEN, value: true }]],
        [CKA.UNWRAP_TEMPLATE, []],
        [0x80000001, Uint8Array.of(7)],
        [CKA.VALUE_LEN, 2n ** 60n],
      ]),
    );
  });

  it("is refused where one has no value, or none was read: it would match what it does not mean", () => {
    for (const state of ["invalid", "sensitive", "empty", "error"] as const) {
      const read = attributesOf([{ type: CKA.LABEL, state: "ok", value: "a" }, {
        type: CKA.ID,
        state,
        value: undefined,
      }]);
      assertThrows(() => compileTemplate(read), TypeError, `id: it was read without a value, its state is "${state}"`);
      assertThrows(() => compileTemplate({ wrapTemplate: read }), TypeError, "inside attribute wrapTemplate");
    }
    assertThrows(() => compileTemplate(attributesOf([])), TypeError, "none was read");
  });
});

describe("a template under numbers", () => {
  it("goes by the JavaScript type of each value", () => {
    const date = new Date(0);
    assertEquals(compileOne(CKA.LABEL, "text"), "text");
    assertEquals(compileOne(CKA.LABEL, true), true);
    assertEquals(compileOne(CKA.TOKEN, 1), 1);
    assertEquals(compileOne(0x80000001, 2n), 2n);
    assertEquals(compileOne(0x80000001, Uint8Array.of(1)), Uint8Array.of(1));
    assertEquals(compileOne(0x80000001, date), date);
    assertEquals(compileOne(CKA.ALLOWED_MECHANISMS, [1]), [1]);
    assertEquals(compileOne(CKA.WRAP_TEMPLATE, { token: true }), [{ type: CKA.TOKEN, value: true }]);
  });

  it("takes the vendor bit as unsigned, as JavaScript's | makes it negative", () => {
    assertEquals(compileTemplate({ [CKA.VENDOR_DEFINED | 1]: true }), [{ type: 0x80000001, value: true }]);
    assertEquals(compileTemplate({ [0xce534351]: 1 }), [{ type: 0xce534351, value: 1 }]);
    assertEquals(attributeType(CKA.VENDOR_DEFINED | 1), 0x80000001);
  });

  it("refuses values C has no form for", () => {
    for (const value of [null, {}, Symbol("x"), () => 1]) {
      assertThrows(() => compileOne(0x80000001, value), TypeError, "attribute 2147483649");
    }
    assertThrows(() => compileOne(0x80000001, -1), RangeError);
    assertThrows(() => compileOne("-99999999999", 1), RangeError);
  });

  it("may be mixed with names, each attribute once", () => {
    assertEquals(compileTemplate({ label: "a", [CKA.VALUE_LEN]: 32 }).length, 2);
    assertThrows(() => compileTemplate({ label: "a", [CKA.LABEL]: "b" }), TypeError, "twice");
    assertThrows(() => compileTemplate({ subprimeBits: 1, subPrimeBits: 1 }), TypeError, "twice");
  });
});

describe("attributes to read", () => {
  it("are given by name or number", () => {
    assertEquals(attributeTypes(["label", CKA.ID, 0x80000001]), [CKA.LABEL, CKA.ID, 0x80000001]);
  });

  it("must exist", () => {
    assertThrows(() => attributeTypes(["labell" as "label"]), TypeError, 'did you mean "label"?');
    assertThrows(() => attributeTypes([-1.5]), RangeError);
    assertThrows(() => attributeTypes("label" as unknown as []), TypeError, "array");
  });
});
