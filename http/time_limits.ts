/**
 * Limits of time and numbers beside them, checked in one way.
 *
 * @module
 */

/** The longest time a timer of the platform can run, in milliseconds; a longer one would fire at once. */
export const MAX_TIMER = 2 ** 31 - 1;

/** Checks a number: 0 or more, NaN is none. */
export function zeroOrMore(name: string, value: unknown, unit = ""): number {
  if (typeof value !== "number") {
    const what = unit === "" ? "a number" : `a number of ${unit}`;
    throw new TypeError(`Cannot set ${name} to ${String(value)}: it must be ${what}`);
  }
  if (value >= 0) return value;
  throw new RangeError(`Cannot set ${name} to ${value}: it must be 0${unit && ` ${unit}`} or more`);
}

/** Checks a limit in milliseconds. Infinity and what no timer can count are no limit, which is 0. */
export function milliseconds(name: string, value: unknown): number {
  const time = zeroOrMore(name, value, "ms");
  return time > MAX_TIMER ? 0 : time;
}

/** Checks a limit in seconds, as `milliseconds` does. */
export function seconds(name: string, value: unknown): number {
  const time = zeroOrMore(name, value, "seconds");
  return time * 1000 > MAX_TIMER ? 0 : time;
}
