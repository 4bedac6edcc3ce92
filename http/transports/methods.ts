/**
 * Which methods are written exactly as given: by a runtime's fetch, and over sockets.
 *
 * @module
 */

/** What names are made of (RFC 9110 §5.6.2). */
export const TOKEN: RegExp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Methods Bun writes as given; it turns every other token into GET without a word. */
const bunMethods = new Set(
  ("GET HEAD OPTIONS POST PUT PATCH DELETE ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE " +
    "M-SEARCH NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK " +
    "UNSUBSCRIBE").split(" "),
);

/** True for methods Bun's fetch leaves alone. */
export function isBunMethod(method: string): boolean {
  return bunMethods.has(method);
}

/** True for methods the Fetch standard leaves alone: it forbids three and writes six in capitals. */
export function isStandardMethod(method: string): boolean {
  if (method === "GET") return true;
  const upper = method.toUpperCase();
  if (upper === "TRACE" || upper === "CONNECT" || upper === "TRACK") return false;
  return method === upper || !/^(GET|POST|PUT|DELETE|HEAD|OPTIONS)$/.test(upper);
}

/** True when a method can stand in a start line as it is given; CONNECT would turn the connection into something else. */
export function isPlainMethod(method: string): boolean {
  return method === "GET" || (TOKEN.test(method) && method !== "CONNECT");
}
