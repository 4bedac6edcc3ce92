/**
 * Algorithms as callers name them, looked up for an operation (Web Cryptography §18.4).
 *
 * @module
 */
import { familyOf } from "./algorithms/table.ts";
import { refusal } from "./contract/errors.ts";
import type { Family, OperationName } from "./contract/family.ts";
import { type Parameters, readParameters } from "./contract/parameters.ts";
import type { TokenAccess } from "./contract/token_access.ts";
import { domString } from "./contract/web_idl.ts";
import type { HashName } from "../session/mechanisms/hash.ts";

/** An algorithm and what it was called with. */
export interface Normalized {
  readonly family: Family;
  readonly parameters: Parameters;
}

/** What a caller may name an algorithm by. */
function nameOf(algorithm: unknown): string {
  if ((typeof algorithm !== "object" || algorithm === null) && typeof algorithm !== "function") {
    return domString(algorithm, "an algorithm");
  }
  const { name } = algorithm as { name?: unknown };
  if (name === undefined) throw new TypeError('Cannot use an algorithm: its member "name" is missing');
  return domString(name, "the name of an algorithm");
}

/** The algorithm of a name, where it has an operation and the token what it needs; undefined elsewhere. */
function offered(access: TokenAccess, operation: OperationName, name: string): Family | undefined {
  const family = familyOf(name);
  if (family?.operations[operation] === undefined) return undefined;
  return family.needs?.[operation]?.(access) === false ? undefined : family;
}

/**
 * An algorithm for an operation, with its parameters.
 *
 * @throws {TypeError} for parameters of the wrong type
 * @throws {DOMException} NotSupportedError where the specification has no such algorithm, or the token cannot do it
 */
export function normalize(access: TokenAccess, operation: OperationName, algorithm: unknown): Normalized {
  const name = nameOf(algorithm);
  const family = offered(access, operation, name);
  if (family === undefined) {
    const why = familyOf(name) === undefined ? "there is no such algorithm" : "neither it nor the token can";
    throw refusal("NotSupportedError", `Cannot use ${JSON.stringify(name)} to ${verbs[operation]}: ${why}`);
  }
  const given = typeof algorithm === "object" && algorithm !== null ? algorithm : {};
  const parameters = readParameters(family.name, given, family.operations[operation]!, (hash) => ({
    name: normalize(access, "digest", hash).family.name as HashName,
  }));
  return { family, parameters };
}

/** What each operation does, in words. */
const verbs: Readonly<Record<OperationName, string>> = {
  encrypt: "encrypt",
  decrypt: "decrypt",
  sign: "sign",
  verify: "verify",
  digest: "digest",
  generateKey: "generate keys",
  importKey: "import keys",
  exportKey: "export keys",
  deriveBits: "derive bits",
  wrapKey: "wrap keys",
  unwrapKey: "unwrap keys",
  "get key length": "derive keys",
  encapsulate: "encapsulate keys",
  decapsulate: "decapsulate keys",
};

/** An algorithm for the first of two operations that it has: keys are wrapped, or encrypted. */
export function normalizeEither(
  access: TokenAccess,
  operations: readonly [OperationName, OperationName],
  algorithm: unknown,
): Normalized {
  const [first, second] = operations;
  return normalize(access, offered(access, first, nameOf(algorithm)) === undefined ? second : first, algorithm);
}

/** Whether an algorithm is there for an operation, with these parameters. */
export function isSupported(access: TokenAccess, operation: OperationName, algorithm: unknown): boolean {
  try {
    normalize(access, operation, algorithm);
    return true;
  } catch {
    return false;
  }
}
