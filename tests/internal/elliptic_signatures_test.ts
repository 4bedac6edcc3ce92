// internal/elliptic_signatures.ts: points of small order are told from others, however they are written, and the two forms
// of a signature of ECDSA are made one.
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { hasSmallOrder, withLowS } from "../../internal/elliptic_signatures.ts";

const curves = [
  {
    name: "Ed25519",
    bytes: 32,
    p: 2n ** 255n - 19n,
    others: [0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n],
  },
  { name: "Ed448", bytes: 57, p: 2n ** 448n - 2n ** 224n - 1n, others: [] },
] as const;

/** A y coordinate and the sign of x, as RFC 8032 writes them. */
function encoded(y: bigint, sign: number, bytes: number): Uint8Array {
  const written = Uint8Array.from({ length: bytes }, (_, index) => Number(y >> BigInt(8 * index) & 0xffn));
  written[bytes - 1]! |= sign << 7;
  return written;
}

describe("points of small order", () => {
  for (const { bytes, name, others, p } of curves) {
    it(`are those of ${name} with a y of 0, 1 and -1, and of order 8, with both signs and beyond p`, () => {
      const ys = [0n, 1n, p - 1n, p, p + 1n, ...others, ...others.map((y) => p - y)];
      for (const y of ys) for (const sign of [0, 1]) assertEquals(hasSmallOrder(name, encoded(y, sign, bytes)), true);
      for (const y of [2n, p - 2n, p + 2n, 2n ** 200n]) {
        assertEquals(hasSmallOrder(name, encoded(y, 0, bytes)), false);
      }
    });
  }

  it("are no keys that are made", () => {
    const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    assertEquals(hasSmallOrder("Ed25519", new Uint8Array(Buffer.from(x!, "base64url"))), false);
  });

  it("of order 8 on Ed25519 double to one of order 4, whose y is 0", () => {
    const { p, others: [y] } = curves[0];
    const power = (base: bigint, exponent: bigint): bigint => {
      let [result, square] = [1n, base % p];
      for (let left = exponent; left > 0n; left >>= 1n, square = square * square % p) {
        if (left & 1n) result = result * square % p;
      }
      return result;
    };
    const d = (p - 121665n) * power(121666n, p - 2n) % p;
    const xx = (y * y - 1n + p) * power(d * y % p * y + 1n, p - 2n) % p;
    // y of the double is (y² + x²) / (2 + x² - y²) for a = -1.
    assertEquals((y * y + xx) % p, 0n);
  });
});

describe("a signature on secp256k1", () => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const signature = (s: bigint) =>
    new Uint8Array(Buffer.from("17".repeat(32) + s.toString(16).padStart(64, "0"), "hex"));

  it("has the lower s of its two, and the same r", () => {
    for (const low of [1n, 2n ** 200n + 5n, (order - 1n) / 2n]) {
      assertEquals(withLowS(signature(order - low)), signature(low));
      const given = signature(low);
      assertStrictEquals(withLowS(given), given);
    }
  });

  it("that is none stays as it is, so that whoever checks it refuses it", () => {
    for (
      const none of [signature(0n), signature(order), signature(order + 1n), new Uint8Array(63), new Uint8Array(0)]
    ) {
      assertStrictEquals(withLowS(none), none);
    }
  });

  it("is not changed in the caller's memory", () => {
    const given = signature(order - 7n);
    assert(withLowS(given) !== given);
    assertEquals(given, signature(order - 7n));
  });
});
