/**
 * What a person, or a program, is told when a command fails, and with which exit code it ends.
 *
 * @module
 */
import { CommandError, ExitCode, InterruptedError, OutputClosedError, UsageError } from "./terminal/errors.ts";
import type { CliSurroundings } from "./terminal/surroundings.ts";
import { painterOf, safeJson, safeText } from "./terminal/text.ts";

/** A failure in the words of the command line. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** The name of the return value, where a module has refused something. */
  readonly ckr: string | undefined;
  readonly exitCode: number;
}

/** What to do where the library's own advice is for programs, by return value, or by that and the function. */
const ADVICE: Readonly<Record<string, string>> = {
  "CKR_ARGUMENTS_BAD from C_Initialize":
    "Some modules, such as NSS softokn, want parameters: give them with --reserved.",
  "CKR_ATTRIBUTE_VALUE_INVALID from C_CreateObject":
    "Some tokens answer so for keys made elsewhere, which they do not take; gp11 keygen makes one in the token.",
  CKR_ATTRIBUTE_TYPE_INVALID: "The token does not know an attribute that was asked for.",
  CKR_CRYPTOKI_ALREADY_INITIALIZED: "Another part of this process uses the module.",
  CKR_CURVE_NOT_SUPPORTED: "gp11 mechanisms lists what the token can do; --curve names another curve.",
  CKR_FUNCTION_NOT_SUPPORTED: "The module does not offer this; another one for the same token may.",
  CKR_KEY_HANDLE_INVALID: "The key is gone, or the token was taken out; try again.",
  CKR_KEY_UNEXTRACTABLE: "It stays in its token; of a pair, type=public in the URI means the half that may leave.",
  CKR_KEY_TYPE_INCONSISTENT: "The mechanism is for another kind of key; gp11 objects tells the key's.",
  CKR_MECHANISM_INVALID: "gp11 mechanisms lists what the token can do.",
  CKR_PIN_EXPIRED: "gp11 pin change sets a new one.",
  CKR_PIN_LEN_RANGE: "Check what was typed, and what GP11_PIN or the pin-source holds.",
  CKR_PIN_LOCKED: "The security officer can set a new one: gp11 pin unblock.",
  CKR_RANDOM_NO_RNG: "The token makes no random numbers.",
  CKR_SESSION_COUNT: "Other programs use the token; end one of them.",
  CKR_SESSION_READ_ONLY: "The token allows no changes.",
  CKR_TOKEN_WRITE_PROTECTED: "Nothing can be changed on this token.",
  CKR_USER_ALREADY_LOGGED_IN: "Another part of this process has logged in.",
  CKR_USER_NOT_LOGGED_IN: "The key wants a login; some want the PIN again for each use.",
  CKR_USER_PIN_NOT_INITIALIZED: "The security officer sets the first: gp11 pin unblock.",
};

/** Tells why a command failed, on standard error, and gives the exit code. */
export async function reportFailure(error: unknown, surroundings: CliSurroundings, isJson: boolean): Promise<number> {
  const { environment, errors } = surroundings;
  // `head` has seen enough: it is no error.
  if (error instanceof OutputClosedError) return ExitCode.DONE;
  const failure = failureOf(error);
  await errors.write(isJson ? jsonOf(failure) : textOf(failure, error, surroundings));
  if (environment["GP11_DEBUG"] && error instanceof Error) await errors.write(`${error.stack}\n`);
  return failure.exitCode;
}

function failureOf(error: unknown): Failure {
  if (error instanceof InterruptedError) {
    return { name: error.name, message: "Interrupted", hint: undefined, ckr: undefined, exitCode: error.exitCode };
  }
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error), hint: undefined, ckr: undefined, exitCode: ExitCode.FAILED };
  }
  const { ckr, fn } = returnValueOf(error);
  const advice = ckr === undefined ? undefined : ADVICE[`${ckr} from ${fn}`] ?? ADVICE[ckr];
  const own = hintOf(error);
  return {
    name: error.name,
    message: own === undefined ? error.message : withoutHint(error.message, own),
    hint: error instanceof CommandError ? error.hint : advice ?? own,
    ckr,
    exitCode: error instanceof UsageError ? ExitCode.USAGE : ExitCode.FAILED,
  };
}

function returnValueOf(error: Error): { readonly ckr?: string; readonly fn?: unknown } {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    if ("ckr" in each && typeof each.ckr === "string") return { ckr: each.ckr, fn: "fn" in each ? each.fn : undefined };
  }
  return {};
}

function hintOf(error: Error): string | undefined {
  return "hint" in error && typeof error.hint === "string" && !(error instanceof CommandError) ? error.hint : undefined;
}

/** The library's errors end with their hint; here it has a line of its own. */
function withoutHint(message: string, hint: string): string {
  const tail = `. ${hint.replace(/\.$/, "")}`;
  return message.endsWith(tail) ? message.slice(0, -tail.length) : message;
}

function textOf({ hint, message }: Failure, error: unknown, surroundings: CliSurroundings): string {
  const paint = painterOf(surroundings.errors, surroundings);
  const lines = [`${paint("red", "error:")} ${safeLines(message)}`];
  if (hint !== undefined) lines.push(`${paint("yellow", "hint:")} ${safeLines(hint)}`);
  if (error instanceof UsageError) {
    lines.push(`Try: gp11 ${error.command === undefined ? "--help" : `${error.command} --help`}`);
  }
  return `${lines.join("\n")}\n`;
}

function safeLines(text: string): string {
  return text.split("\n").map(safeText).join("\n");
}

function jsonOf({ ckr, exitCode, hint, message, name }: Failure): string {
  return `${safeJson({ error: { name, message, hint, ckr, exitCode } }, 0)}\n`;
}
