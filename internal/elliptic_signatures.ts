/**
 * What there is to signatures on elliptic curves beside their check: points of small order on the curves of EdDSA, which no
 * signature may be verified with (Web Cryptography §25.4.2, §26.4.2), and the two forms of one signature of ECDSA.
 *
 * @module
 */
import { toHex } from "./bytes.ts";

/**
 * The y of these points as RFC 8032 §5.1.2 and §5.2.2 write them, without the sign of x: 0, 1 and -1, and p and p + 1, which
 * are the first two once more.
 */
const points: Readonly<Record<string, ReadonlySet<string>>> = {
  Ed25519: new Set([
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
    // Those of order 8.
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ]),
  Ed448: new Set([
    "00".repeat(57),
    `01${"00".repeat(56)}`,
    `fe${"ff".repeat(27)}fe${"ff".repeat(27)}00`,
    `${"ff".repeat(28)}fe${"ff".repeat(27)}00`,
    `${"00".repeat(28)}${"ff".repeat(28)}00`,
  ]),
};

/**
 * Whether a signature of EdDSA proves nothing, though it verifies: the key is a point of small order, or what the signature
 * begins with. Some runtimes, libraries and tokens take these, under which one signature fits any data.
 */
export function provesNothing(curve: string, publicKey: Uint8Array, signature: Uint8Array): boolean {
  return hasSmallOrder(curve, publicKey) || hasSmallOrder(curve, signature.subarray(0, signature.byteLength / 2));
}

/** Whether an encoded point has small order; false for what is no curve of EdDSA. */
export function hasSmallOrder(curve: string, encoded: Uint8Array): boolean {
  const y = encoded.slice();
  y[y.length - 1]! &= 0x7f;
  return points[curve]?.has(toHex(y)) ?? false;
}

/** The order of secp256k1 (SEC 2 §2.4.1). */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/**
 * A signature of ECDSA on secp256k1, r and s side by side, in the form that everybody takes: s and n − s sign the same, and
 * many, Deno among them, take the lower one alone. What is no such signature comes back as it is.
 */
export function withLowS(signature: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (signature.byteLength !== 64) return signature;
  const s = BigInt(`0x${toHex(signature.subarray(32))}`);
  if (s <= ORDER / 2n || s >= ORDER) return signature;
  const low = new Uint8Array(signature);
  for (let place = 63, rest = ORDER - s; place >= 32; place--, rest >>= 8n) low[place] = Number(rest & 0xffn);
  return low;
}
