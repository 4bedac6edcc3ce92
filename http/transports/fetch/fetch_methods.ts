/**
 * Which methods a runtime's fetch writes exactly as given.
 *
 * @module
 */

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
