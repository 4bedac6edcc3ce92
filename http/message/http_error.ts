/**
 * The error of a message that got no response, and what is told of one.
 *
 * @module
 */
import { brandClass } from "../../internal/error_brand.ts";
import { type HttpErrorCode, NotSupportedError } from "../errors.ts";
import { HttpStatus, reasonPhrase } from "../protocol/status.ts";
import { type HttpMessage, messageState } from "./message.ts";

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

/** The error of a message, which begins with what could not be done. What the caller is to see as it is stays so. */
export function failureOf(msg: HttpMessage, error: unknown, undone: string): unknown {
  if (error instanceof HttpError || error instanceof NotSupportedError) return error;
  const failure = new HttpError(msg, msg.statusCode, `${undone}: ${detailOf(msg, error)}`, {
    ...(error === null ? {} : { cause: error }),
    code: isTimeout(error) ? "ETIMEDOUT" : messageState(msg).errorCode || codeOf(error, msg.statusCode),
  });
  // What took too long is named as with `AbortSignal.timeout`; the error that says what it was is the cause.
  if (isTimeout(error)) failure.name = error.name;
  return failure;
}

function isTimeout(error: unknown): error is DOMException {
  return error instanceof DOMException && error.name === "TimeoutError";
}

/** Says each thing once. */
function detailOf(msg: HttpMessage, error: unknown): string {
  // A transport's own words name the host and what to do; those of the runtime behind them need not.
  const text = (messageState(msg).errorText || innermostText(error)).replace(/^Cannot fetch (?:from )?\S+: /, "");
  // It was the session that did not wait any longer: the connection is not to blame.
  if (isTimeout(error)) return text;
  // The host, which a reason may add, stands in the address.
  const reason = msg.reasonPhrase.replace(/ \([^()]*\)$/, "") || reasonPhrase(msg.statusCode);
  if (text === "" || reason.includes(text)) return reason;
  return text.startsWith("Cannot ") || text.includes(reason) ? text : `${reason}: ${text}`;
}

/** What an error of this library says, else what the first of all causes does: those around it say that there is one. */
function innermostText(error: unknown): string {
  let text = "";
  let each = error;
  for (let depth = 0; each instanceof Error && depth < 8; depth++) {
    if (each.message.startsWith("Cannot ")) return each.message;
    if (each.message !== "") text = each.message;
    each = each instanceof AggregateError && each.message === "" ? each.errors[0] : each.cause;
  }
  return withoutRequest(text);
}

/** What went wrong, for readers who have the address: without the words that libraries know a failed fetch by. */
export function withoutRequest(text: string): string {
  return text.replace(/^error sending request for url \(\S*\)(?: with fetch)?: /, "");
}

function codeOf(error: unknown, status: number): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as { code?: unknown };
    if (typeof code === "string" && code !== "") return code;
  }
  const name = Object.entries(HttpStatus).find(([, value]) => value === status)?.[0];
  return name ?? "ERR_HTTP";
}
