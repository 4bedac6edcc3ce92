/**
 * Digests (Web Cryptography §32, and the SHA-3 of its modern algorithms). Where the token has none they are made outside
 * it: nothing in them is secret.
 *
 * @module
 */
import { digestOutside, findHash, type HashName } from "../../session/mechanisms/hash.ts";
import type { Family } from "../contract/family.ts";

/** The digests of the specification. */
export const hashNames: readonly HashName[] = [
  "SHA-1",
  "SHA-256",
  "SHA-384",
  "SHA-512",
  "SHA3-256",
  "SHA3-384",
  "SHA3-512",
];

/** Bytes that HMAC takes at a time with each digest (FIPS 180-4, FIPS 202). */
const blockLengths: Readonly<Partial<Record<HashName, number>>> = {
  "SHA-384": 128,
  "SHA-512": 128,
  "SHA3-256": 136,
  "SHA3-384": 104,
  "SHA3-512": 72,
};

/** Bytes of a block of a digest. */
export function blockLength(hash: HashName): number {
  return blockLengths[hash] ?? 64;
}

/** All digests. */
export const hashes: readonly Family[] = hashNames.map((name) => ({
  name,
  operations: { digest: [] },
  async digest(access, _parameters, data) {
    const mechanism = findHash(name).digest;
    if (!access.has(mechanism)) return digestOutside(name, data);
    return await access.use([], (session) => session.digest(mechanism, data));
  },
}));
