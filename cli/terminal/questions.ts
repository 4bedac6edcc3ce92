/**
 * Questions to a person at a terminal. Nothing that is typed is shown, and the terminal is given back whatever happens.
 *
 * @module
 */
import { InterruptedError } from "./errors.ts";
import type { CliTerminal } from "./surroundings.ts";
import { untilAborted } from "./until_aborted.ts";

const KEY = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  clear: 0x15,
  escape: 0x1b,
  erase: 0x7f,
  newline: 0x0a,
  enter: 0x0d,
};

/** More than any token takes as PIN, in bytes. */
const LONGEST = 1024;

/** A line as it is typed: bytes that can be overwritten, never a string. */
class SecretLine {
  readonly #bytes = new Uint8Array(LONGEST);
  #length = 0;
  #escape: "none" | "begun" | "sequence" = "none";

  /** Takes a byte; `done` at the end of the line, `declined` where somebody wants to give none. */
  take(byte: number): "more" | "done" | "declined" {
    if (this.#escape !== "none") this.#skip(byte);
    else if (byte === KEY.enter || byte === KEY.newline) return "done";
    else if (byte === KEY.end) return this.#length === 0 ? "declined" : "more";
    else if (byte === KEY.interrupt) throw new InterruptedError("SIGINT");
    else if (byte === KEY.backspace || byte === KEY.erase) this.#back();
    else if (byte === KEY.clear) this.wipe();
    else if (byte === KEY.escape) this.#escape = "begun";
    else if (byte >= 0x20 && this.#length < LONGEST) this.#bytes[this.#length++] = byte;
    return "more";
  }

  /** The bytes, in memory of their own. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Forgets what was typed. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
  }

  /** Arrow keys and their like: an escape, a bracket, a letter at the end. */
  #skip(byte: number): void {
    if (this.#escape === "begun") this.#escape = byte === 0x5b || byte === 0x4f ? "sequence" : "none";
    else if (byte >= 0x40 && byte <= 0x7e) this.#escape = "none";
  }

  /** Takes back a letter: its last byte, and the bytes of UTF-8 before that belong to it. */
  #back(): void {
    while (this.#length > 0) {
      const byte = this.#bytes[--this.#length]!;
      this.#bytes[this.#length] = 0;
      if ((byte & 0xc0) !== 0x80) return;
    }
  }
}

/** The keys of a terminal until the command is interrupted; the terminal is given back. */
async function* keysUntil(terminal: CliTerminal, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* untilAborted(terminal.keys(), signal);
  } finally {
    terminal.close();
  }
}

/**
 * Asks for a PIN or passphrase.
 *
 * @returns What was typed, for the caller to overwrite; `null` where somebody gives none: Control-D, or the terminal went.
 * @throws {InterruptedError} On Control-C, or what the signal says.
 */
export async function askSecret(
  terminal: CliTerminal,
  question: string,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const line = new SecretLine();
  try {
    // A line that was typed or pasted before would be the PIN, and cards count.
    await terminal.forgetTyped();
    await terminal.write(question);
    for await (const keys of keysUntil(terminal, signal)) {
      try {
        for (const byte of keys) {
          const state = line.take(byte);
          if (state !== "more") return state === "done" ? line.copy() : null;
        }
      } finally {
        keys.fill(0);
      }
    }
    return null;
  } finally {
    line.wipe();
    await terminal.write("\n");
  }
}

/** Asks whether to go on; anything but `y` is no. */
export async function askYes(terminal: CliTerminal, question: string, signal: AbortSignal): Promise<boolean> {
  let answer = "";
  try {
    await terminal.forgetTyped();
    await terminal.write(`${question} [y/N] `);
    for await (const [key] of keysUntil(terminal, signal)) {
      if (key === KEY.interrupt) throw new InterruptedError("SIGINT");
      answer = key === 0x79 || key === 0x59 ? "yes" : "no";
      break;
    }
    return answer === "yes";
  } finally {
    await terminal.write(`${answer}\n`);
  }
}
