/** What a fuzz target is, and which errors it may meet. */
import type { SeededRandom } from "../../tests/_support/random.ts";

/** One reader of the library, with inputs for it. */
export interface FuzzTarget<I = unknown> {
  /** Makes an input; the same one for the same numbers. */
  input(random: SeededRandom): I;
  /** Tries it. Throws on what must not be: an error that nobody documents, two answers to one question, a broken promise. */
  tryOut(input: I): void | Promise<void>;
  /** Ends what it stands on. */
  close?(): void | Promise<void>;
}

/** Makes a target; `null` where this machine lacks what it stands on. */
export type TargetMaker = () => FuzzTarget | null | Promise<FuzzTarget | null>;

/** Throws again what is neither a library's way to refuse an input nor one of the errors that are named. */
export function expect(error: unknown, ...names: readonly string[]): void {
  if (error instanceof Error) {
    if (names.includes(error.name)) return;
    if ((error instanceof TypeError || error instanceof RangeError) && /^Cannot [^]*: /.test(error.message)) return;
  }
  throw error;
}

/** Throws unless two answers are the same. */
export function same(what: string, first: unknown, second: unknown): void {
  const [left, right] = [first, second].map((value) =>
    JSON.stringify(value, (_, each) => typeof each === "bigint" ? `${each}n` : each)
  );
  if (left !== right) throw new Error(`${what}: ${left} and ${right}`);
}
