/**
 * Refusals with the names that the Web Cryptography API gives them.
 *
 * @module
 */
import { CKR } from "../../ffi/constants/mod.ts";
import { Pkcs11Error, SessionClosedError } from "../../session/errors.ts";

/** Names of the exceptions that Web Cryptography throws besides TypeError. */
export type RefusalName =
  | "DataError"
  | "InvalidAccessError"
  | "InvalidStateError"
  | "NotSupportedError"
  | "OperationError"
  | "QuotaExceededError"
  | "SyntaxError"
  | "TypeMismatchError";

/** Web IDL has a class for it, which not every runtime has yet. */
function quotaExceeded(message: string): DOMException {
  const { QuotaExceededError } = globalThis as { QuotaExceededError?: new (message: string) => DOMException };
  return QuotaExceededError === undefined
    ? new DOMException(message, "QuotaExceededError")
    : new QuotaExceededError(message);
}

/** An exception of Web Cryptography; its message says what could not be done, and never holds a key. */
export function refusal(name: RefusalName, message: string, cause?: unknown): DOMException {
  const error = name === "QuotaExceededError" ? quotaExceeded(message) : new DOMException(message, name);
  if (cause !== undefined) Object.defineProperty(error, "cause", { value: cause, configurable: true, writable: true });
  return error;
}

/** Answers of a token that lacks what is asked for. */
const LACKING: ReadonlySet<number> = new Set([
  CKR.CURVE_NOT_SUPPORTED,
  // The curves that come here have names: where their parameters are not valid, the token does not know them.
  CKR.DOMAIN_PARAMS_INVALID,
  CKR.FUNCTION_NOT_SUPPORTED,
  CKR.MECHANISM_INVALID,
]);

/** Answers of a token whose key is not for this use. */
const NOT_FOR_THIS: ReadonlySet<number> = new Set([
  CKR.KEY_FUNCTION_NOT_PERMITTED,
  CKR.KEY_TYPE_INCONSISTENT,
  CKR.KEY_NOT_WRAPPABLE,
  CKR.KEY_UNEXTRACTABLE,
  CKR.WRAPPING_KEY_TYPE_INCONSISTENT,
  CKR.UNWRAPPING_KEY_TYPE_INCONSISTENT,
]);

/** Answers about how the token was opened, not about what was asked of it: they come as they are. */
const ABOUT_ACCESS: ReadonlySet<number> = new Set([CKR.PIN_INCORRECT, CKR.SESSION_READ_ONLY]);

function nameFor(error: unknown, otherwise: RefusalName): RefusalName {
  if (error instanceof SessionClosedError) return "InvalidStateError";
  if (error instanceof Error && error.name === "NotSupportedError") return "NotSupportedError";
  if (!(error instanceof Pkcs11Error)) return otherwise;
  if (LACKING.has(error.code)) return "NotSupportedError";
  if (NOT_FOR_THIS.has(error.code)) return "InvalidAccessError";
  return "OperationError";
}

/**
 * What went wrong on the token, as Web Cryptography names it; the token's own error is its cause. A wrong PIN and a
 * session for reading stay the token's own errors.
 *
 * @param otherwise The name of what is no answer of the token.
 */
export function refusalOf(error: unknown, otherwise: RefusalName = "OperationError"): DOMException | Pkcs11Error {
  if (error instanceof DOMException) return error;
  if (error instanceof Pkcs11Error && ABOUT_ACCESS.has(error.code)) return error;
  return refusal(nameFor(error, otherwise), error instanceof Error ? error.message : String(error), error);
}
