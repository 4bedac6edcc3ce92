/**
 * Public keys from private ones, whether a point lies on its curve, and signatures that a runtime cannot check. The
 * arithmetic is a library's, which is loaded when it is needed.
 *
 * @module
 */
import type * as Ed25519 from "@noble/curves/ed25519.js";
import type * as Ed448 from "@noble/curves/ed448.js";
import type * as Misc from "@noble/curves/misc.js";
import type * as Nist from "@noble/curves/nist.js";
import type * as Secp256k1 from "@noble/curves/secp256k1.js";
import type * as Weierstrass from "@noble/curves/abstract/weierstrass.js";
import { fromPackage, requiredAt } from "../../../internal/builtin_modules.ts";
import type { Curve, NamedCurve } from "../../attributes/named_parameters.ts";

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by these calls. */
declare const require: ((name: string) => unknown) | undefined;

/** Loads a part of the library on first use, in place, so that a synchronous call can need it. */
function load<T>(part: () => unknown): T {
  return fromPackage<T>("@noble/curves", part);
}

const library = {
  nist: () =>
    load<typeof Nist>(() =>
      typeof require === "function"
        ? require("@noble/curves/nist.js")
        : requiredAt(import.meta.resolve("@noble/curves/nist.js"), "@noble/curves/nist.js")
    ),
  misc: () =>
    load<typeof Misc>(() =>
      typeof require === "function"
        ? require("@noble/curves/misc.js")
        : requiredAt(import.meta.resolve("@noble/curves/misc.js"), "@noble/curves/misc.js")
    ),
  secp256k1: () =>
    load<typeof Secp256k1>(() =>
      typeof require === "function"
        ? require("@noble/curves/secp256k1.js")
        : requiredAt(import.meta.resolve("@noble/curves/secp256k1.js"), "@noble/curves/secp256k1.js")
    ),
  ed25519: () =>
    load<typeof Ed25519>(() =>
      typeof require === "function"
        ? require("@noble/curves/ed25519.js")
        : requiredAt(import.meta.resolve("@noble/curves/ed25519.js"), "@noble/curves/ed25519.js")
    ),
  ed448: () =>
    load<typeof Ed448>(() =>
      typeof require === "function"
        ? require("@noble/curves/ed448.js")
        : requiredAt(import.meta.resolve("@noble/curves/ed448.js"), "@noble/curves/ed448.js")
    ),
  weierstrass: () =>
    load<typeof Weierstrass>(() =>
      typeof require === "function" ? require("@noble/curves/abstract/weierstrass.js") : requiredAt(
        import.meta.resolve("@noble/curves/abstract/weierstrass.js"),
        "@noble/curves/abstract/weierstrass.js",
      )
    ),
};

/** Never called: a runtime that resolves modules ahead of time fetches the packages because of these expressions. */
export function preloadCurves(): Promise<unknown> {
  return Promise.all([
    import("@noble/curves/nist.js"),
    import("@noble/curves/misc.js"),
    import("@noble/curves/secp256k1.js"),
    import("@noble/curves/ed25519.js"),
    import("@noble/curves/ed448.js"),
    import("@noble/curves/abstract/weierstrass.js"),
  ]);
}

/** Curves that the library knows no name for: SEC 2 §3.2 and RFC 5639 §3. */
const domains = {
  "P-224": {
    p: 0xffffffffffffffffffffffffffffffff000000000000000000000001n,
    a: 0xfffffffffffffffffffffffffffffffefffffffffffffffffffffffen,
    b: 0xb4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4n,
    Gx: 0xb70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21n,
    Gy: 0xbd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34n,
    n: 0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn,
    h: 1n,
  },
  "brainpoolP224r1": {
    p: 0xd7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ffn,
    a: 0x68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43n,
    b: 0x2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400bn,
    Gx: 0x0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07dn,
    Gy: 0x58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cdn,
    n: 0xd7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939fn,
    h: 1n,
  },
  "brainpoolP320r1": {
    p: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27n,
    a: 0x3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4n,
    b: 0x520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6n,
    Gx: 0x43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611n,
    Gy: 0x14fdd05545ec1cc8ab4093247f77275e0743ffed117182eaa9c77877aaac6ac7d35245d1692e8ee1n,
    n: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311n,
    h: 1n,
  },
} as const;

type Points = Weierstrass.WeierstrassPointCons<bigint>;

const points: Readonly<Partial<Record<NamedCurve, () => Points>>> = {
  "P-256": () => library.nist().p256.Point,
  "P-384": () => library.nist().p384.Point,
  "P-521": () => library.nist().p521.Point,
  "secp256k1": () => library.secp256k1().secp256k1.Point,
  "brainpoolP256r1": () => library.misc().brainpoolP256r1.Point,
  "brainpoolP384r1": () => library.misc().brainpoolP384r1.Point,
  "brainpoolP512r1": () => library.misc().brainpoolP512r1.Point,
  "P-224": () => library.weierstrass().weierstrass<bigint>(domains["P-224"]),
  "brainpoolP224r1": () => library.weierstrass().weierstrass<bigint>(domains.brainpoolP224r1),
  "brainpoolP320r1": () => library.weierstrass().weierstrass<bigint>(domains.brainpoolP320r1),
};

/** Points that were made: each has tables that take longer to calculate than what they are for. */
const made = new Map<NamedCurve, Points>();

function pointsOf({ name }: Curve): Points {
  const known = made.get(name);
  if (known !== undefined) return known;
  const make = points[name];
  if (make === undefined) throw new TypeError(`Cannot calculate on ${name}: its keys are no points`);
  const fresh = make();
  made.set(name, fresh);
  return fresh;
}

/**
 * The uncompressed form of a point (SEC 1 §2.3.3).
 *
 * @returns null where the bytes are no point of the curve, or the point at infinity
 */
export function uncompressedPoint(curve: Curve, bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const curvePoints = pointsOf(curve);
  try {
    const point = curvePoints.fromBytes(bytes);
    point.assertValidity();
    return new Uint8Array(point.toBytes(false));
  } catch {
    return null;
  }
}

/**
 * The uncompressed public point of a private number.
 *
 * @returns null where the number is zero or not below the order
 */
export function publicPoint(curve: Curve, privateNumber: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const curvePoints = pointsOf(curve);
  const scalar = BigInt(`0x${privateNumber.toHex()}`);
  if (scalar === 0n || scalar >= curvePoints.Fn.ORDER) return null;
  return new Uint8Array(curvePoints.BASE.multiply(scalar).toBytes(false));
}

/** The public key of an RFC 8032 or RFC 7748 private key. */
export function publicKeyOf(curve: Curve, privateKey: Uint8Array): Uint8Array<ArrayBuffer> {
  switch (curve.name) {
    case "Ed25519":
      return new Uint8Array(library.ed25519().ed25519.getPublicKey(privateKey));
    case "Ed448":
      return new Uint8Array(library.ed448().ed448.getPublicKey(privateKey));
    case "X25519":
      return new Uint8Array(library.ed25519().x25519.getPublicKey(privateKey));
    default:
      return new Uint8Array(library.ed448().x448.getPublicKey(privateKey));
  }
}

/** Whether r and s, side by side, are the ECDSA signature of a digest (FIPS 186-5 §6.4.2). */
export function isEcdsaSignature(
  curve: Curve,
  publicKey: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const curvePoints = pointsOf(curve);
  const { BASE, Fn } = curvePoints;
  const half = signature.length / 2;
  const [r, s] = [numberOf(signature.subarray(0, half)), numberOf(signature.subarray(half))];
  if (!Number.isInteger(half) || r === 0n || s === 0n || r >= Fn.ORDER || s >= Fn.ORDER) return false;
  // A digest with more bits than the order is cut.
  const cut = BigInt(Math.max(0, 8 * digest.length - Fn.BITS));
  const inverse = Fn.inv(s);
  const ofBase = Fn.mul(Fn.create(numberOf(digest) >> cut), inverse);
  const point = BASE.mulAddUnsafe(ofBase, curvePoints.fromBytes(publicKey), Fn.mul(r, inverse));
  return !point.is0() && Fn.create(point.toAffine().x) === r;
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toHex()}`);
}

/**
 * Whether a signature is that of RFC 8032, without a context.
 *
 * @returns null for a curve whose keys sign nothing
 */
export function isEdwardsSignature(
  { name }: Curve,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | null {
  if (name !== "Ed25519" && name !== "Ed448") return null;
  const { lengths, verify } = name === "Ed448" ? library.ed448().ed448 : library.ed25519().ed25519;
  return signature.length === lengths.signature && verify(signature, message, publicKey, { zip215: false });
}
