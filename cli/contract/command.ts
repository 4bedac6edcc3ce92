/**
 * What a command is to the command line: what it takes, as data, and where its code is.
 *
 * @module
 */
import type { CliSurroundings } from "../terminal/surroundings.ts";
import type { Painter } from "../terminal/text.ts";
import type { OptionValues } from "./option_values.ts";

/** An option, of one command or of all. An option of one name is the same everywhere it is taken. */
export interface OptionDescription {
  /** Its name, without dashes. */
  readonly name: string;
  /** A letter that stands for it. */
  readonly short?: string;
  /** What its value is called, such as `FILE`; without one it is a switch. */
  readonly value?: string;
  /** What it does, in half a sentence. */
  readonly text: string;
  /** The values there are. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly multiple?: boolean;
  /** Whether it must be given. */
  readonly required?: boolean;
  /** Whether the value is a file's path, which a shell completes. */
  readonly isPath?: boolean;
}

/** An argument that has its place instead of a name. */
export interface ArgumentDescription {
  /** What it is called, such as `KEY-URI`. */
  readonly name: string;
  /** What it is. */
  readonly text: string;
  /** Whether it may be left out. */
  readonly optional?: boolean;
  /** The values there are. */
  readonly choices?: readonly string[];
}

/** An example of a command line. */
export interface CommandExample {
  /** What it does. */
  readonly text: string;
  /** What is typed. */
  readonly line: string;
}

/** A command. */
export interface CommandDescription {
  /** Its name. */
  readonly name: string;
  /** What it does, in half a sentence. */
  readonly summary: string;
  /** What else there is to know, paragraph by paragraph. */
  readonly details?: readonly string[];
  /** Its arguments, in order. */
  readonly arguments: readonly ArgumentDescription[];
  /** Its options, besides those of all commands. */
  readonly options: readonly OptionDescription[];
  /** Examples. */
  readonly examples: readonly CommandExample[];
  /** Loads its code: help and completion need none of it. */
  load(): Promise<CommandCode>;
}

/** The code of a command. */
export interface CommandCode {
  /** Does it. What it throws is told to the person, and is the end. */
  run(context: CommandContext): Promise<void>;
}

/** What a command is given. */
export interface CommandContext {
  /** The command. */
  readonly command: CommandDescription;
  /** All commands, for those that tell about them. */
  readonly commands: readonly CommandDescription[];
  /** The options that all commands have. */
  readonly globals: readonly OptionDescription[];
  /** Its options as they were given. */
  readonly options: OptionValues;
  /** Its arguments as they were given, in order. */
  readonly arguments: readonly string[];
  /** Streams, environment, terminal. */
  readonly surroundings: CliSurroundings;
  /** Cancels it. */
  readonly signal: AbortSignal;
  /** Colours for standard output. */
  readonly paint: Painter;
  /** Writes a result: for programs where `--json` asks for it, else for people. */
  report(result: { readonly json: unknown; readonly text: string }): Promise<void>;
  /** Tells a person something beside the result, on standard error. */
  note(text: string): Promise<void>;
}
