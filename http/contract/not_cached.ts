/** The answer to `only-if-cached` when nothing is (RFC 9111 §5.2.1.7). */
export function notCached(): Response {
  return new Response(null, { status: 504, statusText: "Gateway Timeout" });
}
