/**
 * The Web Cryptography API over the keys of a token: a `Crypto` whose operations a PKCS#11 module does, for every library
 * that takes one.
 *
 * @example A key of a token, used by its name
 * ```ts
 * import { Module } from "@gp11/gp11/session";
 * import { tokenCrypto } from "@gp11/gp11/webcrypto";
 *
 * async function sign(path: string, pin: string, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
 *   await using module = await Module.load(path);
 *   const [slot] = await module.slots({ tokenPresent: true });
 *   await using crypto = await tokenCrypto(slot!, { pin });
 *   const key = await crypto.key({ label: "service" });
 *   return await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data);
 * }
 * ```
 *
 * @module
 */
export { TokenCrypto, tokenCrypto, type TokenCryptoOptions } from "./token_crypto.ts";
export { TokenCryptoKey, type TokenCryptoKeyPair, type TokenKeyUsage } from "./contract/crypto_key.ts";
export type { KeyForm } from "./contract/family.ts";
export type { KeyMatch } from "./found_keys.ts";
export type { WebCryptoBytes, WebCryptoJsonKey } from "./contract/web_types.ts";
export type {
  AlgorithmInput,
  DeriveTokenKey,
  EncapsulatedBits,
  EncapsulatedTokenKey,
  GenerateTokenKey,
  ImportTokenKey,
  NamedAlgorithm,
  PairAlgorithm,
  PairName,
  SecretAlgorithm,
  TokenPlacement,
  TokenSubtleCrypto,
  UnwrapTokenKey,
} from "./subtle_types.ts";
