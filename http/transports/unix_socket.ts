/**
 * Sockets of the file system (unix domain sockets), and named pipes of Windows.
 *
 * @module
 */
import { unexpected } from "../../internal/expected.ts";

/**
 * The path of a socket that messages go to, a function that knows by URL, or null for none. On Linux a path that begins
 * with NUL names a socket of the abstract name space.
 */
export type UnixSocketOption = string | ((url: URL) => string | null | undefined) | null;

/**
 * Checks a path.
 *
 * @throws {TypeError} If it is no text, empty, or holds a NUL that is not its first character.
 */
export function checkSocketPath(path: unknown): string {
  if (typeof path !== "string") throw unexpected("use the unix socket", "a path", path);
  if (path === "" || path === "\0" || path.indexOf("\0", 1) > 0) {
    throw new TypeError(`Cannot use the unix socket ${JSON.stringify(path)}: it is no path`);
  }
  return path;
}

/**
 * What an option means for one URL.
 *
 * @throws {TypeError} As `checkSocketPath` does, for what a function returned.
 */
export function socketFor(option: UnixSocketOption, url: URL): string | null {
  if (typeof option !== "function") return option;
  const chosen = option(new URL(url)) ?? null;
  return chosen === null ? null : checkSocketPath(chosen);
}

/** A path as errors show it. */
export function shownSocket(path: string): string {
  return `unix:${path.startsWith("\0") ? `@${path.slice(1)}` : path}`;
}
