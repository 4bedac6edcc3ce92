/**
 * Asking once for many: messages that need the credentials of one protection space wait for one answer.
 *
 * @module
 */
import { isBlocking } from "../../contract/blocking.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { AuthScheme } from "./scheme.ts";

/** The scheme that was answered to, or null when the question was declined. */
export type Answer = AuthScheme | null;

interface Question {
  /** The message the question is about. */
  readonly msg: HttpMessage;
  /** The answer, or undefined when the message left the queue before there was one; fails as the asking does. */
  readonly answer: Promise<Answer | undefined>;
  readonly settle: (answer: Answer | undefined | Promise<never>) => void;
}

/** The questions that are open. */
export class Questions {
  readonly #open = new Map<string, Question>();

  /**
   * Puts a question, or waits for the answer to the same one. `put` asks; it is not called while another message's
   * question with this key is open. `isWanted` says whether the message still waits: if the one that asked is
   * cancelled, the next asks.
   */
  ask(
    key: string,
    msg: HttpMessage,
    isWanted: () => boolean,
    put: () => Answer | Promise<Answer>,
  ): Answer | Promise<Answer> {
    // While the thread is blocked no other message gets an answer.
    if (isBlocking(msg)) return put();
    const open = this.#open.get(key);
    if (open !== undefined) {
      return open.answer.then((answer) => {
        if (answer !== undefined) return answer;
        return isWanted() ? this.ask(key, msg, isWanted, put) : null;
      });
    }
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const question: Question = { msg, answer: promise, settle: resolve };
    promise.catch(() => {}); // The message that asks gets the error itself; nobody else may have waited.
    this.#open.set(key, question);
    const close = (answer: Answer | undefined | Promise<never>): void => {
      if (this.#open.get(key) === question) this.#open.delete(key);
      resolve(answer);
    };
    let answer: Answer | Promise<Answer>;
    try {
      answer = put();
    } catch (error) {
      close(Promise.reject(error));
      throw error;
    }
    if (!(answer instanceof Promise)) {
      close(answer);
      return answer;
    }
    return answer.then((given) => {
      close(isWanted() || given !== null ? given : undefined);
      return given;
    }, (error) => {
      close(Promise.reject(error));
      throw error;
    });
  }

  /** The message has left the queue: whoever waits for its answer asks for itself. */
  abandon(msg: HttpMessage): void {
    for (const [key, question] of this.#open) {
      if (question.msg !== msg) continue;
      this.#open.delete(key);
      question.settle(undefined);
    }
  }
}
