/** Where PINs come from, by the name a URI's `pin-source` gives. What reads files is loaded with the first of them. */
import { type BytesInput, viewBytes } from "../../ffi/memory/inputs.ts";
import type { Pkcs11Uri } from "../uri/mod.ts";

/** What is told to a PIN source. */
export interface PinSourceRequest {
  /** The URI the PIN is for. */
  readonly uri?: Pkcs11Uri | undefined;
  /** What the PIN is for, in words: the token's label. */
  readonly description?: string | undefined;
  /** Whether the PIN given before was wrong. */
  readonly retry?: boolean | undefined;
  /** Whether a wrong PIN has been given lately. */
  readonly countLow?: boolean | undefined;
  /** Whether the next wrong PIN locks the token. */
  readonly finalTry?: boolean | undefined;
}

/** A request as a callback gets it: with the source it is made to. */
export interface PinSourceCallbackRequest {
  /** The name of the source, also for a callback that answers for all. */
  readonly source: string;
  /** The URI the PIN is for. */
  readonly uri: Pkcs11Uri | undefined;
  /** What the PIN is for, in words. */
  readonly description: string;
  /** Whether the PIN given before was wrong. */
  readonly retry: boolean;
  /** Whether a wrong PIN has been given lately. */
  readonly countLow: boolean;
  /** Whether the next wrong PIN locks the token. */
  readonly finalTry: boolean;
}

/** A PIN source's answer; `null` leaves it to the next. */
export type PinSourceAnswer = string | BytesInput | null;

/** Answers for a PIN source. */
export type PinSourceCallback = (request: PinSourceCallbackRequest) => PinSourceAnswer | Promise<PinSourceAnswer>;

/** The callbacks of each source, newest first. */
const sources = new Map<string, PinSourceCallback[]>();

/**
 * Registers a callback for a PIN source (`p11_kit_pin_register_callback`). Of several for one source the newest is asked
 * first.
 *
 * @param source What `pin-source` says; the empty text answers for every source without a callback of its own.
 * @returns Disposing it takes the callback away.
 *
 * @example Answer for a source of your own
 * ```ts
 * import { registerPinSource, requestPin } from "@gp11/gp11";
 * import { assertEquals } from "@std/assert";
 *
 * using _source = registerPinSource("my-vault", ({ retry }) => retry ? null : "1234");
 * assertEquals(await requestPin("my-vault", { description: "My token" }), "1234");
 * ```
 */
export function registerPinSource(source: string, callback: PinSourceCallback): Disposable {
  if (typeof source !== "string") {
    throw new TypeError(`Cannot register a PIN source: its name is text, got ${typeof source}`);
  }
  if (typeof callback !== "function") {
    throw new TypeError(`Cannot register a PIN source: its callback is a function, got ${typeof callback}`);
  }
  // An entry of its own, so that the same callback can be registered twice and taken away once.
  const entry: PinSourceCallback = (request) => callback(request);
  const entries = sources.get(source);
  if (entries === undefined) sources.set(source, [entry]);
  else entries.unshift(entry);
  return {
    [Symbol.dispose](): void {
      const present = sources.get(source);
      const at = present?.indexOf(entry) ?? -1;
      if (at >= 0) present!.splice(at, 1);
      if (present?.length === 0) sources.delete(source);
    },
  };
}

/**
 * Asks a PIN source (`p11_kit_pin_request`): its callbacks, newest first, until one answers. A source without callbacks is
 * answered for by those of the empty name; where there are none either, a `file:` URI or a path is read, without its last
 * line break. A `|command` is never run.
 *
 * @returns The PIN; `null` when nobody has one. A file is not asked again on `retry`.
 * @throws {Error} If the file cannot be read, is too large for a PIN, or holds what nobody types: a byte-order mark, NUL
 * bytes, a second line. Spaces belong to the PIN.
 */
export async function requestPin(source: string, request: PinSourceRequest = {}): Promise<string | Uint8Array | null> {
  if (typeof source !== "string") {
    throw new TypeError(`Cannot ask a PIN source: its name is text, got ${typeof source}`);
  }
  const callbacks = sources.get(source) ?? sources.get("");
  if (callbacks === undefined) {
    return request.retry ? null : await (await import("./file.ts")).readPinFile(source);
  }
  const asked: PinSourceCallbackRequest = {
    source,
    uri: request.uri,
    description: request.description ?? "",
    retry: request.retry ?? false,
    countLow: request.countLow ?? false,
    finalTry: request.finalTry ?? false,
  };
  for (const callback of [...callbacks]) {
    const answer = await callback(asked);
    if (typeof answer === "string" || answer instanceof Uint8Array) return answer;
    if (answer !== null && answer !== undefined) return viewBytes(answer, "the answer of a PIN source");
  }
  return null;
}
