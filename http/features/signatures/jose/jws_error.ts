/**
 * Why a JSON Web Signature or Token is not accepted.
 *
 * @module
 */
import { brandError } from "../../../../internal/error_brand.ts";

/**
 * The kind of reason: "malformed", it does not parse; "algorithm", it is not one of the key; "key", no known key; "critical",
 * its header wants what nobody here understands; "signature", it is wrong; "expired", it is too old or not valid yet; "claim",
 * a claim is missing or another one than expected.
 */
export type JwsErrorReason = "malformed" | "algorithm" | "key" | "critical" | "signature" | "expired" | "claim";

/** A JSON Web Signature or Token that is not accepted. */
export class JwsError extends Error {
  /** The kind of reason. */
  readonly reason: JwsErrorReason;

  /**
   * Makes the error.
   *
   * @param reason The kind of reason.
   * @param message The whole text.
   */
  constructor(reason: JwsErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

brandError(JwsError, "JwsError");
