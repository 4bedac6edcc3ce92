/**
 * What a command has around it: streams, environment, a person at a terminal. The process's own, or what a test gives.
 *
 * @module
 */

/** Where bytes come from. */
export interface CliInput {
  /** Whether a person types them. */
  readonly isTerminal: boolean;
  /** What comes, piece by piece, to the end. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Where text and bytes go. */
export interface CliOutput {
  /** Whether a person reads them. */
  readonly isTerminal: boolean;
  /** Columns of the terminal; `undefined` where there are none. */
  readonly columns: number | undefined;
  /**
   * Writes all of it.
   *
   * @throws {OutputClosedError} When nobody reads it any more.
   */
  write(data: string | Uint8Array): Promise<void>;
}

/**
 * A terminal somebody sits at, for one question; it is there even where standard input and output are files. While it is
 * open nothing that is typed is shown.
 */
export interface CliTerminal {
  /** Forgets what was typed before it was opened, and since: it was meant for something else. */
  forgetTyped(): Promise<void>;
  /** Shows a text. */
  write(text: string): Promise<void>;
  /** What is typed, key by key, until it is returned from. */
  keys(): AsyncIterable<Uint8Array>;
  /** Gives the terminal back as it was. */
  close(): void;
}

/** All that a command line has around it. */
export interface CliSurroundings {
  /** Standard input. */
  readonly input: CliInput;
  /** Standard output. */
  readonly output: CliOutput;
  /** Standard error; what cannot be written there is dropped. */
  readonly errors: CliOutput;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The terminal to ask at; `null` where nobody sits at one. */
  openTerminal(): CliTerminal | null;
  /** Cancels what runs; its reason is an {@linkcode InterruptedError}. */
  readonly signal: AbortSignal;
}
