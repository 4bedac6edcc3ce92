import type { FunctionName } from "../../ffi/tables/functions.ts";

/** One argument of a logged call. */
export interface LoggedArgument {
  /** Its name. */
  readonly name: string;
  /** Its value as the log writes it; secrets are `NOT-PRINTED`. */
  readonly value: string;
}

/** A call of a PKCS#11 function that has returned. */
export interface LoggedCall {
  /** The module's name in the configuration, else its path; `null` where it has neither. */
  readonly module: string | null;
  /** The function. */
  readonly fn: FunctionName;
  /** What it was given. */
  readonly input: readonly LoggedArgument[];
  /** What it has left. */
  readonly output: readonly LoggedArgument[];
  /** What it returned. */
  readonly code: number;
  /** The name of that. */
  readonly ckr: `CKR_${string}`;
  /** How long it took, in milliseconds; for calls that went to a worker thread together, all of them. */
  readonly duration: number;
}

/** How calls are logged. Both run in the asynchronous context (`AsyncLocalStorage`) in which a call was asked for. */
export interface LogCallsOptions {
  /** Takes the text of each call, in the layout of libp11-kit's `log-calls`, when the call has returned. */
  sink?(text: string): void;
  /** Takes each call as data. */
  event?(call: LoggedCall): void;
  /**
   * Whether PINs, keys, plain text and random numbers are logged as they are.
   *
   * @default {false}
   */
  readonly showSecrets?: boolean | undefined;
}
