/**
 * What others need to know of AuthManager without importing it: its base class, which messages that must not be authenticated
 * disable, and the error that authentication throws.
 *
 * @module
 */
import { brandError } from "../../../internal/error_brand.ts";
import { HttpStatus } from "../../protocol/status.ts";

/** Base of the AuthManager. */
export abstract class AuthFeature {}

/** The server did not prove that it knows the password, or sent an answer that cannot be right. */
export class AuthenticationError extends Error {
  /** The status the message ends with: `HttpStatus.IO_ERROR`. */
  readonly status: number = HttpStatus.IO_ERROR;
  /** Always "ERR_HTTP_AUTHENTICATION". */
  readonly code = "ERR_HTTP_AUTHENTICATION";
}

brandError(AuthenticationError, "AuthenticationError");
