/** What ends HTTP/2 streams and connections: the error codes of RFC 9113 §7, and errors that carry one. */
import { TransportError } from "../../../errors.ts";
import { HttpStatus } from "../../../protocol/status.ts";

/** Error codes of RST_STREAM and GOAWAY frames. */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

/** The name of an error code, as `TransportError.code` has it: "ERR_HTTP2_CANCEL". */
export function errorName(code: number): string {
  const [name = "UNKNOWN_ERROR"] = Object.entries(ErrorCode).find(([, value]) => value === code) ?? [];
  return `ERR_HTTP2_${name}`;
}

/** The peer breaks the protocol, or asks too much: the whole connection ends (RFC 9113 §5.4.1). */
export class ConnectionFault extends Error {
  override readonly name = "ConnectionFault";
  /** What the GOAWAY says. */
  readonly errorCode: number;

  constructor(errorCode: number, why: string) {
    super(why);
    this.errorCode = errorCode;
  }
}

/** The peer does not begin with its settings (RFC 9113 §6.5.3). */
export function settingsTimeout(milliseconds: number): ConnectionFault {
  const why = `the server has not sent its settings within ${milliseconds / 1000} s, so it may not speak HTTP/2`;
  return new ConnectionFault(ErrorCode.SETTINGS_TIMEOUT, why);
}

/** One response cannot be read: its stream ends, the others go on (RFC 9113 §5.4.2). */
export class StreamFault extends Error {
  override readonly name = "StreamFault";
  /** What the RST_STREAM says. */
  readonly errorCode: number;
  /** What `TransportError.code` is to be. */
  readonly code: string;

  constructor(why: string, errorCode: number = ErrorCode.PROTOCOL_ERROR, code: string = errorName(errorCode)) {
    super(why);
    this.errorCode = errorCode;
    this.code = code;
  }
}

/** The error of an exchange whose response cannot be read. */
export function malformedError(fault: StreamFault): TransportError {
  return new TransportError(HttpStatus.MALFORMED, "response", `Cannot read the response: ${fault.message}`, {
    cause: fault,
    code: fault.code,
  });
}

/** The error of the exchanges on a connection that we end. */
export function brokenError(fault: ConnectionFault): TransportError {
  const { errorCode } = fault;
  const isReadable = errorCode === ErrorCode.ENHANCE_YOUR_CALM || errorCode === ErrorCode.SETTINGS_TIMEOUT;
  const status = isReadable ? HttpStatus.IO_ERROR : HttpStatus.MALFORMED;
  return new TransportError(status, "response", `Cannot go on with HTTP/2: ${fault.message}`, {
    cause: fault,
    code: errorName(errorCode),
  });
}

/** The error of a request that the server has not processed, so that it may be sent again whatever its method. */
export function unprocessedError(why: string, code: string): TransportError {
  return new TransportError(HttpStatus.IO_ERROR, "send", `Cannot finish the exchange: ${why}`, {
    code,
    isUnprocessed: true,
  });
}

/** The error of a request that HTTP/2 has no form for on this connection. */
export function needsHttp1Error(why: string): TransportError {
  return unprocessedError(why, errorName(ErrorCode.HTTP_1_1_REQUIRED));
}

/** The error of an exchange whose stream the server has reset, before or after its header section was there. */
export function resetError(code: number, hasHead: boolean): TransportError {
  const name = errorName(code);
  const why = `the server has reset the stream with ${name.slice("ERR_HTTP2_".length)}`;
  const isRefusal = code === ErrorCode.REFUSED_STREAM || code === ErrorCode.HTTP_1_1_REQUIRED;
  if (isRefusal && !hasHead) return unprocessedError(why, name);
  // Nobody knows what the server has done with the request: the phase keeps it from being repeated.
  return new TransportError(HttpStatus.IO_ERROR, "response", `Cannot finish the exchange: ${why}`, { code: name });
}
