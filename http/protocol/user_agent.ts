/**
 * The User-Agent of a session (`SoupSession:user-agent`).
 *
 * @module
 */

/** Product token of this library. */
export const productToken = "gp11/0.1.0";

/** Expands the property: an empty text is the own token, trailing space asks for it to be appended. */
export function expandUserAgent(value: string | null): string | null {
  if (value === null) return null;
  if (value === "") return productToken;
  return value.endsWith(" ") ? value + productToken : value;
}
