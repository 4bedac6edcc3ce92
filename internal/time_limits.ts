/**
 * Limits of time and numbers beside them, checked in one way.
 *
 * @module
 */

/** The longest time a timer of the platform can run, in milliseconds; a longer one would fire at once. */
export const MAX_TIMER: number = 2 ** 31 - 1;

/** Checks a number: 0 or more, NaN is none. */
export function zeroOrMore(name: string, value: unknown, unit = ""): number {
  if (typeof value !== "number") throw noNumber(name, value, unit === "" ? "a number" : `a number of ${unit}`);
  if (value >= 0) return value;
  throw new RangeError(`Cannot set ${name} to ${value}: it must be 0${unit && ` ${unit}`} or more`);
}

/** Checks a number that must be more than 0. */
export function moreThanZero(name: string, value: unknown, unit = ""): number {
  const number = zeroOrMore(name, value, unit);
  if (number > 0) return number;
  throw new RangeError(`Cannot set ${name} to ${number}: it must be more than 0${unit && ` ${unit}`}`);
}

/** Checks a whole number from `least` on, up to `most`. */
export function wholeNumber(name: string, value: unknown, least = 0, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== "number") throw noNumber(name, value, "a whole number");
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const end = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
  throw new RangeError(`Cannot set ${name} to ${value}: it must be a whole number from ${least}${end}`);
}

/** Checks the most of what is counted: a whole number from `least` on, or Infinity. */
export function wholeLimit(name: string, value: unknown, least = 0): number {
  return value === Infinity ? Infinity : wholeNumber(name, value, least);
}

/** Checks a number of seconds or milliseconds that must end: 0 or more. */
export function finiteTime(name: string, value: unknown, unit: string): number {
  const time = zeroOrMore(name, value, unit);
  if (time !== Infinity) return time;
  throw new RangeError(`Cannot set ${name} to Infinity: it must be a number of ${unit} that ends`);
}

function noNumber(name: string, value: unknown, expected: string): TypeError {
  return new TypeError(`Cannot set ${name} to ${String(value)}: it must be ${expected}`);
}

/** Checks a limit in milliseconds. Infinity, null and what no timer can count are no limit, which is 0. */
export function milliseconds(name: string, value: unknown): number {
  const time = value === null ? 0 : zeroOrMore(name, value, "ms");
  return time > MAX_TIMER ? 0 : time;
}

/** Checks a limit in seconds, as `milliseconds` does. */
export function seconds(name: string, value: unknown): number {
  const time = value === null ? 0 : zeroOrMore(name, value, "seconds");
  return time * 1000 > MAX_TIMER ? 0 : time;
}
