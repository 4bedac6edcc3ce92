/**
 * Keys of a token as the Web Cryptography API knows keys.
 *
 * @module
 */
import { fact, inspectable } from "../../internal/inspection.ts";
import type { RuntimeCryptoKey } from "../../internal/platform_types.ts";
import type { HashName } from "../../session/mechanisms/hash.ts";
import type { Pkcs11Object } from "../../session/tokens/object.ts";
import { refusal } from "./errors.ts";
import type { HeldObject, TokenAccess } from "./token_access.ts";

/** What a key is for, the uses of key encapsulation among them. */
export type TokenKeyUsage =
  | "encrypt"
  | "decrypt"
  | "sign"
  | "verify"
  | "deriveKey"
  | "deriveBits"
  | "wrapKey"
  | "unwrapKey"
  | "encapsulateKey"
  | "encapsulateBits"
  | "decapsulateKey"
  | "decapsulateBits";

/** All uses, in the order in which a key lists them. */
export const keyUsages: readonly TokenKeyUsage[] = [
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "deriveKey",
  "deriveBits",
  "wrapKey",
  "unwrapKey",
  "encapsulateKey",
  "encapsulateBits",
  "decapsulateKey",
  "decapsulateBits",
];

/** The algorithm of a key: its name, and what its family says besides. */
export interface TokenKeyAlgorithm {
  /** The algorithm's name. */
  readonly name: string;
  /** The digest, of RSA and HMAC. */
  readonly hash?: { readonly name: HashName };
  /** Bits of a secret key. */
  readonly length?: number;
  /** Bits of an RSA modulus. */
  readonly modulusLength?: number;
  /** The public exponent of RSA, big-endian. */
  readonly publicExponent?: Uint8Array<ArrayBuffer>;
  /** The curve. */
  readonly namedCurve?: string;
}

/** What a key is, where no program can change it. */
export interface KeySlots {
  readonly access: TokenAccess;
  readonly type: "public" | "private" | "secret";
  readonly algorithm: TokenKeyAlgorithm;
  readonly extractable: boolean;
  readonly usages: readonly TokenKeyUsage[];
  readonly object: Pkcs11Object;
  readonly held: HeldObject;
}

/** What a key is; undefined for what is no key of a token. */
export let slotsOf: (key: unknown) => KeySlots | undefined;
/** Makes a key of what it is. */
export let newKey: (slots: KeySlots) => TokenCryptoKey;

/**
 * A key of a token as a `CryptoKey`. It comes from the `subtle` of a {@linkcode TokenCrypto}, or from its `key`. A key that
 * is not on the token goes when the program has dropped it and its object.
 *
 * @example See the object that a key stands for
 * ```ts
 * import type { TokenCryptoKey } from "@gp11/gp11/webcrypto";
 *
 * async function uriOf(key: TokenCryptoKey): Promise<string> {
 *   return await key.object.uri();
 * }
 * ```
 */
export class TokenCryptoKey implements RuntimeCryptoKey {
  readonly #slots: KeySlots;
  #algorithm: { name: string } | undefined;
  #usages: RuntimeCryptoKey["usages"] | undefined;

  static {
    slotsOf = (key) =>
      typeof key === "object" && key !== null && #slots in key ? (key as TokenCryptoKey).#slots : undefined;
    newKey = (slots) => new TokenCryptoKey(slots);
  }

  private constructor(slots: KeySlots) {
    this.#slots = slots;
  }

  /** Whether it is a secret key, or which half of a pair. */
  get type(): RuntimeCryptoKey["type"] {
    return this.#slots.type;
  }

  /** Whether `exportKey` and `wrapKey` give it away. */
  get extractable(): boolean {
    return this.#slots.extractable;
  }

  /** The algorithm and its parameters; a copy that tells the same at each look. */
  get algorithm(): { name: string } {
    return this.#algorithm ??= structuredClone(this.#slots.algorithm);
  }

  /** What it may be used for. */
  get usages(): RuntimeCryptoKey["usages"] {
    return this.#usages ??= [...this.#slots.usages] as RuntimeCryptoKey["usages"];
  }

  /** The object on the token. */
  get object(): Pkcs11Object {
    return this.#slots.object;
  }

  /** "CryptoKey", by which libraries know one. */
  get [Symbol.toStringTag](): string {
    return "CryptoKey";
  }
}

inspectable(TokenCryptoKey, "TokenCryptoKey", (key) => {
  const { algorithm, extractable, type, usages } = slotsOf(key)!;
  return [
    fact("type", type, `${type} ${algorithm.name}: ${usages.join(", ") || "no use"}`),
    fact("algorithm", algorithm.name, ""),
    fact("extractable", extractable),
    fact("usages", usages, ""),
  ];
});

/** A pair of keys. */
export interface TokenCryptoKeyPair {
  /** The public key. */
  readonly publicKey: TokenCryptoKey;
  /** The private key. */
  readonly privateKey: TokenCryptoKey;
}

/** Uses in the order in which a key lists them. */
export function inOrder(usages: readonly TokenKeyUsage[]): readonly TokenKeyUsage[] {
  return keyUsages.filter((usage) => usages.includes(usage));
}

/**
 * Uses that an algorithm has for a key.
 *
 * @throws {DOMException} SyntaxError where one is none of them
 */
export function checkUsages(usages: readonly TokenKeyUsage[], known: readonly TokenKeyUsage[], what: string): void {
  const other = usages.find((usage) => !known.includes(usage));
  if (other === undefined) return;
  throw refusal("SyntaxError", `Cannot use "${other}" as a usage: ${what} has ${known.join(", ") || "none"}`);
}

/**
 * A secret or private key without any use is none.
 *
 * @throws {DOMException} SyntaxError
 */
export function checkSomeUsage(usages: readonly TokenKeyUsage[]): void {
  if (usages.length === 0) throw refusal("SyntaxError", "Cannot make the key: no usage was given for it");
}
