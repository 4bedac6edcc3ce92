/** Files that a killed process never leaves half written. */
import type { Stats } from "node:fs";
import { builtin } from "../../internal/builtin_modules.ts";
import { isPermissionError, platform } from "../../internal/runtime.ts";
import { fileError } from "../errors.ts";

const encoder = new TextEncoder();

/** A temporary file nobody renamed for so long belongs to a process that was killed. */
const ABANDONED_MS = 60_000;

/** Whether a thrown value says that a file or directory does not exist. */
export function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ENOENT";
}

/**
 * Does something with a file; what the system says of it is told with what could not be done. `action` completes
 * "Cannot …".
 */
export function withFile<T>(action: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (typeof (error as { code?: unknown } | null)?.code !== "string") throw error;
    throw fileError(`Cannot ${action}`, error);
  }
}

/** The text of a file, or `null` when there is none; a device, which might wait for somebody to type, has none. */
export function readTextIfExists(path: string): string | null {
  try {
    if (isDevice(path)) return null;
    return builtin.fs.readFileSync(path, "utf8");
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Writes every byte to an open file. */
export function writeAll(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += builtin.fs.writeSync(file, bytes, written, bytes.length - written);
}

/** How a file is replaced. */
export interface ReplaceOptions {
  /** Whether a loss of power cannot lose the content either; without it only the death of the process cannot. @default {true} */
  readonly durable?: boolean | undefined;
}

/**
 * Replaces a file: readers see either the old or the new content, whenever the process dies. The file is readable by
 * its owner only; a symbolic link keeps pointing at what is replaced. A device is written to, and stays.
 */
export function replaceFile(path: string, content: string | Uint8Array, { durable = true }: ReplaceOptions = {}): void {
  const target = resolveLink(path);
  if (isDevice(target)) return appendText(target, content);
  builtin.fs.mkdirSync(builtin.path.dirname(target), { recursive: true, mode: 0o700 });
  const temporary = `${target}.${builtin.crypto.randomBytes(6).toString("hex")}.tmp`;
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const file = builtin.fs.openSync(temporary, "wx", 0o600);
  try {
    try {
      writeAll(file, bytes);
      if (durable) toDisk(file, temporary, bytes);
    } finally {
      builtin.fs.closeSync(file);
    }
    builtin.fs.renameSync(temporary, target);
  } catch (error) {
    removeIfPresent(temporary);
    throw error;
  }
}

/** Waits until what was written to a file lies on the disk. */
function toDisk(file: number, path: string, bytes: Uint8Array): void {
  try {
    builtin.fs.fsyncSync(file);
  } catch (error) {
    if (!isPermissionError(error)) throw error;
    // Node's permission model has no fsync. A write to a file that is opened so ends when it lies there; Windows has no such.
    const { O_DSYNC = 0, O_WRONLY } = builtin.fs.constants;
    const again = builtin.fs.openSync(path, O_WRONLY | O_DSYNC);
    try {
      writeAll(again, bytes);
    } finally {
      builtin.fs.closeSync(again);
    }
  }
}

/** True for a device, such as /dev/null or a terminal, which keeps nothing; nobody but the system's owner can make one. */
export function isDevice(path: string): boolean {
  const found = builtin.fs.statSync(path, { throwIfNoEntry: false });
  return found !== undefined && isDeviceIn(found);
}

function isDeviceIn(found: Stats): boolean {
  return found.isCharacterDevice() || found.isBlockDevice();
}

/** Appends a text in one write; creates the file when there is none. It is readable by its owner only from then on. */
export function appendText(path: string, text: string | Uint8Array): void {
  const file = builtin.fs.openSync(path, "a", 0o600);
  try {
    restrictToOwner(file, path);
    writeAll(file, typeof text === "string" ? encoder.encode(text) : text);
  } finally {
    builtin.fs.closeSync(file);
  }
}

/**
 * Takes from everybody else what a file that was there before lets them do, before secrets are written into it. Devices
 * are left as they are.
 *
 * @throws {Error} If the file is somebody else's, whose owner could read it or open it again.
 */
export function restrictToOwner(file: number, path: string): void {
  restrict(path, () => builtin.fs.fstatSync(file), (mode) => builtin.fs.fchmodSync(file, mode));
}

/**
 * As `restrictToOwner`, for a file that need not be there. It is not opened: on POSIX systems, closing a file gives up
 * all locks that the process has on it.
 */
export function restrictPathToOwner(path: string): void {
  try {
    restrict(path, () => builtin.fs.statSync(path), (mode) => builtin.fs.chmodSync(path, mode));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function restrict(path: string, find: () => Stats, change: (mode: number) => void): void {
  // Windows has lists of rights in place of modes; a file is made with those of its folder there.
  if (platform === "win32") return;
  const found = find();
  const { mode } = found;
  if ((mode & 0o077) === 0 || isDeviceIn(found)) return;
  try {
    change(mode & 0o700);
  } catch (error) {
    throw new Error(`Cannot write secrets into ${path}: others may read it, and its mode cannot be changed`, {
      cause: error,
    });
  }
}

/** Makes an empty file, readable by its owner only, unless there is one already, which is not opened. */
export function createIfAbsent(path: string): void {
  if (builtin.fs.existsSync(path)) return;
  const temporary = `${path}.${builtin.crypto.randomBytes(6).toString("hex")}.tmp`;
  try {
    builtin.fs.closeSync(builtin.fs.openSync(temporary, "wx", 0o600));
    try {
      builtin.fs.linkSync(temporary, path);
    } finally {
      builtin.fs.unlinkSync(temporary);
    }
  } catch {
    // Somebody else was first; or there are no links here, or no right to make other files, and nobody has it open yet.
    if (!builtin.fs.existsSync(path)) builtin.fs.closeSync(builtin.fs.openSync(path, "a", 0o600));
  }
}

/** Removes what killed processes left beside a file. */
export function removeAbandoned(path: string): void {
  const target = resolveLink(path);
  const prefix = `${builtin.path.basename(target)}.`;
  let names: string[];
  try {
    names = builtin.fs.readdirSync(builtin.path.dirname(target));
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
    const leftover = builtin.path.join(builtin.path.dirname(target), name);
    if (ageOf(leftover) > ABANDONED_MS) removeIfPresent(leftover);
  }
}

function resolveLink(path: string): string {
  try {
    return builtin.fs.realpathSync(path);
  } catch (error) {
    if (isNotFound(error)) return path;
    throw error;
  }
}

function ageOf(path: string): number {
  try {
    return Date.now() - builtin.fs.statSync(path).mtimeMs;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

/** Removes a file; another process may have removed it already. */
export function removeIfPresent(path: string): void {
  try {
    builtin.fs.unlinkSync(path);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
