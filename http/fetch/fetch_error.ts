/**
 * What `session.fetch` rejects with.
 *
 * @module
 */
import { failureOf } from "../message/http_error.ts";
import { type HttpMessage, messageState } from "../message/message.ts";
import { HttpStatus, isTransportStatus } from "../protocol/status.ts";
import { bareAddress } from "../protocol/uri.ts";

/** What a fetch without a response rejects with; the caller's own reason when it was the caller who ended it. */
export function fetchFailure(msg: HttpMessage, signal: AbortSignal | null): unknown {
  const { error, thrown } = messageState(msg);
  if (signal?.aborted && thrown === signal.reason) return thrown;
  return failureOf(msg, error, undone(msg));
}

/** What a body that breaks off rejects with. */
export function bodyFailure(msg: HttpMessage, error: unknown): unknown {
  if (!isTransportStatus(msg.statusCode) || msg.statusCode === HttpStatus.CANCELLED) return error;
  return failureOf(msg, msg.error ?? error, undone(msg));
}

/**
 * What could not be done, in words by which libraries know a failure of the network: npm's is-network-error, and ky with it,
 * by the beginning, which is that of Deno's fetch; axios by the word at the end.
 */
export function undone(msg: HttpMessage): string {
  return `error sending request for url (${bareAddress(msg.uri)}) with fetch`;
}
