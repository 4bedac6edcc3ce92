/**
 * What authentication throws.
 *
 * @module
 */
import { HttpStatus } from "../../protocol/status.ts";

/** The server did not prove that it knows the password, or sent an answer that cannot be right. */
export class AuthenticationError extends Error {
  /** Always "AuthenticationError". */
  override name = "AuthenticationError";
  /** The status the message ends with: `HttpStatus.IO_ERROR`. */
  readonly status: number = HttpStatus.IO_ERROR;
  /** Always "ERR_HTTP_AUTHENTICATION". */
  readonly code = "ERR_HTTP_AUTHENTICATION";
}
