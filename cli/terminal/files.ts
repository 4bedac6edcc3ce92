/**
 * What commands read and write: a file, or with `-` the standard streams.
 *
 * @module
 */
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { concatBytes } from "../../internal/bytes.ts";
import { CommandError, InterruptedError, systemError } from "./errors.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { untilAborted } from "./until_aborted.ts";
import { orAborted } from "../../internal/signals.ts";

/** Standard input or output, where a file could stand. */
export const STANDARD = "-";

/** What JSON says of where a result was written; nothing where that is standard output, or nowhere. */
export function fileMember(out: string | undefined): { readonly file?: string } {
  return out === undefined || out === STANDARD ? {} : { file: out };
}

/** Bytes read at once. */
const PIECE = 256 * 1024;

/** What a command reads. */
export interface Source {
  /** Its name for messages. */
  readonly name: string;
  /** Bytes in it; `undefined` where only reading tells. */
  readonly size: number | undefined;
  /** Its bytes, piece by piece. */
  chunks(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** What a file's error means for people; whoever interrupted the command knows it. */
export function fileError(action: string, path: string, error: unknown): Error {
  return error instanceof InterruptedError || error instanceof CommandError
    ? error
    : systemError(`${action} ${JSON.stringify(path)}`, error);
}

/** Opens what `--in` names. What is interrupted while it waits for bytes waits no more. */
export async function openSource(path: string, { input, signal }: CliSurroundings): Promise<Source> {
  if (path === STANDARD) {
    let isRead = false;
    const once = () => {
      if (isRead) throw new CommandError("Cannot read standard input twice", "Give the file's path with --in.");
      isRead = true;
      return input.chunks();
    };
    return { name: "standard input", size: undefined, chunks: () => untilAborted(owned(once), signal) };
  }
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
    const size = found.isFile() ? found.size : undefined;
    return { name: path, size, chunks: () => untilAborted(fileChunks(path), signal) };
  } catch (error) {
    throw fileError("read", path, error);
  }
}

async function* owned(chunks: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks()) yield new Uint8Array(chunk);
}

async function* fileChunks(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const { bytesRead } = await file.read(piece, 0, PIECE, null);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } catch (error) {
    throw fileError("read", path, error);
  } finally {
    await file?.close();
  }
}

/**
 * Reads a source to its end.
 *
 * @param most Bytes it may hold.
 */
export async function readWhole(
  source: Source,
  { most = Infinity, seen }: { most?: number; seen?: (bytes: number) => void } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const piece of source.chunks()) {
    length += piece.length;
    if (length > most) {
      throw new CommandError(`Cannot use ${JSON.stringify(source.name)}: it holds more than ${most} bytes`);
    }
    pieces.push(piece);
    seen?.(piece.length);
  }
  return concatBytes(...pieces);
}

/** Where a command's result goes; without `commit` nothing of it is left in a file. */
export interface Sink {
  /** Takes a piece. */
  write(piece: Uint8Array): Promise<void>;
  /** All of it is there. */
  commit(): Promise<void>;
  /** It is not to be kept; after `commit` this does nothing. */
  discard(): Promise<void>;
}

/** Opens what `--out` names; `secret` makes a new file readable by its owner alone. */
export async function openSink(
  path: string,
  surroundings: CliSurroundings,
  { secret = false }: { secret?: boolean } = {},
): Promise<Sink> {
  if (path === STANDARD) {
    return surroundings.output.isTerminal ? new TerminalSink(surroundings) : new StreamSink(surroundings);
  }
  try {
    return await FileSink.open(path, secret, surroundings.signal);
  } catch (error) {
    throw fileError("write", path, error);
  }
}

/** Writes a text, as a whole. */
export async function writeText(text: string, path: string, surroundings: CliSurroundings): Promise<void> {
  await writeBytes(new TextEncoder().encode(text), path, surroundings);
}

/** Writes bytes, as a whole; `secret` makes a new file readable by its owner alone. */
export async function writeBytes(
  bytes: Uint8Array,
  path: string,
  surroundings: CliSurroundings,
  options?: { secret?: boolean },
): Promise<void> {
  const sink = await openSink(path, surroundings, options);
  try {
    await sink.write(bytes);
    await sink.commit();
  } finally {
    await sink.discard();
  }
}

/** Standard output that is no terminal. */
class StreamSink implements Sink {
  readonly #surroundings: CliSurroundings;

  constructor(surroundings: CliSurroundings) {
    this.#surroundings = surroundings;
  }

  async write(piece: Uint8Array): Promise<void> {
    await this.#surroundings.output.write(piece);
  }

  async commit(): Promise<void> {}

  async discard(): Promise<void> {}
}

/** Bytes that are shown on a terminal in base64; longer results belong in a file. */
const MOST_SHOWN = 4096;

/** A terminal: text is shown as it is, a short result in base64, and anything else would only do harm. */
class TerminalSink implements Sink {
  readonly #surroundings: CliSurroundings;
  readonly #pieces: Uint8Array[] = [];

  constructor(surroundings: CliSurroundings) {
    this.#surroundings = surroundings;
  }

  write(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece.slice());
    return Promise.resolve();
  }

  async commit(): Promise<void> {
    const { output, errors } = this.#surroundings;
    const bytes = new Uint8Array(await new Blob(this.#pieces.splice(0) as BlobPart[]).arrayBuffer());
    const text = printable(bytes);
    if (text !== null) return await output.write(text.endsWith("\n") ? text : `${text}\n`);
    if (bytes.length > MOST_SHOWN) {
      throw new CommandError(
        `Cannot show the result: ${bytes.length} bytes of it are no text`,
        "Give a file with --out, or send the output into one.",
      );
    }
    await output.write(`${bytes.toBase64()}\n`);
    await errors.write("(in base64, as this is a terminal)\n");
  }

  discard(): Promise<void> {
    for (const piece of this.#pieces.splice(0)) piece.fill(0);
    return Promise.resolve();
  }
}

/** Bytes as text, where a terminal can show them without harm. */
function printable(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    return /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text) ? null : text;
  } catch {
    return null; // The decoder's way to say that these bytes are no text.
  }
}

/** What a runtime's own permissions refuse is the temporary file, of which nobody knows. */
function withFolder(path: string): (error: unknown) => never {
  return (error) => {
    if ((error as Error | null)?.name !== "NotCapable") throw error;
    throw new CommandError(
      `Cannot write ${JSON.stringify(path)}: the permission to write in its folder is missing`,
      `Give --allow-write=${dirname(path)}: the file has another name there until it is whole.`,
      { cause: error },
    );
  };
}

/** A file that appears when it is whole: until then its content has another name beside it. */
class FileSink implements Sink {
  readonly #path: string;
  readonly #temporary: string | null;
  readonly #file: FileHandle;
  readonly #signal: AbortSignal;
  #isOpen = true;
  #isKept = false;

  private constructor(path: string, temporary: string | null, file: FileHandle, signal: AbortSignal) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#signal = signal;
  }

  static async open(path: string, secret: boolean, signal: AbortSignal): Promise<FileSink> {
    const found = await stat(path).catch(() => null);
    // A device or a pipe is written to; only a file can be put in the place of another.
    if (found !== null && !found.isFile()) {
      return new FileSink(path, null, await orAborted(open(path, "w"), signal), signal);
    }
    const target = found === null ? path : await realpath(path);
    const temporary = `${target}.${randomBytes(6).toString("hex")}.tmp`;
    const mode = secret ? 0o600 : found === null ? 0o666 : found.mode & 0o777;
    return new FileSink(target, temporary, await open(temporary, "wx", mode).catch(withFolder(target)), signal);
  }

  async write(piece: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < piece.length) {
        const writing = this.#file.write(piece, written, piece.length - written);
        // Of a pipe nobody may read.
        written += (await (this.#temporary === null ? orAborted(writing, this.#signal) : writing)).bytesWritten;
      }
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  async commit(): Promise<void> {
    try {
      await this.#close();
      if (this.#temporary !== null) await rename(this.#temporary, this.#path);
      this.#isKept = true;
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  async discard(): Promise<void> {
    if (this.#isKept) return;
    this.#isKept = true;
    await this.#close();
    if (this.#temporary !== null) await unlink(this.#temporary);
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const closing = this.#file.close();
    // A write into a pipe that nobody reads may be under way.
    if (this.#temporary === null && this.#signal.aborted) closing.catch(() => {});
    else await closing;
  }
}
