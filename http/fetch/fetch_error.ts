/**
 * What `session.fetch` rejects with.
 *
 * @module
 */
import { NotSupportedError } from "../errors.ts";
import { HttpError } from "../message/http_error.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { HttpStatus, isTransportStatus, reasonPhrase } from "../protocol/status.ts";
import { bareAddress } from "../protocol/uri.ts";

/** What a fetch without a response rejects with; the caller's own reason when it was the caller who ended it. */
export function fetchFailure(msg: HttpMessage, signal: AbortSignal | null): unknown {
  const { error, thrown } = messageState(msg);
  if (signal?.aborted && thrown === signal.reason) return thrown;
  return failureOf(msg, error);
}

/** What a body that breaks off rejects with. */
export function bodyFailure(msg: HttpMessage, error: unknown): unknown {
  if (!isTransportStatus(msg.statusCode) || msg.statusCode === HttpStatus.CANCELLED) return error;
  return failureOf(msg, msg.error ?? error);
}

function failureOf(msg: HttpMessage, error: unknown): unknown {
  if (error instanceof HttpError || error instanceof NotSupportedError) return error;
  const failure = new HttpError(msg, msg.statusCode, textOf(msg, error), {
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

/**
 * The beginning is what Deno's fetch says of every failure, and what libraries that try again know a failure of the
 * network by (npm's is-network-error). The rest says each thing once.
 */
function textOf(msg: HttpMessage, error: unknown): string {
  return `error sending request for url (${bareAddress(msg.uri)}): ${detailOf(msg, error)}`;
}

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
  return text.replace(/^error sending request for url \([^)]*\): /, "");
}

function codeOf(error: unknown, status: number): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as { code?: unknown };
    if (typeof code === "string" && code !== "") return code;
  }
  const name = Object.entries(HttpStatus).find(([, value]) => value === status)?.[0];
  return name ?? "ERR_HTTP";
}
