/** What an error says about the member of a group that it came from. */
import { CKR } from "../../ffi/constants/mod.ts";
import {
  ObjectAmbiguousError,
  ObjectNotFoundError,
  Pkcs11Error,
  SessionBusyError,
  SessionClosedError,
} from "../errors.ts";

/**
 * Whose fault an error is: `token` the member's; `pin` the member's, and another try could lock its token; `busy` nobody's,
 * another member may be free; `unclear` the member's if another one can do the same; `input` the caller's.
 */
export type Fault = "token" | "pin" | "busy" | "unclear" | "input";

const faults: ReadonlyMap<number, Fault> = new Map<number, Fault>([
  [CKR.SLOT_ID_INVALID, "token"],
  [CKR.CRYPTOKI_NOT_INITIALIZED, "token"],
  [CKR.SESSION_CLOSED, "token"],
  [CKR.SESSION_HANDLE_INVALID, "token"],
  [CKR.SESSION_COUNT, "token"],
  [CKR.KEY_HANDLE_INVALID, "token"],
  [CKR.OBJECT_HANDLE_INVALID, "token"],
  [CKR.USER_NOT_LOGGED_IN, "token"],
  // A locked token takes no more tries; somebody may unlock it.
  [CKR.PIN_LOCKED, "token"],
  [CKR.PIN_INCORRECT, "pin"],
  [CKR.PIN_EXPIRED, "pin"],
  [CKR.PIN_INVALID, "pin"],
  [CKR.PIN_LEN_RANGE, "pin"],
  [CKR.USER_PIN_NOT_INITIALIZED, "pin"],
  [CKR.GENERAL_ERROR, "unclear"],
  [CKR.FUNCTION_FAILED, "unclear"],
  [CKR.HOST_MEMORY, "unclear"],
]);

/** Return values of vendors begin here: many say in one of their own that the connection to the device is lost. */
const VENDOR_DEFINED = 0x8000_0000;

/** Whose fault an error is. */
export function faultOf(error: unknown): Fault {
  if (isOfDevice(error)) return "token";
  if (error instanceof Pkcs11Error) {
    return faults.get(error.code) ?? (error.code >= VENDOR_DEFINED ? "unclear" : "input");
  }
  if (error instanceof SessionClosedError || isNoObject(error)) return "token";
  if (error instanceof SessionBusyError) return "busy";
  return error instanceof DOMException && error.name === "TimeoutError" ? "token" : "unclear";
}

/** A token that does not show the key that is meant, or several that may be it. */
function isNoObject(error: unknown): boolean {
  return error instanceof ObjectNotFoundError || error instanceof ObjectAmbiguousError;
}

const ofDevice: ReadonlySet<number> = new Set([
  CKR.DEVICE_ERROR,
  CKR.DEVICE_MEMORY,
  CKR.DEVICE_REMOVED,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
]);

/** Whether an error says that the device itself is away or broken, whatever was asked of it. */
export function isOfDevice(error: unknown): boolean {
  return error instanceof Pkcs11Error && ofDevice.has(error.code);
}
