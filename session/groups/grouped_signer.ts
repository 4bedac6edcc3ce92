/**
 * What a group of signers asks of each of them, and how it knows that they have one key.
 *
 * @module
 */
import { describeType } from "../../ffi/memory/inputs.ts";
import type { JsonWebKeyFields } from "../keys/forms/json_web_key.ts";

/** A signer as a group takes it: `tokenSigner` makes one, and so is anything that HTTP sessions sign with. */
export interface GroupedSigner {
  /** The algorithm by its JOSE name. */
  readonly algorithm: string;
  /** What names the key. */
  readonly keyId: string;
  /** Signs a message. */
  sign(
    message: Uint8Array<ArrayBuffer>,
    options?: { readonly signal?: AbortSignal | null | undefined },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Signs in place; absent where it cannot. */
  signSync?(message: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** The public key; throws a TypeError, or is absent, where there is none. */
  publicJwk?(): JsonWebKeyFields;
}

/** The members that make a public key what it is (RFC 7638 §3.2, RFC 8037, RFC 9964). */
const KEY_MEMBERS = ["crv", "e", "kty", "n", "pub", "x", "y"] as const;

/** The public key of a signer; null where it has none. */
export function publicKeyOf(signer: GroupedSigner): JsonWebKeyFields | null {
  try {
    return signer.publicJwk?.() ?? null;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/**
 * Checks that signers have one key and one algorithm.
 *
 * @returns the public key; null for a secret one, of which only a signature can tell whether it is the same
 * @throws {TypeError} where they have not, or where that cannot be known
 */
export function checkSameKey(signers: readonly GroupedSigner[]): JsonWebKeyFields | null {
  if (!Array.isArray(signers) || signers.length === 0) {
    throw new TypeError(
      `Cannot make a group of signers: expected one or more, got ${
        Array.isArray(signers) ? "none" : describeType(signers)
      }`,
    );
  }
  // A hole in the list is looked at, too.
  for (const [index, signer] of signers.entries()) checkMembers(signer, index);
  const [first] = signers as [GroupedSigner];
  const key = publicKeyOf(first);
  const isSecret = isMac(first.algorithm);
  if (key === null && !isSecret) throw different(0, "it does not tell its public key");
  for (const [index, signer] of signers.entries()) {
    if (signer.algorithm !== first.algorithm) {
      throw different(index, `its algorithm is ${signer.algorithm}, that of the first ${first.algorithm}`);
    }
    if (isSecret) continue;
    const own = publicKeyOf(signer);
    if (own === null) throw different(index, "it does not tell its public key");
    if (textOf(own) !== textOf(key!)) throw different(index, "its key is another than that of the first");
  }
  return isSecret ? null : key;
}

function checkMembers(signer: GroupedSigner, index: number): void {
  const { algorithm, keyId, sign } = (signer ?? {}) as Partial<GroupedSigner>;
  if (typeof sign === "function" && typeof algorithm === "string" && typeof keyId === "string") return;
  throw different(index, `it is ${describeType(signer)} without the members algorithm, keyId and sign`);
}

function different(index: number, reason: string): TypeError {
  return new TypeError(`Cannot make a group of signers: signer ${index + 1} does not belong to it: ${reason}`);
}

/** Whether an algorithm is made with a secret key (RFC 7518 §3.2): the same key gives the same signature then. */
function isMac(algorithm: string): boolean {
  return /^HS\d+$/.test(algorithm);
}

function textOf(key: JsonWebKeyFields): string {
  return JSON.stringify(KEY_MEMBERS.map((name) => key[name] ?? null));
}
