/**
 * The error of a message that got no response.
 *
 * @module
 */
import { brandClass } from "../../internal/error_brand.ts";
import type { HttpErrorCode } from "../errors.ts";
import type { HttpMessage } from "./message.ts";

/** Options of {@linkcode HttpError}. */
export interface HttpErrorOptions {
  /** The error the transport or feature gave. */
  readonly cause?: unknown | undefined;
  /** A stable code, for example `ECONNREFUSED`. */
  readonly code?: string | undefined;
}

/** A request that got no response: what `session.fetch` rejects with for every transport failure. */
export class HttpError extends TypeError {
  /**
   * "TypeError", by which libraries that try again know a failure of the network, or "TimeoutError" when the session's or
   * the message's own time limit was the reason.
   */
  override name: string = "TypeError";
  /** The transport status below 100 (see `HttpStatus`), or the proxy's status. */
  readonly status: number;
  /** A stable code, for example `CANT_CONNECT` or the system's `ECONNREFUSED`. */
  readonly code: HttpErrorCode | (string & Record<never, never>);
  /** The message that failed. */
  declare readonly msg: HttpMessage;

  /** Makes the error of a message that ended with a status. */
  constructor(msg: HttpMessage, status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    // Bun shows what can be enumerated of an error that nobody has caught: all of the message.
    Object.defineProperty(this, "msg", { value: msg, configurable: true });
    this.status = status;
    this.code = options.code ?? "ERR_HTTP";
  }
}

brandClass(HttpError, "HttpError");
