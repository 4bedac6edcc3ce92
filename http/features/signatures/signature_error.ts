/**
 * Why a signature of a message cannot be made or is not accepted.
 *
 * @module
 */
import { brandError } from "../../../internal/error_brand.ts";

/**
 * The kind of reason: "missing", no such signature; "malformed", its fields do not parse; "component", a part of the message
 * that is covered is not there or has no one value; "coverage", not enough of the message is covered; "key", no known key;
 * "algorithm", not the key's; "expired", too old or from the future; "replayed", its nonce was seen before; "signature", it is
 * wrong; "content", the body is not the one whose digest is signed.
 */
export type MessageSignatureReason =
  | "missing"
  | "malformed"
  | "component"
  | "coverage"
  | "key"
  | "algorithm"
  | "expired"
  | "replayed"
  | "signature"
  | "content";

/** A signature of an HTTP message that cannot be made, or is not accepted. */
export class MessageSignatureError extends Error {
  /** The kind of reason. */
  readonly reason: MessageSignatureReason;
  /** The signature's label; null where no one signature is meant. */
  readonly label: string | null;

  /**
   * Makes the error.
   *
   * @param reason The kind of reason.
   * @param message The whole text.
   * @param label The signature's label.
   */
  constructor(reason: MessageSignatureReason, message: string, label: string | null = null) {
    super(message);
    this.reason = reason;
    this.label = label;
  }
}

brandError(MessageSignatureError, "MessageSignatureError");
