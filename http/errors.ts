/**
 * What transports throw to the session, and what it throws for things that a runtime cannot do.
 *
 * @module
 */
export { NotSupportedError } from "../internal/error_brand.ts";
import { brandError } from "../internal/error_brand.ts";
import { systemReason } from "../internal/report_error.ts";
import { HttpStatus, isTransportStatus, reasonPhrase } from "./protocol/status.ts";

/**
 * Codes of errors that this library gives itself, besides those of the runtime and the system such as `ECONNREFUSED`:
 * the names of {@linkcode HttpStatus} below 100, and more exact ones.
 */
export type HttpErrorCode =
  | "CANCELLED"
  | "CANT_RESOLVE"
  | "CANT_RESOLVE_PROXY"
  | "CANT_CONNECT"
  | "CANT_CONNECT_PROXY"
  | "SSL_FAILED"
  | "IO_ERROR"
  | "MALFORMED"
  | "TRY_AGAIN"
  | "TOO_MANY_REDIRECTS"
  | "TLS_FAILED"
  | "ETIMEDOUT"
  | "ERR_BODY_GIVEN_UP"
  | "ERR_BODY_TOO_LARGE"
  | "ERR_CONTENT_CORRUPT"
  | "ERR_CONTENT_LAYERS"
  | "ERR_CONTENT_TOO_LARGE"
  | "ERR_CONTENT_TRUNCATED"
  | "ERR_HTTP"
  | "ERR_HTTP_AUTHENTICATION"
  | "ERR_HTTP_CONTENT_LENGTH_MISMATCH"
  | "ERR_HTTP_HEADERS_TOO_LARGE"
  | "ERR_HTTP_INVALID_REQUEST"
  | "ERR_HTTP_MALFORMED_RESPONSE"
  | "ERR_HTTP_NOT_MOCKED"
  | "ERR_HTTP_NOT_SIGNED"
  | "ERR_HTTP_TRUNCATED_RESPONSE"
  | "ERR_HTTP_UNREQUESTED_UPGRADE"
  | "ERR_HTTP2_CANCEL"
  | "ERR_HTTP2_COMPRESSION_ERROR"
  | "ERR_HTTP2_CONNECT_ERROR"
  | "ERR_HTTP2_ENHANCE_YOUR_CALM"
  | "ERR_HTTP2_FLOW_CONTROL_ERROR"
  | "ERR_HTTP2_FRAME_SIZE_ERROR"
  | "ERR_HTTP2_HTTP_1_1_REQUIRED"
  | "ERR_HTTP2_INADEQUATE_SECURITY"
  | "ERR_HTTP2_INTERNAL_ERROR"
  | "ERR_HTTP2_NO_ERROR"
  | "ERR_HTTP2_PROTOCOL_ERROR"
  | "ERR_HTTP2_REFUSED_STREAM"
  | "ERR_HTTP2_SETTINGS_TIMEOUT"
  | "ERR_HTTP2_STREAM_CLOSED"
  | "ERR_HTTP2_UNKNOWN_ERROR"
  | "ERR_INTEGRITY"
  | "ERR_PROXY_TUNNEL"
  | "ERR_REDIRECT"
  | "ERR_SOCKS"
  | "ERR_SOCKS_AUTHENTICATION"
  | "ERR_TLS_CERT_ALTNAME_INVALID"
  | "ERR_WEBSOCKET_HANDSHAKE"
  | "ERR_WEBSOCKET_REFUSED"
  | "ERR_WORKER_DIED";

/** Code of a message that was not sent because nobody could sign it: sending it again would ask for the same PIN again. */
export const NOT_SIGNED: HttpErrorCode = "ERR_HTTP_NOT_SIGNED";

/** How far an exchange had come when it failed. */
export type TransportPhase = "connect" | "send" | "response";

/** Options of {@linkcode TransportError}. */
export interface TransportErrorOptions {
  /** The runtime's own error; becomes `msg.error`. */
  readonly cause?: unknown | undefined;
  /** A stable code, for example `ECONNRESET`. */
  readonly code?: string | undefined;
  /** Reason phrase for the message; the status's standard one otherwise. */
  readonly reason?: string | undefined;
  /** The server has not processed the request, so that it may be sent again. @default {false} */
  readonly isUnprocessed?: boolean | undefined;
}

/** What a transport rejects with: the runtime's error translated to a status of the session. */
export class TransportError extends Error {
  /** The status below 100 the message ends with. */
  readonly status: number;
  /** How far the exchange had come: decides about `wrote-headers` and about the silent retry of a stale connection. */
  readonly phase: TransportPhase;
  /** A stable code, for example `ECONNRESET`; empty when there is none. */
  readonly code: string;
  /** Reason phrase for the message; empty takes the status's standard one. */
  readonly reason: string;

  /** The server has not processed the request: whatever its method, it may be sent again (RFC 9113 §8.7). */
  readonly isUnprocessed: boolean;

  /** Makes the error of an exchange that came as far as `phase`. */
  constructor(status: number, phase: TransportPhase, message: string, options: TransportErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.phase = phase;
    this.code = options.code ?? "";
    this.reason = options.reason ?? "";
    this.isUnprocessed = options.isUnprocessed ?? false;
  }
}

brandError(TransportError, "TransportError");

/**
 * A proxy that was reached and makes no tunnel. Its 407 keeps its number, so that a caller with credentials recognizes
 * it.
 */
export function tunnelError(status: number, phrase: string, cause?: unknown): TransportError {
  const isQuestion = status === HttpStatus.PROXY_UNAUTHORIZED;
  const answer = `${status} ${phrase || reasonPhrase(status)}`;
  const ended = isQuestion ? status : HttpStatus.CANT_CONNECT_PROXY;
  const advice = isQuestion ? "; put user and password into the proxy's URI" : "";
  return new TransportError(ended, "connect", `Cannot connect through the proxy: it answered ${answer}${advice}`, {
    code: "ERR_PROXY_TUNNEL",
    reason: isQuestion ? phrase : `${reasonPhrase(ended)} (it answered ${answer})`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A file that cannot be used; `code` stays that of the system, and its error is the cause. */
export function fileError(undone: string, error: unknown, advice = ""): Error {
  const failure = new Error(`${undone}: ${systemReason(error)}${advice}`, { cause: error });
  return Object.assign(failure, { code: (error as { code?: unknown } | null)?.code });
}

/** The transport status an error names; null for others, also for those of a runtime that name one of a proxy. */
export function ownStatus(error: unknown): number | null {
  if (error instanceof TransportError) return error.status;
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && isTransportStatus(status) ? status : null;
}
