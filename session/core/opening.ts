/** A session while it is being opened, which asks for the PIN of its login and belongs to nobody yet. */
import type { Asker, Question } from "../../ffi/engine/question.ts";

/** The opening of a session. */
export class Opening implements Asker {
  /** The slot; `null` while it is looked for. */
  slot: bigint | null;
  /** The question for its PIN that is open. */
  question: Question | null = null;
  #reason: Error | null = null;

  /** A session that is about to be opened. */
  constructor(slot: bigint | null = null) {
    this.slot = slot;
  }

  /** Nobody will use the session: nobody is asked for a PIN any more, and a question that is open ends with the reason. */
  end(reason: Error): void {
    this.#reason ??= reason;
    this.question?.end(reason);
  }

  /** Throws why nobody will use the session. */
  assertWanted(): void {
    if (this.#reason !== null) throw this.#reason;
  }
}
