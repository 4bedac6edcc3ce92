/**
 * What HTTP sessions throw, and what transports throw to the session.
 *
 * @module
 */
import type { HttpMessage } from "./message.ts";

/** Options of {@linkcode HttpError}. */
export interface HttpErrorOptions {
  /** The error the transport or feature gave. */
  cause?: unknown;
  /** A stable code, for example `ECONNREFUSED`. */
  code?: string;
}

/** A request that got no response: what `session.fetch` rejects with for every transport failure. */
export class HttpError extends TypeError {
  /** "HttpError", or "TimeoutError" when the session's or the message's own time limit was the reason. */
  override name: string = "HttpError";
  /** The transport status below 100 (see `HttpStatus`), or the proxy's status. */
  readonly status: number;
  /** A stable code, for example `CANT_CONNECT` or the system's `ECONNREFUSED`. */
  readonly code: string;
  /** The message that failed. */
  readonly msg: HttpMessage;

  /** Makes the error of a message that ended with a status. */
  constructor(msg: HttpMessage, status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.msg = msg;
    this.status = status;
    this.code = options.code ?? "ERR_HTTP";
  }
}

/** A thing this runtime cannot do truthfully; it is refused, never faked. */
export class NotSupportedError extends Error {
  /** Always "NotSupportedError". */
  override name = "NotSupportedError";
  /** The runtime that cannot do it: "deno", "bun", "node" or another name. */
  readonly runtime: string;
  /** Why it cannot. */
  readonly reason: string;

  /** Makes the error; `what` completes "Cannot …". */
  constructor(what: string, runtime: string, reason: string) {
    super(`Cannot ${what} on ${runtime}: ${reason}`);
    this.runtime = runtime;
    this.reason = reason;
  }
}

/** How far an exchange had come when it failed. */
export type TransportPhase = "connect" | "send" | "response";

/** Options of {@linkcode TransportError}. */
export interface TransportErrorOptions {
  /** The runtime's own error; becomes `msg.error`. */
  cause?: unknown;
  /** A stable code, for example `ECONNRESET`. */
  code?: string;
  /** Reason phrase for the message; the status's standard one otherwise. */
  reason?: string;
}

/** What a transport rejects with: the runtime's error translated to a status of the session. */
export class TransportError extends Error {
  /** Always "TransportError". */
  override name = "TransportError";
  /** The status below 100 the message ends with. */
  readonly status: number;
  /** How far the exchange had come: decides about `wrote-headers` and about the silent retry of a stale connection. */
  readonly phase: TransportPhase;
  /** A stable code, for example `ECONNRESET`; empty when there is none. */
  readonly code: string;
  /** Reason phrase for the message; empty takes the status's standard one. */
  readonly reason: string;

  /** Makes the error of an exchange that came as far as `phase`. */
  constructor(status: number, phase: TransportPhase, message: string, options: TransportErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.phase = phase;
    this.code = options.code ?? "";
    this.reason = options.reason ?? "";
  }
}
