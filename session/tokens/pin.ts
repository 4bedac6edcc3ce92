/** PINs as callers give them, made ready for the token. */
import { type OptionNames, refuseUnknown, wholeNumber } from "../../internal/expected.ts";
import { keepContext } from "../../internal/tracing.ts";
import { secretCopy } from "../../internal/bytes.ts";
import { type BytesInput, describeType, isBytesInput, viewBytes, wellFormed } from "../../ffi/memory/inputs.ts";
import type { PinOrQuestion, PinQuestion } from "../../ffi/operations/pin_tries.ts";
import { forgetPin, ownPin, type PinBytes } from "../../ffi/operations/pins.ts";
import type { Pkcs11Object } from "./object.ts";
import type { Interaction, LoginSpec, Pin, PinAnswer, PinCallback } from "./options.ts";
import type { Slot } from "./slot.ts";

/** Checks a PIN that is at hand. The bytes are copied by the operation when the call is made. */
export function plainPin(pin: string | BytesInput | null, subject: string): PinBytes {
  if (pin === null) return pin;
  if (typeof pin === "string") return wellFormed(pin, subject);
  if (isBytesInput(pin)) {
    return secretCopy(viewBytes(pin, subject));
  }
  throw new TypeError(`Cannot use ${subject}: expected text, bytes or null, got ${describeType(pin)}`);
}

/** PINs a callback may try in one call: cards have three tries. */
const MAX_TRIES = 3;

/** Checks a PIN that may be a callback to ask. */
export function preparePin(pin: Pin | null, slot: Slot, { maxTries, assertOpen }: QuestionSubject): PinOrQuestion {
  const tries = maxTries === undefined ? undefined : wholeNumber("maxTries", maxTries, 1);
  if (typeof pin === "function") return question(pin, slot, { maxTries: tries, assertOpen });
  return plainPin(pin, "a PIN");
}

/** A PIN as a session keeps it for its keys: a copy that can be overwritten, or who is asked for it. */
export function keptPin(pin: Pin | null): Uint8Array | PinCallback | null {
  if (typeof pin === "function") return pin;
  const plain = plainPin(pin, "a PIN");
  return plain === null ? null : ownPin(plain);
}

/** Makes a call with copies of PINs, which are overwritten at its end: it may have failed before it began. */
export function withPins<
  A extends { readonly pin?: PinBytes; readonly oldPin?: PinBytes; readonly newPin?: PinBytes },
  T,
>(
  args: A,
  call: (args: A) => T,
): T {
  const forget = () => [args.pin, args.oldPin, args.newPin].forEach(forgetPin);
  let result: T;
  try {
    result = call(args);
  } catch (error) {
    forget();
    throw error;
  }
  if (result instanceof Promise) return result.finally(forget) as T;
  forget();
  return result;
}

/** What a question is about. */
export interface QuestionSubject {
  /** The key that wants a PIN for each use, and what it is called; the token otherwise. */
  readonly key?: { readonly object: Pkcs11Object; readonly label: () => string } | undefined;
  /** PINs that may be tried in one call. */
  readonly maxTries?: number | undefined;
  /** Throws where what wants the PIN was closed: nobody would end the question. */
  readonly assertOpen: () => void;
  /** Whether nobody will be asked, as far as is known. */
  readonly isIdle?: boolean | undefined;
}

/** What the callback is asked in whenever it is asked: it is called from where another thread's answer arrives. */
function contextOfCall(): (part: () => void) => void {
  let goOn = keepContext();
  return (part) =>
    goOn(() => {
      goOn = keepContext();
      part();
    });
}

/** A callback as the operations ask it. */
export function question(ask: PinCallback, slot: Slot, subject: QuestionSubject): PinQuestion {
  const { key, maxTries, assertOpen, isIdle } = subject;
  return {
    maxTries: maxTries ?? MAX_TRIES,
    within: isIdle ? null : contextOfCall(),
    ask(attempt, signal) {
      assertOpen();
      const request = {
        slot,
        ...(key ? { object: key.object } : {}),
        label: key?.label() || attempt.tokenLabel,
        retry: attempt.retry,
        countLow: attempt.countLow,
        finalTry: attempt.finalTry,
      };
      const answer = ask(request, signal);
      return answer instanceof Promise ? answer.then(answered) : answered(answer);
    },
  };
}

const loginSpecNames: OptionNames<LoginSpec> = { userType: true, pin: true, maxTries: true };

/**
 * Reads and checks a login that is to be made when a session is opened. Each member is read once: another reading may give
 * something else, or throw when a copy of the PIN has been made.
 *
 * @throws {TypeError} when it is a PIN without its object, or none at all; its value is never shown
 */
export function readLogin(login: LoginSpec | undefined): LoginSpec | undefined {
  if (login === undefined || login === null) return undefined;
  if (typeof login !== "object" || isBytesInput(login) || !("pin" in login)) {
    const got = typeof login === "object" && !isBytesInput(login) ? "an object without pin" : describeType(login);
    throw new TypeError(`Cannot open a session: login is { pin } or { userType, pin }, got ${got}`);
  }
  refuseUnknown("use the login", login, loginSpecNames);
  const { userType, pin, maxTries } = login;
  return { userType, pin, maxTries };
}

/**
 * The callback of an interaction.
 *
 * @throws {TypeError} when it has none
 */
export function pinCallbackOf(interaction: Interaction | undefined | null): PinCallback | undefined {
  if (interaction === undefined || interaction === null) return undefined;
  if (typeof interaction.askPin !== "function") {
    throw new TypeError("Cannot use the interaction: it is an object with a function askPin");
  }
  return interaction.askPin.bind(interaction);
}

function answered(answer: PinAnswer): PinBytes {
  return plainPin(answer ?? null, "the answer to a question for a PIN");
}
