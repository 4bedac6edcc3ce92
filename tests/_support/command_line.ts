// The command line run in this process: arguments, what is read and typed, and what comes of it.
import { main } from "../../cli/main.ts";
import { OutputClosedError } from "../../cli/terminal/errors.ts";
import type { CliOutput, CliTerminal } from "../../cli/terminal/surroundings.ts";

/** What a run has around it. */
export interface CommandLineOptions {
  /** Standard input; null is one that stays silent. */
  readonly input?: string | Uint8Array | null;
  /** Called when standard input is waited for. */
  readonly waiting?: () => void;
  /** Environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What is typed at the terminal, question by question; without it there is no terminal. */
  readonly typed?: readonly (string | Uint8Array)[];
  /** Whether standard output and standard error are a terminal. */
  readonly isTerminal?: boolean;
  /** Columns of it. */
  readonly columns?: number;
  /** Cancels it. */
  readonly signal?: AbortSignal;
  /** Called before each write to standard output, as by a reader that goes away: what it throws is the answer. */
  readonly reader?: () => void;
}

/** What came of a run. */
export interface CommandLineResult {
  /** The exit code. */
  readonly code: number;
  /** Standard output. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Standard output as text. */
  readonly text: string;
  /** Standard error. */
  readonly errors: string;
  /** What the terminal showed. */
  readonly shown: string;
  /** Terminals that were opened and given back. */
  readonly terminals: { readonly opened: number; readonly closed: number };
}

/** Whoever reads standard output goes away. */
export function closedReader(): never {
  throw new OutputClosedError();
}

class Output implements CliOutput {
  readonly isTerminal: boolean;
  readonly columns: number | undefined;
  readonly pieces: Uint8Array[] = [];
  readonly #before: () => void;

  constructor({ columns, isTerminal = false }: CommandLineOptions, before: () => void = () => {}) {
    this.isTerminal = isTerminal;
    this.columns = columns;
    this.#before = before;
  }

  async write(data: string | Uint8Array): Promise<void> {
    await Promise.resolve();
    this.#before();
    this.pieces.push(typeof data === "string" ? new TextEncoder().encode(data) : data.slice());
  }
}

/** Runs a command line. */
export async function commandLine(
  args: readonly string[],
  options: CommandLineOptions = {},
): Promise<CommandLineResult> {
  const { environment = {}, input = "", typed } = options;
  const [output, errors] = [new Output(options, options.reader), new Output(options)];
  const answers = typed?.map((answer) => typeof answer === "string" ? new TextEncoder().encode(answer) : answer);
  const terminals = { opened: 0, closed: 0 };
  let shown = "";
  const code = await main(args, {
    input: {
      isTerminal: false,
      async *chunks() {
        await Promise.resolve();
        options.waiting?.();
        if (input === null) await new Promise<void>(() => {});
        else if (input.length > 0) yield typeof input === "string" ? new TextEncoder().encode(input) : input;
      },
    },
    output,
    errors,
    environment,
    openTerminal(): CliTerminal | null {
      if (answers === undefined) return null;
      terminals.opened++;
      return {
        forgetTyped: () => Promise.resolve(),
        write: (text) => Promise.resolve(void (shown += text)),
        async *keys() {
          await Promise.resolve();
          const answer = answers.shift();
          if (answer !== undefined) yield answer;
          else await new Promise<void>(() => {});
        },
        close: () => void terminals.closed++,
      };
    },
    signal: options.signal ?? new AbortController().signal,
  });
  const bytes = new Uint8Array(await new Blob(output.pieces as BlobPart[]).arrayBuffer());
  const decode = (data: Uint8Array) => new TextDecoder().decode(data);
  return { code, bytes, text: decode(bytes), errors: errors.pieces.map(decode).join(""), shown, terminals };
}
