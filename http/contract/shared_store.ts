/** What the stores of several processes promise their features. */

/**
 * What becomes of a message while a store cannot be reached: `"open"` lets it go on as if there were nothing, `"closed"`
 * ends it with the status TRY_AGAIN.
 */
export type WhenUnreachable = "open" | "closed";

/**
 * Checks what was given; `"open"` unless something was.
 *
 * @throws {TypeError} For anything else.
 */
export function whenUnreachable(action: string, given: unknown): WhenUnreachable {
  if (given === undefined) return "open";
  if (given === "open" || given === "closed") return given;
  throw new TypeError(`Cannot ${action}: whenUnreachable is "open" or "closed", not ${JSON.stringify(given)}`);
}
