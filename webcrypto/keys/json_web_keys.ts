/**
 * What the Web Cryptography API checks of a JSON Web Key before it looks at the key itself.
 *
 * @module
 */
import { keyUsages, type TokenKeyUsage } from "../contract/crypto_key.ts";
import { refusal } from "../contract/errors.ts";
import type { WebCryptoJsonKey } from "../contract/web_types.ts";

/** What a JSON Web Key has to be. */
export interface ExpectedJsonWebKey {
  readonly kty: string;
  readonly use: "sig" | "enc";
  readonly usages: readonly TokenKeyUsage[];
  readonly extractable: boolean;
}

/** A JSON Web Key that is not what it has to be. */
export function wrongJsonWebKey(problem: string): DOMException {
  return refusal("DataError", `Cannot import the JSON Web Key: ${problem}`);
}

/**
 * Checks "kty", "use", "key_ops" and "ext", in the specification's order.
 *
 * @throws {DOMException} DataError
 */
export function checkJsonWebKey(jwk: WebCryptoJsonKey, { extractable, kty, usages, use }: ExpectedJsonWebKey): void {
  if (jwk.kty !== kty) throw wrongJsonWebKey(`its "kty" is ${JSON.stringify(jwk.kty)}, expected "${kty}"`);
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
    throw wrongJsonWebKey(`its "use" is ${JSON.stringify(jwk.use)}, expected "${use}"`);
  }
  if (jwk.key_ops !== undefined) checkOperations(jwk.key_ops, usages);
  if (jwk.ext === false && extractable) throw wrongJsonWebKey('its "ext" is false, and the key is to be extractable');
}

function checkOperations(operations: unknown, usages: readonly TokenKeyUsage[]): void {
  if (!Array.isArray(operations) || operations.some((each) => typeof each !== "string")) {
    throw wrongJsonWebKey('its "key_ops" is no list of texts');
  }
  if (new Set(operations).size !== operations.length) throw wrongJsonWebKey('its "key_ops" has one twice');
  const missing = usages.find((usage) => keyUsages.includes(usage) && !operations.includes(usage));
  if (missing !== undefined) throw wrongJsonWebKey(`its "key_ops" lacks "${missing}"`);
}

/** The members that `exportKey` adds to a key. */
export function keyMembers(usages: readonly TokenKeyUsage[], extractable: boolean, alg?: string): WebCryptoJsonKey {
  return { ...alg === undefined ? {} : { alg }, key_ops: [...usages], ext: extractable };
}
