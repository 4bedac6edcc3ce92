/**
 * The numbers of RSA keys: whether they belong together, and the primes where only the exponents are known.
 *
 * @module
 */
import { secretBytes } from "../../../internal/bytes.ts";
import { runtimeCrypto } from "../../../internal/runtime.ts";
import type { RsaMaterial, RsaPrivateNumbers } from "./key_material.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The largest modulus that is looked at, in bytes: calculations on a larger one would stop the program. */
const MAX_MODULUS = 2048;
/** The largest one whose primes are looked for, in bytes: that takes a power of the modulus's length or several. */
const MAX_WITHOUT_PRIMES = 1024;
/** Tries after which a modulus without factors is suspected: one right key in sixteen gets here. */
const UNLUCKY = 4;

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x0${bytes.toHex()}`);
}

function toBytes(value: bigint): Bytes {
  const digits = value.toString(16);
  const bytes = secretBytes(Math.ceil(digits.length / 2));
  bytes.setFromHex(digits.padStart(2 * bytes.length, "0"));
  return bytes;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = result * square % modulus;
    square = square * square % modulus;
  }
  return result;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r, next] = [modulus, value % modulus];
  let [t, following] = [0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [t, following] = [following, t - quotient * following];
  }
  return t < 0n ? t + modulus : t;
}

/**
 * Which number of an RSA key is wrong, in words; null where they belong together (RFC 8017 §3).
 */
export function rsaProblem({ modulus, publicExponent, privateNumbers }: RsaMaterial): string | null {
  if (modulus.length > MAX_MODULUS) {
    return `its modulus has ${modulus.length * 8} bits, at most ${MAX_MODULUS * 8} are read`;
  }
  const n = toNumber(modulus);
  const e = toNumber(publicExponent);
  if (n < 256n || (n & 1n) === 0n) return "its modulus is no product of two odd primes";
  if (e < 3n || (e & 1n) === 0n || e >= n) return "its public exponent is not an odd number from 3 to the modulus";
  if (privateNumbers === null) return null;
  const [d, p, q, dp, dq, qi] = [
    privateNumbers.privateExponent,
    privateNumbers.prime1,
    privateNumbers.prime2,
    privateNumbers.exponent1,
    privateNumbers.exponent2,
    privateNumbers.coefficient,
  ].map(toNumber) as [bigint, bigint, bigint, bigint, bigint, bigint];
  if (p < 2n || q < 2n || p * q !== n) return "its primes do not make its modulus";
  const isExponent = (exponent: bigint, prime: bigint): boolean => exponent * e % (prime - 1n) === 1n % (prime - 1n);
  if (!isExponent(d, p) || !isExponent(d, q)) return "its private exponent does not belong to its public one";
  if (dp !== d % (p - 1n) || dq !== d % (q - 1n)) return "an exponent does not belong to its prime";
  if (qi >= p || qi * q % p !== 1n) return "its coefficient does not belong to its primes";
  return null;
}

/**
 * The primes of a key of which only n, e and d are known (NIST SP 800-56B, appendix C).
 *
 * @throws {TypeError} when d does not belong to n and e
 */
export function completeRsa(modulus: Bytes, publicExponent: Bytes, privateExponent: Bytes): RsaPrivateNumbers {
  const refused = new TypeError("Cannot read the key: its private exponent does not belong to its public one");
  const isTooLong = [publicExponent, privateExponent].some(({ length }) => length > modulus.length);
  if (isTooLong) throw refused;
  if (modulus.length > MAX_WITHOUT_PRIMES) {
    throw new TypeError(
      `Cannot read the key: its primes are missing, and are looked for up to ${MAX_WITHOUT_PRIMES * 8} bits only; ` +
        `its modulus has ${modulus.length * 8}`,
    );
  }
  const n = toNumber(modulus);
  const d = toNumber(privateExponent);
  let odd = toNumber(publicExponent) * d - 1n;
  if (odd <= 0n || (odd & 1n) === 1n || (n & 1n) === 0n) throw refused;
  let twos = 0;
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
  // Each try fails with a probability of one half for a right key.
  for (let tries = 0; tries < 64; tries++) {
    if (tries === UNLUCKY && isPrimePower(n)) break;
    const factor = factorBy(
      toNumber(runtimeCrypto().getRandomValues(new Uint8Array(modulus.length))) % n,
      odd,
      twos,
      n,
    );
    if (factor === "wrong key") break;
    if (factor === null) continue;
    const p = factor > n / factor ? factor : n / factor;
    const q = n / p;
    return {
      privateExponent,
      prime1: toBytes(p),
      prime2: toBytes(q),
      exponent1: toBytes(d % (p - 1n)),
      exponent2: toBytes(d % (q - 1n)),
      coefficient: toBytes(inverse(q, p)),
    };
  }
  throw refused;
}

/** A factor of n, from a root of 1 that is neither 1 nor -1; a power that is not 1 tells that the key is wrong. */
function factorBy(base: bigint, odd: bigint, twos: number, n: bigint): bigint | "wrong key" | null {
  let root = power(base, odd, n);
  if (root === 0n || root === 1n) return null;
  for (let step = 0; step < twos; step++) {
    if (root === n - 1n) return null;
    const square = root * root % n;
    if (square === 1n) {
      const factor = greatestCommonDivisor(root - 1n, n);
      return factor > 1n && factor < n ? factor : null;
    }
    root = square;
  }
  return "wrong key";
}

/** Whether n is a prime or a power of one, which has no factors to be found that way (Fermat's little theorem). */
function isPrimePower(n: bigint): boolean {
  return greatestCommonDivisor(power(2n, n, n) - 2n, n) > 1n;
}
