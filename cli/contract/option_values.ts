import { UsageError } from "../terminal/errors.ts";

/** The options of a command line, as they were given. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #command: string;

  /**
   * Wraps them.
   *
   * @param values The values of each option; a switch that was given has none.
   * @param command The command, for errors.
   */
  constructor(values: ReadonlyMap<string, readonly string[]>, command: string) {
    this.#values = values;
    this.#command = command;
  }

  /** Whether a switch, or an option, was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of an option. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** The values of an option that may be given more than once. */
  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /**
   * The value of an option as an integer.
   *
   * @throws {UsageError} When it is none, or out of range.
   */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new UsageError(
      `Cannot use --${name} ${JSON.stringify(text)}: expected an integer from ${min} to ${max}`,
      this.#command,
    );
  }

  /**
   * The value of an option as bytes, which are given in hexadecimal, with colons between them or without.
   *
   * @throws {UsageError} When it is no hexadecimal.
   */
  bytes(name: string): Uint8Array<ArrayBuffer> | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const digits = text.replaceAll(":", "");
    if (digits !== "" && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits)) return Uint8Array.fromHex(digits);
    throw new UsageError(
      `Cannot use --${name} ${JSON.stringify(text)}: expected bytes in hexadecimal, such as 01ab`,
      this.#command,
    );
  }
}
