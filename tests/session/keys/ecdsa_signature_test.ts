import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { ecdsaSignatureFromDer, ecdsaSignatureToDer } from "../../../session/keys/forms/write_der.ts";

describe("ECDSA signatures in DER", () => {
  it("have short numbers, and come back in the curve's length", () => {
    const raw = new Uint8Array(64);
    raw[31] = 0x80;
    raw[63] = 1;
    const der = ecdsaSignatureToDer(raw);
    assertEquals(der, Uint8Array.of(0x30, 7, 2, 2, 0, 0x80, 2, 1, 1));
    assertEquals(ecdsaSignatureFromDer(der, 32), raw);
    const wide = ecdsaSignatureFromDer(der, 66);
    assertEquals([wide.length, wide[65], wide[131]], [132, 0x80, 1]);
  });

  it("are refused where they are damaged", () => {
    assertThrows(() => ecdsaSignatureToDer(new Uint8Array(63)), TypeError, "63 bytes");
    assertThrows(() => ecdsaSignatureToDer(new Uint8Array()), TypeError);
    for (const hex of ["30050201010201", "300602010102010100", "3006020101020180", "3006020200010201", "0400"]) {
      assertThrows(
        () => ecdsaSignatureFromDer(Uint8Array.fromHex(hex), 32),
        TypeError,
        "Cannot read the ECDSA signature",
      );
    }
    const long = ecdsaSignatureToDer(new Uint8Array(96).fill(1));
    assertThrows(() => ecdsaSignatureFromDer(long, 32), RangeError, "48 bytes");
    assertThrows(() => ecdsaSignatureFromDer(long, 0), RangeError);
  });
});
