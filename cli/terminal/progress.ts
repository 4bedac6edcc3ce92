import type { CliSurroundings } from "./surroundings.ts";

/** What takes less than this, in milliseconds, needs no progress. */
const PATIENCE = 400;
/** A line that changes faster is not read; milliseconds. */
const PACE = 100;

/** Back to the beginning of the line, and nothing on it. */
const CLEAR = "\r\u001b[K";

/** How far a command is, on one line of standard error; only where that is a terminal. */
export class Progress {
  readonly #surroundings: Pick<CliSurroundings, "errors" | "environment">;
  readonly #title: string;
  readonly #total: number | undefined;
  readonly #begin = performance.now();
  #done = 0;
  #shown = -Infinity;

  /**
   * Begins.
   *
   * @param title What is being done.
   * @param total Bytes there are; without it only those done are told.
   */
  constructor(surroundings: Pick<CliSurroundings, "errors" | "environment">, title: string, total?: number) {
    this.#surroundings = surroundings;
    this.#title = title;
    this.#total = total;
  }

  /** So many bytes more are done. */
  async advance(bytes: number): Promise<void> {
    this.#done += bytes;
    const now = performance.now();
    if (!this.#isShown || now - this.#begin < PATIENCE || now - this.#shown < PACE) return;
    this.#shown = now;
    await this.#surroundings.errors.write(`${CLEAR}${this.#title} ${this.#measure()}`);
  }

  /** Says what goes on where it cannot be told how far it is. */
  async show(): Promise<void> {
    if (!this.#isShown) return;
    this.#shown = performance.now();
    await this.#surroundings.errors.write(`${CLEAR}${this.#title} …`);
  }

  /** Takes the line away. */
  async end(): Promise<void> {
    if (this.#shown !== -Infinity) await this.#surroundings.errors.write(CLEAR);
    this.#shown = -Infinity;
  }

  get #isShown(): boolean {
    const { environment, errors } = this.#surroundings;
    return errors.isTerminal && environment["TERM"] !== "dumb";
  }

  #measure(): string {
    const mebibytes = `${(this.#done / 2 ** 20).toFixed(1)} MiB`;
    return this.#total === undefined || this.#total === 0
      ? mebibytes
      : `${Math.floor(100 * this.#done / this.#total)} % of ${(this.#total / 2 ** 20).toFixed(1)} MiB`;
  }
}
