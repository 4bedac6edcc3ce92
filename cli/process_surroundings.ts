/**
 * The process's own streams, environment and terminal.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { ReadStream } from "node:tty";
import { OutputClosedError, systemError } from "./terminal/errors.ts";
import { orAborted } from "../internal/signals.ts";
import type { CliInput, CliOutput, CliSurroundings, CliTerminal } from "./terminal/surroundings.ts";

/** Milliseconds in which the system hands over what was typed before. */
const TYPED_AHEAD = 25;

type WriteStream = typeof process.stdout | typeof process.stderr;

/** Error codes of a pipe nobody reads any more. */
const CLOSED: ReadonlySet<unknown> = new Set(["EPIPE", "ERR_STREAM_DESTROYED", "ECONNRESET", "EOF"]);

/** Standard output. */
export class ProcessOutput implements CliOutput {
  readonly #stream: WriteStream;
  readonly #signal: AbortSignal;
  #failure: Error | null = null;

  /** Wraps it; when the signal aborts, whoever does not read it is not waited for. */
  constructor(stream: WriteStream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    // Without a listener an error here would be one that nobody catches.
    stream.on("error", (error: Error) => this.#failure = error);
  }

  /** Whether a person reads it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Columns of the terminal. */
  get columns(): number | undefined {
    return this.#stream.columns;
  }

  /** Writes all of it. */
  write(data: string | Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(writeError(this.#failure));
    return orAborted(this.writing(data), this.#signal);
  }

  /** Writes it, with the error in our words. */
  protected writing(data: string | Uint8Array): Promise<void> {
    return writing(this.#stream, data);
  }
}

/** Standard output that no terminal shows, on a runtime whose stream would stop the thread, signals and all, while nobody reads. */
class OutputBesideTheThread extends ProcessOutput {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: WriteStream, signal: AbortSignal, beside: WritableStream<Uint8Array>) {
    super(stream, signal);
    this.#writer = beside.getWriter();
    this.#writer.closed.catch(() => {}); // What it fails with, the write that fails tells.
  }

  protected override writing(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    return this.#writer.write(bytes).catch((error: Error) => Promise.reject(writeError(error)));
  }
}

function standardOutput(signal: AbortSignal): CliOutput {
  const { Deno } = globalThis as { Deno?: { stdout?: { writable?: unknown } } };
  const beside = process.stdout.isTTY === true ? undefined : Deno?.stdout?.writable;
  return beside instanceof WritableStream
    ? new OutputBesideTheThread(process.stdout, signal, beside)
    : new ProcessOutput(process.stdout, signal);
}

/** Standard error: where nobody reads it, or its disk is full, the exit code still tells how it went. */
class ProcessErrors extends ProcessOutput {
  override async write(data: string | Uint8Array): Promise<void> {
    await super.write(data).catch(() => {});
  }
}

async function writing(stream: WriteStream, data: string | Uint8Array): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => void stream.write(data, (error) => error ? reject(error) : resolve()));
  } catch (error) {
    throw writeError(error as Error);
  }
}

function writeError(error: Error): Error {
  if ("code" in error && CLOSED.has(error.code)) return new OutputClosedError(error);
  return systemError("write to standard output", error);
}

class ProcessInput implements CliInput {
  get isTerminal(): boolean {
    return process.stdin.isTTY === true;
  }

  chunks(): AsyncIterable<Uint8Array> {
    // A question that was asked before has let go of it.
    process.stdin.ref?.();
    return process.stdin as AsyncIterable<Uint8Array>;
  }
}

/** The terminal of the process: standard input where that is one, else the one that started it. */
class ProcessTerminal implements CliTerminal {
  readonly #stream: ReadStream;
  readonly #file: number | null;
  readonly #restore = () => void this.#stream.setRawMode(false);
  readonly #pieces: Uint8Array[] = [];
  #wake = () => {};
  #isEnded = false;
  readonly #onData = (piece: Uint8Array) => {
    this.#pieces.push(piece);
    this.#wake();
  };
  readonly #onEnd = () => {
    this.#isEnded = true;
    this.#wake();
  };

  /** Turns the echo off, before anything is asked: what is typed ahead is not shown either. */
  constructor(stream: ReadStream, file: number | null) {
    this.#stream = stream;
    this.#file = file;
    stream.setRawMode(true);
    // However the process ends, the shell gets its terminal back as it was.
    process.on("exit", this.#restore);
    stream.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onEnd).resume();
    // A question that was asked before has let go of it, and what nothing waits for ends the process.
    stream.ref();
  }

  async forgetTyped(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, TYPED_AHEAD));
    for (const piece of this.#pieces.splice(0)) piece.fill(0);
  }

  write(text: string): Promise<void> {
    return writing(process.stderr, text);
  }

  async *keys(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.#isEnded) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  close(): void {
    this.#restore();
    process.off("exit", this.#restore);
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onEnd).pause();
    for (const piece of this.#pieces.splice(0)) piece.fill(0);
    this.#stream.unref();
    if (this.#file !== null) this.#stream.destroy();
  }
}

/** Opens the terminal of the process; null where it has none. */
function openTerminal(): CliTerminal | null {
  if (process.stdin.isTTY) return new ProcessTerminal(process.stdin as unknown as ReadStream, null);
  let file: number;
  try {
    file = openSync(process.platform === "win32" ? "\\\\.\\CONIN$" : "/dev/tty", "r");
  } catch {
    return null; // Nobody sits at a terminal: there is none to open.
  }
  try {
    return new ProcessTerminal(new ReadStream(file), file);
  } catch {
    closeSync(file);
    return null; // It is no terminal that the runtime can read from.
  }
}

/** What the process has around it. */
export function processSurroundings(signal: AbortSignal): CliSurroundings {
  return {
    input: new ProcessInput(),
    output: standardOutput(signal),
    errors: new ProcessErrors(process.stderr, new AbortController().signal),
    environment: process.env,
    openTerminal,
    signal,
  };
}
