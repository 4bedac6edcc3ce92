/** What is said of a function that is called just as its arguments say. */
import type { FunctionName } from "../ffi/tables/functions.ts";

/**
 * An argument: `input` is bytes and their length, `early` the same where code of the caller may still run before the
 * call, `output` room and its length, `filled` room that is filled whole, `text` a PIN, which may be left out.
 */
export type ArgumentKind =
  | "session"
  | "handle"
  | "number"
  | "text"
  | "input"
  | "early"
  | "output"
  | "filled"
  | "mechanism"
  | "template";

/** What a function gives. */
export type ResultKind = "nothing" | "true" | "output" | "filled" | "handle" | "keyPair" | "size";

/** A function and its arguments. */
export interface Call {
  /** The C name. */
  readonly name: FunctionName;
  /** Its place in the list of functions. */
  readonly index: number;
  /** Its arguments. */
  readonly kinds: readonly ArgumentKind[];
  /** What it gives. */
  readonly result: ResultKind;
  /** Arguments that must be given. */
  readonly least: number;
  /** How many words the function takes. */
  readonly arity: number;
}
