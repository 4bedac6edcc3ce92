/**
 * Limits of time, checked in one way.
 *
 * @module
 */

/** Checks a time: 0 or more, NaN is none. Infinity and what no timer can count are no limit, which is 0. */
function time(name: string, value: unknown, unit: "seconds" | "ms", longest: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot set ${name} to ${String(value)}: it must be a number of ${unit}`);
  }
  if (!(value >= 0)) throw new RangeError(`Cannot set ${name} to ${value}: it must be 0 ${unit} or more`);
  return value > longest ? 0 : value;
}

/** Checks a time in seconds. */
export function seconds(name: string, value: unknown): number {
  return time(name, value, "seconds", 2_147_483);
}
