/**
 * Whether a token can do an operation with an algorithm, before anything is done.
 *
 * @module
 */
import type { OperationName } from "./contract/family.ts";
import type { TokenAccess } from "./contract/token_access.ts";
import { isSupported } from "./normalize.ts";

/** What each operation of `supports` asks for: of the algorithm, and of the other one. */
const questions: Readonly<Record<string, { own: readonly OperationName[]; other: readonly OperationName[] }>> = {
  encrypt: { own: ["encrypt"], other: [] },
  decrypt: { own: ["decrypt"], other: [] },
  sign: { own: ["sign"], other: [] },
  verify: { own: ["verify"], other: [] },
  digest: { own: ["digest"], other: [] },
  generateKey: { own: ["generateKey"], other: [] },
  importKey: { own: ["importKey"], other: [] },
  exportKey: { own: ["exportKey"], other: [] },
  getPublicKey: { own: ["exportKey"], other: [] },
  deriveBits: { own: ["deriveBits"], other: [] },
  deriveKey: { own: ["deriveBits"], other: ["importKey", "get key length"] },
  wrapKey: { own: ["wrapKey", "encrypt"], other: ["exportKey"] },
  unwrapKey: { own: ["unwrapKey", "decrypt"], other: ["importKey"] },
  encapsulateBits: { own: ["encapsulate"], other: [] },
  encapsulateKey: { own: ["encapsulate"], other: ["importKey"] },
  decapsulateBits: { own: ["decapsulate"], other: [] },
  decapsulateKey: { own: ["decapsulate"], other: ["importKey"] },
};

/** Whether the token has what an operation needs. */
export function isOffered(access: TokenAccess, operation: string, algorithm: unknown, other: unknown): boolean {
  const question = Object.hasOwn(questions, operation) ? questions[operation]! : undefined;
  if (question === undefined) return false;
  if (!question.own.some((each) => isSupported(access, each, algorithm))) return false;
  return typeof other === "number" || other === null ||
    question.other.every((each) => isSupported(access, each, other));
}
