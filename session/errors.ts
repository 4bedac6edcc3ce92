/** The errors of PKCS#11 objects, of p11-kit's configuration, and of TLS with a key in a token. Input that makes no sense is a `TypeError` or `RangeError` instead. */
import { ckrHint, ckrMessage } from "../ffi/constants/ckr_messages.ts";
import { ckmName, type CkrName, ckrName } from "../ffi/constants/names.ts";
import type { FunctionName } from "../ffi/tables/functions.ts";
import { brandError } from "../internal/error_brand.ts";
import { functionAction } from "./function_actions.ts";

/**
 * A reason without what stands before it anyway. The C library begins with the path, runtimes and libp11-kit put in front
 * that a library could not be opened, some of them twice, and the path once more.
 */
function withoutPath(reason: string, path: string): string {
  const start = reason.lastIndexOf(`${path}: `);
  return start < 0 ? reason.replace(/([^:]+: )\1+/g, "$1") : reason.slice(start + path.length + 2);
}

/** What a {@linkcode Pkcs11Error} may say beyond the return value. */
export interface Pkcs11ErrorOptions {
  /**
   * What could not be done, to follow "Cannot ".
   *
   * By default what the function does.
   */
  readonly action?: string | undefined;
  /** The type of the mechanism in use; its name is added to the message. */
  readonly mechanism?: number | undefined;
  /** The label of the token in use, added to the message. */
  readonly token?: string | undefined;
  /**
   * What to do about it, in one sentence.
   *
   * By default a sentence for the return values people stumble over.
   */
  readonly hint?: string | undefined;
  /** Which of many inputs it was, from 0 on; added to the message. */
  readonly index?: number | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * A PKCS#11 function returned something other than `CKR_OK`.
 *
 * @example Tell a wrong PIN from other errors
 * ```ts
 * import { CKR, Pkcs11Error } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new Pkcs11Error(CKR.PIN_INCORRECT, "C_Login");
 * assertEquals(error.ckr, "CKR_PIN_INCORRECT");
 * assertEquals(
 *   error.message,
 *   "Cannot log in: the PIN is wrong (CKR_PIN_INCORRECT from C_Login). Repeated wrong PINs lock the token",
 * );
 * ```
 */
export class Pkcs11Error extends Error {
  /** The return value, a {@linkcode CKR} number or a vendor's own. */
  readonly code: number;
  /** The return value's name, in hexadecimal where it has none. */
  readonly ckr: CkrName;
  /** The function that returned it. */
  readonly fn: FunctionName;
  /** The type of the mechanism in use, a {@linkcode CKM} number, where the call was made with one. */
  declare readonly mechanism?: number;
  /** The label of the token, where it is known: something has read what the token tells about itself. */
  declare readonly token?: string;
  /** Which of the inputs failed, from 0 on, where a call was given many: `signMany` and its like. */
  declare readonly index?: number;
  /** What to do about it, in one sentence, where there is something to say; the message ends with it. */
  declare readonly hint?: string;

  /**
   * Describes a return value.
   *
   * @param code The `CK_RV`.
   * @param fn The function that returned it.
   */
  constructor(code: number, fn: FunctionName, options: Pkcs11ErrorOptions = {}) {
    const ckr = ckrName(code);
    const action = options.action ?? functionAction(fn);
    const mechanism = options.mechanism === undefined ? "" : ` with ${ckmName(options.mechanism)}`;
    const hint = options.hint ?? ckrHint(code, fn);
    const which = options.index === undefined ? "" : ` for inputs[${options.index}]`;
    const where = options.token ? ` on the token ${JSON.stringify(options.token)}` : "";
    const advice = hint === undefined ? "" : `. ${hint.replace(/\.$/, "")}`;
    super(
      `Cannot ${action}${mechanism}: ${ckrMessage(code)} (${ckr} from ${fn}${which}${where})${advice}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.ckr = ckr;
    this.fn = fn;
    if (options.mechanism !== undefined) this.mechanism = options.mechanism;
    if (options.token) this.token = options.token;
    if (options.index !== undefined) this.index = options.index;
    if (hint !== undefined) this.hint = hint;
  }
}

/** A file could not be loaded as a PKCS#11 module: it is missing, no library, or a library without the functions. */
export class ModuleLoadError extends Error {
  /** The path as it was given. */
  readonly path: string;

  /**
   * Describes the failure.
   *
   * @param path The path as it was given.
   * @param reason Why it could not be loaded, as half a sentence.
   */
  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`Cannot load the PKCS#11 module "${path}": ${withoutPath(reason, path)}`, options);
    this.path = path;
  }
}

/** A call cannot be made now because another one holds the session. */
export class SessionBusyError extends Error {
  /** What holds the session, such as `an asynchronous call` or `an open encryptor`. */
  readonly operation: string;

  /**
   * Describes the conflict.
   *
   * @param action What could not be done, to follow "Cannot ".
   * @param operation What holds the session.
   * @param used What is held, where it is not the session alone.
   */
  constructor(action: string, operation: string, used = "the session") {
    super(`Cannot ${action}: ${operation} is using ${used}`);
    this.operation = operation;
  }
}

/** A session, or an object of it, was used after the session was closed. */
export class SessionClosedError extends Error {
  /**
   * Describes the attempt.
   *
   * @param action What could not be done, to follow "Cannot ".
   */
  constructor(action: string) {
    super(`Cannot ${action}: the session is closed`);
  }
}

/** Why a PKCS#11 URI was refused; `version` means a version that is no `major.minor`. */
export type UriErrorReason = "scheme" | "encoding" | "syntax" | "version";

/** A text is no PKCS#11 URI (RFC 7512). The message leaves the text out: it may hold a PIN. */
export class UriError extends Error {
  /** What is wrong with it. */
  readonly reason: UriErrorReason;

  /**
   * Describes the problem.
   *
   * @param reason What is wrong.
   * @param detail The problem as half a sentence, without the text's secrets.
   */
  constructor(reason: UriErrorReason, detail: string) {
    super(`Cannot parse the PKCS#11 URI: ${detail}`);
    this.reason = reason;
  }
}

/** No object has the attributes that were asked for. */
export class ObjectNotFoundError extends Error {
  /**
   * Describes the search.
   *
   * @param match What was looked for, in words.
   * @param action What could not be done, to follow "Cannot ".
   * @param advice What helps, if that is known.
   */
  constructor(match: string, action = "find the object", advice = "") {
    super(`Cannot ${action}: none has ${match}${advice && `; ${advice}`}`);
  }
}

/** More than one object has the attributes that were asked for. */
export class ObjectAmbiguousError extends Error {
  /** How many have them. */
  readonly count: number;

  /**
   * Describes the search.
   *
   * @param match What was looked for, in words.
   * @param count How many were found.
   * @param action What could not be done, to follow "Cannot ".
   * @param advice What helps.
   */
  constructor(
    match: string,
    count: number,
    action = "find the object",
    advice = "name more of it, such as its id",
  ) {
    super(`Cannot ${action}: ${count} have ${match}; ${advice}`);
    this.count = count;
  }
}

/** No slot has the token that was asked for. */
export class SlotNotFoundError extends Error {
  /**
   * Describes the search.
   *
   * @param match What was looked for, in words.
   * @param present The tokens that are there.
   */
  constructor(match: string, present: readonly string[]) {
    const there = present.length === 0 ? "no token is present" : `present are ${present.join(", ")}`;
    super(`Cannot find the slot: no token has ${match}; ${there}`);
  }
}

/** More than one slot has a token as asked for. */
export class SlotAmbiguousError extends Error {
  /** How many have one. */
  readonly count: number;

  /**
   * Describes the search.
   *
   * @param match What was looked for, in words.
   * @param count How many were found.
   */
  constructor(match: string, count: number) {
    super(`Cannot find the slot: ${count} tokens have ${match}; name its serial number too`);
    this.count = count;
  }
}

brandError(Pkcs11Error, "Pkcs11Error");
brandError(ModuleLoadError, "ModuleLoadError");
brandError(SessionBusyError, "SessionBusyError");
brandError(SessionClosedError, "SessionClosedError");
brandError(UriError, "UriError");
brandError(ObjectNotFoundError, "ObjectNotFoundError");
brandError(ObjectAmbiguousError, "ObjectAmbiguousError");
brandError(SlotNotFoundError, "SlotNotFoundError");
brandError(SlotAmbiguousError, "SlotAmbiguousError");

/**
 * TLS with a key in a token has failed; the message says what was tried and names GnuTLS's error. It never shows a PIN.
 *
 * @example Tell a refused certificate from other failures
 * ```ts
 * import { TlsError } from "@gp11/gp11";
 *
 * function isRefusal(error: unknown): boolean {
 *   return error instanceof TlsError && error.code === "GNUTLS_E_FATAL_ALERT_RECEIVED";
 * }
 * ```
 */
export class TlsError extends Error {
  /** GnuTLS's name of the error, for example "GNUTLS_E_FATAL_ALERT_RECEIVED"; of others a name beginning with ERR_TLS_. */
  readonly code: string;
  /** GnuTLS's number of the error; 0 for others. */
  readonly number: number;
  /** What the peer has said when it broke the connection off, in GnuTLS's words; empty when it said nothing. */
  readonly alert: string;

  /** Describes a failure. */
  constructor(message: string, parts: { readonly code: string; readonly number?: number; readonly alert?: string }) {
    super(message);
    this.code = parts.code;
    this.number = parts.number ?? 0;
    this.alert = parts.alert ?? "";
  }
}

brandError(TlsError, "TlsError");

/** Errors of tokens have numbers of their own in GnuTLS. */
export function isTokenFailure(error: unknown): boolean {
  return error instanceof TlsError && error.number <= -300 && error.number > -340;
}

/**
 * p11-kit's configuration cannot be used: a file is damaged or cannot be read, or a module marked `critical` failed.
 * As in libp11-kit, nothing is loaded then.
 */
export class ConfigurationError extends Error {
  /** The file, folder or module the problem was met at. */
  readonly where: string;

  /**
   * Describes the problem.
   *
   * @param where The file, folder or module.
   * @param reason The problem as half a sentence.
   */
  constructor(where: string, reason: string, options?: ErrorOptions) {
    super(`Cannot use the p11-kit configuration: ${where}: ${reason}`, options);
    this.where = where;
  }
}

brandError(ConfigurationError, "ConfigurationError");
