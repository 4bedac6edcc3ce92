/**
 * What callers give, told from what is expected of them, in one form of words everywhere; limits of time and numbers beside them,
 * checked in one way.
 *
 * @module
 */
/** The type of a value in words, without the value: it may be a secret. */
export function describeType(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "undefined";
  if (typeof value !== "object") return typeof value === "function" ? "a function" : `a ${typeof value}`;
  const name = value.constructor?.name;
  if (!name || name === "Object") return "an object";
  return /^[AEIOU]/.test(name) ? `an ${name}` : `a ${name}`;
}

/** Whether a value is an object of no class: of this realm or another, whose Object.prototype has no prototype either. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What was given in the place of a name, in words: a text as it is, of anything else the type. */
export function describeName(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : describeType(value);
}

/** A value that is none of those that may be given, as it is written: a text in quotes, so that "false" is not taken for false. */
export function describeValue(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The error for a value of another type than is expected; `action` completes "Cannot …". The value is not shown. */
export function unexpected(action: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Cannot ${action}: expected ${expected}, got ${describeType(value)}`);
}

/** Checks an object; a function is none. */
export function checkObject<T extends object>(action: string, value: T, expected = "an object"): T {
  if (typeof value === "object" && value !== null) return value;
  throw unexpected(action, expected, value);
}

/** Checks an object by the methods it is asked for: a store, say, is one of any class. */
export function checkMethods<T extends object>(
  action: string,
  value: T,
  expected: string,
  names: readonly string[],
): T {
  const given = checkObject(action, value, expected) as Record<string, unknown>;
  if (names.every((name) => typeof given[name] === "function")) return value;
  throw unexpected(action, `${expected} with the methods ${names.join(", ")}`, value);
}

/** Checks an object of options, and that the named ones, where they are given, can be called. */
export function checkOptions<T extends object>(
  action: string,
  options: T,
  functions: readonly (keyof T & string)[] = [],
): T {
  checkObject(action, options, "an object of options");
  for (const name of functions) {
    if (options[name] !== undefined) checkFunction(action, options[name], `${name} to be a function`);
  }
  return options;
}

/** Checks text. */
export function checkText(action: string, value: string): string {
  if (typeof value === "string") return value;
  throw unexpected(action, "a string", value);
}

/** Checks a list of texts; a text is none, though much of an array's can be done with it. */
export function checkTexts(action: string, name: string, value: unknown): void {
  const isList = Array.isArray(value) && value.every((each) => typeof each === "string");
  if (!isList) throw unexpected(action, `${name} to be an array of strings`, value);
}

/** Checks options that are texts where they are given. */
export function checkTextOptions<T extends object>(
  action: string,
  options: T,
  names: readonly (keyof T & string)[],
): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined && typeof value !== "string") throw unexpected(action, `${name} to be a string`, value);
  }
}

/** Checks the path of a file or a folder; the file system looks at the rest. */
export function checkPath(action: string, path: string): string {
  if (typeof path === "string" && path !== "") return path;
  throw new TypeError(`Cannot ${action}: the path is ${JSON.stringify(path)}`);
}

/** Checks bytes. */
export function checkBytes(action: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw unexpected(action, "a Uint8Array", value);
}

/** Checks something to call. */
export function checkFunction(action: string, value: unknown, expected = "a function"): void {
  if (typeof value !== "function") throw unexpected(action, expected, value);
}

/** Checks a class, as `instanceof` and `new` take it. */
export function checkClass(action: string, value: unknown): void {
  const isClass = typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
  if (!isClass) throw unexpected(action, "a class", value);
}

/** What a signal is asked for: a runtime's own has it, and one of a library that makes its own. */
const SIGNAL_METHODS = ["addEventListener", "removeEventListener"] as const;

/** Checks the signal among options: `undefined` and `null` are none, as of fetch, and nothing else is. */
export function checkSignal(action: string, signal: unknown, methods: readonly string[] = SIGNAL_METHODS): void {
  if (signal === undefined || signal === null) return;
  const given = Object(signal) as Record<string, unknown>;
  const isSignal = given === signal && "aborted" in given && methods.every((name) => typeof given[name] === "function");
  if (!isSignal) {
    throw new TypeError(`Cannot ${action}: options.signal is ${describeType(signal)}, not an AbortSignal`);
  }
}

/** Checks what is gone through from the beginning to the end. */
export function checkIterable(action: string, value: unknown, expected: string): void {
  const isIterable = typeof value === "object" && value !== null && Symbol.iterator in value;
  if (!isIterable) throw unexpected(action, expected, value);
}

/** Steps from one word to another: a letter more, less, another one, or two that changed places. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let steps = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps = Math.min(steps, before[j - 2]! + 1);
      next.push(steps);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The names that a mistyped one may have meant, the nearest first. */
export function nearest(word: string, names: readonly string[], most = 3): string[] {
  const wanted = word.toLowerCase().slice(0, 64);
  return names
    .map((name) => ({ name, steps: name.toLowerCase().startsWith(wanted) ? 1 : distance(wanted, name.toLowerCase()) }))
    .filter(({ name, steps }) => steps <= Math.max(1, Math.floor(Math.min(name.length, wanted.length) / 3)))
    .sort((a, b) => a.steps - b.steps)
    .slice(0, most)
    .map(({ name }) => name);
}

/** `; did you mean "a" or "b"?`, or nothing where no name is near. */
export function suggestion(word: string, names: readonly string[]): string {
  const near = nearest(word, names).map((name) => JSON.stringify(name));
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}

/** The names of all options that an interface has: one that is missing here does not compile, nor one too many. */
export type OptionNames<T> = { readonly [Name in keyof Required<T>]: true };

/**
 * Refuses options that there are none of. For those alone by whose absence something becomes weaker without a word: data
 * that is not authenticated, a claim that is not checked, a request that goes past its proxy. Other objects of options
 * may have more members, as they may be a caller's own that he hands on; so may an instance of a class here.
 *
 * @param action Completes "Cannot …".
 * @throws {TypeError} For a name that is none; it names those that are near.
 */
export function refuseUnknown(action: string, options: object, known: Readonly<Record<string, true>>): void {
  for (const name in options) {
    if (known[name] === true || (options as Record<string, unknown>)[name] === undefined) continue;
    if (!isPlainObject(options)) return;
    throw new TypeError(`Cannot ${action}: there is no option "${name}"${suggestion(name, Object.keys(known))}`);
  }
}

/** As {@linkcode checkOptions}, for options whose names {@linkcode refuseUnknown} checks too. */
export function checkOwnOptions<T extends object>(
  action: string,
  options: T,
  known: OptionNames<T>,
  functions: readonly (keyof T & string)[] = [],
): T {
  checkOptions(action, options, functions);
  refuseUnknown(action, options, known);
  return options;
}

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
  return new TypeError(`Cannot set ${name} to ${describeValue(value)}: it must be ${expected}`);
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
