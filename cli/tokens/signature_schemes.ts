/**
 * How files are signed and verified: by the algorithm that fits the key, or the mechanism that was named.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { CKK, CKO, type MechanismType } from "../../ffi/constants/mod.ts";
import { ckmName } from "../../ffi/constants/names.ts";
import type { HashName } from "../../session/mechanisms/hash.ts";
import { findHash } from "../../session/mechanisms/hash.ts";
import {
  ecdsaWith,
  mechanismType,
  rsaPkcsWith,
  rsaPssWith,
  schemesOf,
  secretSchemes,
  type SignatureScheme,
} from "../../session/keys/signature_schemes.ts";
import type { DataInput } from "../../session/tokens/options.ts";
import type { Slot } from "../../session/tokens/slot.ts";
import type { Mechanism } from "../../session/mechanisms/mod.ts";
import { CommandError, UsageError } from "../terminal/errors.ts";
import { readWhole, type Source } from "../terminal/files.ts";
import { type KeyFacts, keyName } from "./key_facts.ts";
import { mechanismNumber } from "./mechanism_names.ts";

export type { SignatureScheme };

type Bytes = Uint8Array<ArrayBuffer>;

/** A mechanism as it is: it is given the file. */
function plain(type: MechanismType): SignatureScheme {
  return { algorithm: ckmName(type), hash: null, whole: type, prehashed: null, prepare: (digest) => digest };
}

/** The schemes of a key by their JOSE names, the usual one first. */
function ownSchemes({ class: kind, curve, keyType, set }: KeyFacts): readonly SignatureScheme[] {
  if (kind === CKO.SECRET_KEY) return keyType === CKK.AES ? [] : secretSchemes;
  const none = { publicKey: null, privateKey: null };
  if (curve !== undefined) return schemesOf({ kind: "curve", curve, ...none });
  if (set !== undefined) return schemesOf({ kind: "post-quantum", set, seed: null, ...none });
  if (keyType === CKK.EC) return [ecdsaWith("SHA-256")];
  if (keyType !== CKK.RSA) return [];
  const [modulus, publicExponent] = [new Uint8Array(), new Uint8Array()];
  return schemesOf({ kind: "RSA", modulus, publicExponent, privateNumbers: null });
}

/** A digest as it stands in the names of mechanisms: `SHA256`, `SHA3_256`, `SHA1` or `SHA_1`. */
function hashIn(name: string): HashName {
  return name.replace(/^SHA_?1$/, "SHA-1").replace(/^SHA3_/, "SHA3-").replace(/^SHA(?=\d{3}$)/, "SHA-") as HashName;
}

/** The scheme of a mechanism, so that the digest can be made outside where the token cannot make it. */
function schemeOfMechanism(type: MechanismType): SignatureScheme {
  const name = ckmName(type).slice(4);
  const [, ecdsa, pss, pkcs] = /^ECDSA_(SHA\w+)$|^(SHA\w+)_RSA_PKCS_PSS$|^(SHA\w+)_RSA_PKCS$/.exec(name) ?? [];
  if (ecdsa !== undefined) return ecdsaWith(hashIn(ecdsa));
  if (pss !== undefined) return rsaPssWith(hashIn(pss), findHash(hashIn(pss)).length);
  if (pkcs !== undefined) return rsaPkcsWith(hashIn(pkcs));
  return plain(type);
}

/**
 * The scheme for a key.
 *
 * @param name What was asked for: a name of JOSE such as `ES256`, or a mechanism's.
 * @throws {UsageError} When nothing is called so.
 * @throws {CommandError} When the key does not sign.
 */
export function signatureScheme(facts: KeyFacts, name: string | undefined, command: string): SignatureScheme {
  const schemes = ownSchemes(facts);
  if (name === undefined) {
    if (schemes.length > 0) return schemes[0]!;
    throw new CommandError(
      `Cannot choose a mechanism: a key of the kind ${keyName(facts)} has no usual one for signatures`,
      "Name one with --mechanism; gp11 mechanisms lists what the token has.",
    );
  }
  const own = schemes.find(({ algorithm }) => algorithm.toUpperCase() === name.toUpperCase());
  if (own !== undefined) return own;
  if (/^(ES|RS|PS|HS)\d{3}K?$/i.test(name)) {
    const names = schemes.map(({ algorithm }) => algorithm).join(", ");
    throw new UsageError(
      `Cannot use ${name} with this key: a key of the kind ${keyName(facts)} has ${names || "no algorithm of JOSE"}`,
      command,
    );
  }
  return schemeOfMechanism(mechanismNumber(name, command));
}

/** What a token is given for a file, and with which mechanism. */
export interface SignatureInput {
  readonly mechanism: Mechanism;
  readonly data: DataInput;
}

/**
 * Makes of a file what the token signs. Where it can sign a digest the digest is made here, and only that goes in: a card
 * would take long over a large file.
 */
export async function signatureInput(
  scheme: SignatureScheme,
  slot: Slot,
  source: Source,
  { seen, signal }: { seen: (bytes: number) => void; signal: AbortSignal },
): Promise<SignatureInput> {
  const { hash, prehashed, whole } = scheme;
  const mechanisms = new Set(await slot.mechanisms({ signal }));
  if (hash !== null && prehashed !== null && mechanisms.has(mechanismType(prehashed))) {
    const digest = await digestOf(source, hash, seen);
    return { mechanism: prehashed, data: scheme.prepare(digest) };
  }
  if (!mechanisms.has(mechanismType(whole))) {
    const names = [whole, ...prehashed === null ? [] : [prehashed]].map((each) => ckmName(mechanismType(each)));
    throw new CommandError(
      `Cannot sign with ${scheme.algorithm}: the token has no ${names.join(" and no ")}`,
      "gp11 mechanisms lists what it has; --mechanism names another.",
    );
  }
  // A mechanism without a digest in it takes its data in one piece, as a rule; another reads it each time anew.
  const anew = { [Symbol.asyncIterator]: () => source.chunks()[Symbol.asyncIterator]() };
  return { mechanism: whole, data: hash === null ? await readWhole(source, { seen }) : anew };
}

async function digestOf(source: Source, hash: HashName, seen: (bytes: number) => void): Promise<Bytes> {
  const digest = createHash(findHash(hash).nodeName);
  for await (const piece of source.chunks()) {
    digest.update(piece);
    seen(piece.length);
  }
  return new Uint8Array(digest.digest());
}

/** Whether a scheme's signatures are pairs of numbers, which programs want in DER and tokens side by side. */
export function isEcdsa({ keyType }: KeyFacts): boolean {
  return keyType === CKK.EC;
}
