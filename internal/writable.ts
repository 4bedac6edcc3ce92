/** What others may only read, written by whom it belongs to. */

/** The same value, whose members may be written. */
export function writable<T extends object>(value: T): { -readonly [K in keyof T]: T[K] } {
  return value;
}
