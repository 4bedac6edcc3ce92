/**
 * Status codes of messages: the transport codes below 100 (`SoupKnownStatusCode`) and the HTTP codes of RFC 9110 §15.
 *
 * @module
 */

/** Named status codes. Codes below 100 say why no response arrived; all others are the server's. */
export const HttpStatus = {
  NONE: 0,
  CANCELLED: 1,
  CANT_RESOLVE: 2,
  CANT_RESOLVE_PROXY: 3,
  CANT_CONNECT: 4,
  CANT_CONNECT_PROXY: 5,
  SSL_FAILED: 6,
  IO_ERROR: 7,
  MALFORMED: 8,
  TRY_AGAIN: 9,
  TOO_MANY_REDIRECTS: 10,
  TLS_FAILED: 11,
  CONTINUE: 100,
  SWITCHING_PROTOCOLS: 101,
  PROCESSING: 102,
  EARLY_HINTS: 103,
  OK: 200,
  CREATED: 201,
  ACCEPTED: 202,
  NON_AUTHORITATIVE: 203,
  NO_CONTENT: 204,
  RESET_CONTENT: 205,
  PARTIAL_CONTENT: 206,
  MULTI_STATUS: 207,
  ALREADY_REPORTED: 208,
  IM_USED: 226,
  MULTIPLE_CHOICES: 300,
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  NOT_MODIFIED: 304,
  USE_PROXY: 305,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  PAYMENT_REQUIRED: 402,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  PROXY_UNAUTHORIZED: 407,
  REQUEST_TIMEOUT: 408,
  CONFLICT: 409,
  GONE: 410,
  LENGTH_REQUIRED: 411,
  PRECONDITION_FAILED: 412,
  REQUEST_ENTITY_TOO_LARGE: 413,
  REQUEST_URI_TOO_LONG: 414,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INVALID_RANGE: 416,
  EXPECTATION_FAILED: 417,
  MISDIRECTED_REQUEST: 421,
  UNPROCESSABLE_ENTITY: 422,
  LOCKED: 423,
  FAILED_DEPENDENCY: 424,
  TOO_EARLY: 425,
  UPGRADE_REQUIRED: 426,
  PRECONDITION_REQUIRED: 428,
  TOO_MANY_REQUESTS: 429,
  REQUEST_HEADER_FIELDS_TOO_LARGE: 431,
  UNAVAILABLE_FOR_LEGAL_REASONS: 451,
  INTERNAL_SERVER_ERROR: 500,
  NOT_IMPLEMENTED: 501,
  BAD_GATEWAY: 502,
  SERVICE_UNAVAILABLE: 503,
  GATEWAY_TIMEOUT: 504,
  HTTP_VERSION_NOT_SUPPORTED: 505,
  INSUFFICIENT_STORAGE: 507,
  LOOP_DETECTED: 508,
  NOT_EXTENDED: 510,
  NETWORK_AUTHENTICATION_REQUIRED: 511,
} as const;

/** One of the named status codes. */
export type HttpStatus = typeof HttpStatus[keyof typeof HttpStatus];

const phrases = new Map<number, string>([
  [0, "Unknown Error"],
  [1, "Cancelled"],
  [2, "Cannot resolve hostname"],
  [3, "Cannot resolve proxy hostname"],
  [4, "Cannot connect to destination"],
  [5, "Cannot connect to proxy"],
  [6, "SSL handshake failed"],
  [7, "Connection terminated unexpectedly"],
  [8, "Message Corrupt"],
  [9, "Try again"],
  [10, "Too many redirects"],
  [11, "TLS handshake failed"],
  [100, "Continue"],
  [101, "Switching Protocols"],
  [102, "Processing"],
  [103, "Early Hints"],
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [203, "Non-Authoritative Information"],
  [204, "No Content"],
  [205, "Reset Content"],
  [206, "Partial Content"],
  [207, "Multi-Status"],
  [208, "Already Reported"],
  [226, "IM Used"],
  [300, "Multiple Choices"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [305, "Use Proxy"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [411, "Length Required"],
  [412, "Precondition Failed"],
  [413, "Request Entity Too Large"],
  [414, "Request-URI Too Long"],
  [415, "Unsupported Media Type"],
  [416, "Requested Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Entity"],
  [423, "Locked"],
  [424, "Failed Dependency"],
  [425, "Too Early"],
  [426, "Upgrade Required"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
  [507, "Insufficient Storage"],
  [508, "Loop Detected"],
  [510, "Not Extended"],
  [511, "Network Authentication Required"],
]);

/**
 * The standard phrase of a status code (`soup_status_get_phrase`); "Unknown Error" for a code without one.
 *
 * @example Phrases of codes
 * ```ts
 * import { HttpStatus, reasonPhrase } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(reasonPhrase(HttpStatus.NOT_FOUND), "Not Found");
 * assertEquals(reasonPhrase(HttpStatus.CANT_CONNECT), "Cannot connect to destination");
 * ```
 */
export function reasonPhrase(status: number): string {
  return phrases.get(status) ?? "Unknown Error";
}

/** True for a null body status (Fetch §2.2.3): a final response with it has no content. */
export function isNullBodyStatus(status: number): boolean {
  return status === HttpStatus.NO_CONTENT || status === HttpStatus.RESET_CONTENT || status === HttpStatus.NOT_MODIFIED;
}

/** True for the codes below 100: no complete response arrived (`SOUP_STATUS_IS_TRANSPORT_ERROR`). */
export function isTransportStatus(status: number): boolean {
  return status > 0 && status < 100;
}
