/** The errors of pkcs11js. */
import { CKR, ckrName } from "../ffi/constants/mod.ts";

const NAMED = /(\w+):(\d+)/;
const RETURNED = /(CKR_[^:]+):(\d+)/;
const METHOD = /at (?:PKCS11|Object|_?class|<anonymous>)?\.?(C_\w+) /;

/**
 * Something failed below JavaScript that is no return value of the module, such as a call before a library was loaded.
 *
 * @example A function before `load`
 * ```ts
 * import { NativeError, PKCS11 } from "@gp11/gp11/pkcs11js";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => new PKCS11().C_GetInfo(), NativeError, "PKCS11 module not loaded yet");
 * ```
 */
export class NativeError extends Error {
  /** The name of the class. */
  override name: string = "NativeError";
  /** The number in the message; 0 where it has none. */
  code: number = 0;
  /** The function that failed, such as `C_Sign`; empty where it is not known. */
  method: string;
  /** Where in the program it failed: the lines of the stack. */
  nativeStack: string = "";

  /**
   * Takes a message apart that is a `NAME:number` and a stack, as native code gives them.
   *
   * @param method The function that failed.
   */
  constructor(message?: string, method?: string) {
    super(message ?? "");
    this.method = method ?? "";
    const lines = this.message.split("\n");
    const matches = NAMED.exec(this.message);
    if (matches === null) {
      this.message = lines[0]!;
      return;
    }
    this.message = matches[1]!;
    this.code = Number(matches[2]);
    if (lines.length === 1) return;
    this.method = METHOD.exec(lines[1]!)?.[1] ?? this.method;
    this.nativeStack = lines.slice(1).join("\n");
  }
}

/**
 * A function of the module returned something other than `CKR_OK`. Its message is the name of the return value.
 *
 * @example Tell a wrong PIN from other errors
 * ```ts
 * import { CKR_PIN_INCORRECT, Pkcs11Error } from "@gp11/gp11/pkcs11js";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new Pkcs11Error("CKR_PIN_INCORRECT:160", 0, "C_Login");
 * assertEquals([error.code, error.message, error.method], [CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", "C_Login"]);
 * ```
 */
export class Pkcs11Error extends NativeError {
  /** How a message tells a return value and its number. */
  static messageReg: RegExp = RETURNED;
  /** The name of the class. */
  override name: string = "Pkcs11Error";

  /**
   * Makes the error of a return value.
   *
   * @param message Its name and number, such as `CKR_PIN_INCORRECT:160`.
   * @param code The return value, where the message does not tell it.
   * @param method The function that returned it.
   */
  constructor(message?: string, code?: number, method?: string) {
    super(message, method);
    this.code = code ?? 0;
    const matches = Pkcs11Error.messageReg.exec(message ?? "");
    if (matches === null) return;
    this.message = matches[1]!;
    this.code = Number(matches[2]);
  }

  /** Whether a message tells a return value. */
  static isPkcs11(message: string): boolean {
    return Pkcs11Error.messageReg.test(message);
  }
}

/** The error of what a function of the module has returned. */
export function returned(rv: number, method: string): Pkcs11Error {
  const name = ckrName(rv);
  const error = new Pkcs11Error(`${name.startsWith("CKR_0x") ? "CKR_VENDOR_DEFINED" : name}:${rv}`, rv, method);
  return withStack(error);
}

/** An error that is no return value. */
export function failed(message: string, method: string, cause?: unknown): NativeError {
  const error = new NativeError("", method);
  // A path or an address in the message is no code.
  error.message = message;
  if (cause !== undefined) error.cause = cause;
  return withStack(error);
}

function withStack<E extends NativeError>(error: E): E {
  error.nativeStack = `    at PKCS11.${error.method} (native)\n${(error.stack ?? "").split("\n").slice(1).join("\n")}`;
  return error;
}

/** The error of a call that was made before the module was begun, or after it was ended. */
export function notInitialized(method: string): Pkcs11Error {
  return returned(CKR.CRYPTOKI_NOT_INITIALIZED, method);
}
