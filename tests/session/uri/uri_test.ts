import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse, assertNotMatch, assertThrows } from "@std/assert";
import { Pkcs11Uri, UriError } from "../../../session/uri/mod.ts";
import { assertLinear } from "../../_support/growth.ts";

function reasonOf(text: string): string {
  return assertThrows(() => Pkcs11Uri.parse(text), UriError).reason;
}

describe("Pkcs11Uri.parse()", () => {
  it("reads every attribute", () => {
    const uri = Pkcs11Uri.parse(
      "pkcs11:library-description=Lib;library-manufacturer=Maker;library-version=2.5;slot-description=Slot;" +
        "slot-manufacturer=SM;slot-id=7;model=M;manufacturer=TM;serial=S;token=My%20token;id=%01%ff;object=k%C3%BC;" +
        "type=secret-key?pin-source=file:/run/pin&pin-value=1234&module-name=softhsm2&module-path=/lib/x.so&x-b=1&x-a=2&x-b=3",
    );
    assertFalse(uri.unrecognized);
    assertEquals(uri.libraryDescription, "Lib");
    assertEquals(uri.libraryManufacturer, "Maker");
    assertEquals(uri.libraryVersion, { major: 2, minor: 5 });
    assertEquals(uri.slotDescription, "Slot");
    assertEquals(uri.slotManufacturer, "SM");
    assertEquals(uri.slotId, 7n);
    assertEquals(uri.model, "M");
    assertEquals(uri.manufacturer, "TM");
    assertEquals(uri.serial, "S");
    assertEquals(uri.token, "My token");
    assertEquals(uri.id, new Uint8Array([1, 255]));
    assertEquals(uri.object, "kü");
    assertEquals(uri.type, "secret-key");
    assertEquals(uri.pinSource, "file:/run/pin");
    assertEquals(uri.pinValue, "1234");
    assertEquals(uri.moduleName, "softhsm2");
    assertEquals(uri.modulePath, "/lib/x.so");
    assertEquals([...uri.vendorQuery], [["x-a", ["2"]], ["x-b", ["1", "3"]]]);
  });

  it("leaves what is not given undefined", () => {
    const uri = Pkcs11Uri.parse("pkcs11:");
    assertEquals(uri.token, undefined);
    assertEquals(uri.id, undefined);
    assertEquals(uri.slotId, undefined);
    assertEquals(uri.type, undefined);
    assertEquals(uri.pinValue, undefined);
    assertEquals(uri.vendorQuery.size, 0);
  });

  it("says which rule a text breaks", () => {
    assertEquals(reasonOf("https://example.com"), "scheme");
    assertEquals(reasonOf("pkcs11:token=%4"), "encoding");
    assertEquals(reasonOf("pkcs11:token"), "syntax");
    assertEquals(reasonOf("pkcs11:?x.y=1"), "syntax");
    assertEquals(reasonOf("pkcs11:library-version=1.x"), "version");
  });

  it("refuses NUL characters and numbers that would wrap around", () => {
    assertEquals(reasonOf("pkcs11:token=a\0b"), "syntax");
    assertEquals(reasonOf("pkcs11:slot-id=18446744073709551616"), "syntax");
    assertEquals(reasonOf("pkcs11:library-version=4294967297"), "version");
  });

  it("throws a TypeError for what is no text or no scope", () => {
    assertThrows(() => Pkcs11Uri.parse(1 as unknown as string), TypeError, "expected a string");
    assertThrows(() => Pkcs11Uri.parse("pkcs11:", "toString" as "any"), TypeError, "scope");
  });

  it("keeps a PIN out of the message", () => {
    const error = assertThrows(() => Pkcs11Uri.parse("pkcs11:?pin-value=tops3cret%"), UriError);
    assertNotMatch(error.message, /tops3cret/);
  });

  it("takes a URI of a megabyte in linear time", () => {
    assertLinear((count) => {
      assertEquals(Pkcs11Uri.parse("pkcs11:" + "object=%41bc;".repeat(count) + "token=a").token, "a");
    }, 80_000);
  });

  it("takes attributes of the scope only", () => {
    assert(Pkcs11Uri.parse("pkcs11:token=a;object=b", "token").unrecognized);
    assert(Pkcs11Uri.parse("pkcs11:library-version=1.0", "module").unrecognized);
    assertFalse(Pkcs11Uri.parse("pkcs11:library-description=a", "module").unrecognized);
    assertFalse(Pkcs11Uri.parse("pkcs11:slot-id=1", "slot").unrecognized);
  });
});

describe("Pkcs11Uri.from()", () => {
  it("makes what parse() reads", () => {
    const uri = Pkcs11Uri.from({
      token: "Tøken & co",
      id: new Uint8Array([0, 37, 255]),
      object: "100%",
      type: "private",
      slotId: 3n,
      libraryVersion: { major: 1, minor: 2 },
      pinSource: "|a&b",
    });
    const text = uri.format();
    assertEquals(
      text,
      "pkcs11:library-version=1.2;slot-id=3;token=T%C3%B8ken%20%26%20co;id=%00%25%FF;object=100%25;type=private" +
        "?pin-source=%7Ca%26b",
    );
    const again = Pkcs11Uri.parse(text);
    assertEquals(again.token, "Tøken & co");
    assertEquals(again.id, new Uint8Array([0, 37, 255]));
    assertEquals(again.pinSource, "|a&b");
    assertEquals(again.format(), text);
  });

  it("refuses what does not fit", () => {
    assertThrows(() => Pkcs11Uri.from({ serial: "12345678901234567" }), RangeError, "serial takes 16 bytes, got 17");
    assertThrows(() => Pkcs11Uri.from({ libraryVersion: { major: 255, minor: 0 } }), RangeError);
    assertThrows(() => Pkcs11Uri.from({ slotId: -1n }), RangeError);
    assertThrows(() => Pkcs11Uri.from({ pinValue: "a\0b" }), RangeError);
  });
});

describe("Pkcs11Uri.format()", () => {
  it("writes the scope's part of the path and the whole query", () => {
    const uri = Pkcs11Uri.parse("pkcs11:token=a;object=b;slot-id=1?module-name=m");
    assertEquals(uri.format("token"), "pkcs11:token=a?module-name=m");
    assertEquals(uri.format("object"), "pkcs11:object=b?module-name=m");
    assertEquals(uri.format("slot"), "pkcs11:slot-id=1?module-name=m");
    assertEquals(uri.format("module"), "pkcs11:?module-name=m");
  });

  it("toString() keeps the PIN to itself", () => {
    assertEquals(`${Pkcs11Uri.parse("pkcs11:token=a?pin-value=1234")}`, "pkcs11:token=a");
  });
});

describe("Pkcs11Uri matching", () => {
  const token = { label: "My token", manufacturerId: "ACME", model: "v2", serialNumber: "" };

  it("compares fields without their padding, and an empty one with an empty one", () => {
    assert(Pkcs11Uri.parse("pkcs11:token=My%20token%20").matchToken(token));
    assert(Pkcs11Uri.parse("pkcs11:serial=").matchToken(token));
    assertFalse(Pkcs11Uri.parse("pkcs11:model=").matchToken(token));
    assertFalse(Pkcs11Uri.parse("pkcs11:token=my%20token").matchToken(token));
  });

  it("matches nothing once something is unrecognized", () => {
    const uri = Pkcs11Uri.parse("pkcs11:new-thing=1");
    assertFalse(uri.matchToken(token));
    assertFalse(uri.matchAttributes({}));
    assertFalse(uri.matchSlot({ slotDescription: "", manufacturerId: "" }));
    assertFalse(
      uri.matchModule({ libraryDescription: "", manufacturerId: "", libraryVersion: { major: 0, minor: 0 } }),
    );
  });

  it("compares slot-id where an id is given", () => {
    const uri = Pkcs11Uri.parse("pkcs11:slot-id=5");
    const slot = { slotDescription: "s", manufacturerId: "m" };
    assert(uri.matchSlot(slot));
    assert(uri.matchSlot(slot, 5n));
    assertFalse(uri.matchSlot(slot, 6n));
  });

  it("takes attributes by name, by number and from anything with get()", () => {
    const uri = Pkcs11Uri.parse("pkcs11:object=key;id=%01;type=private");
    assert(uri.matchAttributes({ class: 3, label: "key", id: new Uint8Array([1]) }));
    assert(uri.matchAttributes({ 0: 3n, 3: new TextEncoder().encode("key"), 258: new Uint8Array([1]).buffer }));
    assert(uri.matchAttributes(new Map<string, unknown>([["class", 3], ["label", "key"]])));
    assert(uri.matchAttributes({ label: "key" }));
    assertFalse(uri.matchAttributes({ class: 2 }));
    assertFalse(uri.matchAttributes({ label: "kez" }));
    assertFalse(uri.matchAttributes({ id: new Uint8Array([1, 2]) }));
    assertThrows(() => uri.matchAttributes({ label: 5 }), TypeError);
  });
});
