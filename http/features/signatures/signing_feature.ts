/**
 * What the features that sign have in common: the origins that may get signatures, the fields they put on a message and take
 * away again, as another attempt has others and another origin none, and the signing of one attempt.
 *
 * @module
 */
import type { FeatureSession } from "../../contract/feature_session.ts";
import { type HttpMessage, messageState } from "../../message/message.ts";
import { httpUriOf } from "../../protocol/uri.ts";
import { formatStructuredDictionary, parseStructuredDictionary } from "../../protocol/syntax.ts";
import { baseOf, fieldsOf, type SignatureFields, signatureParams, type SignaturePlan } from "./sign_message.ts";
import { NOT_SIGNED, TransportError } from "../../errors.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { isBlocking } from "../../contract/blocking.ts";
import { MessageSignatureError, type StructuredFieldType } from "./components.ts";
import { headerLines, outgoingParts } from "./message_parts.ts";
import type { SignatureTrailers } from "./content_digest.ts";
import { type Signer, signInPlace, utf8 } from "./signer.ts";

/** Origins that get signatures, or one origin for each message: the one it was sent to in the first place. */
export class SigningScope {
  readonly #origins: readonly URL[] | null;
  readonly #first = new WeakMap<HttpMessage, URL>();

  /**
   * Takes origins; undefined is the first one of each message.
   *
   * @throws {TypeError} For what is no http or https origin.
   */
  constructor(origins: Iterable<string | URL> | undefined) {
    this.#origins = origins === undefined ? null : [...typeof origins === "string" ? [origins] : origins].map(originOf);
  }

  /** The message is put on the queue: what it was sent to before does not count. */
  begin(msg: HttpMessage): void {
    this.#first.delete(msg);
  }

  /** The http: or https: URI it is sent to, if the message may be signed for that; null where it must not. */
  allowed(session: FeatureSession, msg: HttpMessage): URL | null {
    const uri = httpUriOf(session, msg.uri);
    if (uri === null || msg.omitsCredentials) return null;
    if (this.#origins !== null) return this.#origins.some((origin) => isWithin(uri, origin)) ? uri : null;
    const first = this.#first.get(msg);
    if (first === undefined) this.#first.set(msg, uri);
    return first === undefined || isWithin(uri, first) ? uri : null;
  }
}

/** The same origin, or the same one encrypted, which HSTS may have led to: it leaves ports that are named (RFC 6797 §8.3). */
function isWithin(uri: URL, origin: URL): boolean {
  return uri.host === origin.host && (uri.protocol === origin.protocol || uri.protocol === "https:");
}

function originOf(origin: string | URL): URL {
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new TypeError(`Cannot sign for ${JSON.stringify(String(origin))}: it is no http or https origin`);
}

const INPUT = "signature-input";
const SIGNATURE = "signature";

/** What one feature has put on one message. */
export class OwnFields {
  readonly #labels = new Set<string>();
  readonly #values = new Map<string, string>();

  /** Sets a field. */
  set({ requestHeaders }: HttpMessage, name: string, value: string): void {
    requestHeaders.set(name, value);
    this.#values.set(name, value);
  }

  /** Adds a signature to those of others. */
  add(msg: HttpMessage, { signature, signatureInput }: SignatureFields): void {
    this.#labels.add(signature.slice(0, signature.indexOf("=")));
    msg.requestHeaders.append(INPUT, signatureInput);
    msg.requestHeaders.append(SIGNATURE, signature);
  }

  /** Adds the parameters of a signature whose bytes come later. */
  addInput(msg: HttpMessage, label: string, params: string): void {
    this.#labels.add(label);
    msg.requestHeaders.append(INPUT, `${label}=${params}`);
  }

  /** Names the fields that come behind the body. */
  announce(msg: HttpMessage, names: readonly string[]): void {
    const present = msg.requestHeaders.get("trailer")?.split(",").map((name) => name.trim()) ?? [];
    this.set(msg, "trailer", [...new Set([...present, ...names])].join(", "));
  }

  /** Takes everything away. */
  remove(msg: HttpMessage): void {
    const { requestHeaders } = msg;
    for (const [name, value] of this.#values) {
      if (requestHeaders.get(name) === value) requestHeaders.delete(name);
    }
    this.#values.clear();
    if (this.#labels.size === 0) return;
    for (const name of [INPUT, SIGNATURE]) removeMembers(requestHeaders, name, this.#labels);
    this.#labels.clear();
  }
}

function removeMembers(headers: Headers, name: string, labels: ReadonlySet<string>): void {
  const dictionary = parseStructuredDictionary(headers.get(name) ?? "");
  if (dictionary === undefined) return;
  for (const label of labels) dictionary.delete(label);
  if (dictionary.size === 0) headers.delete(name);
  else headers.set(name, formatStructuredDictionary(dictionary));
}

/** A label that no other signature of the message has, nor will have: the wanted one, or that with a number. */
export function freeLabel({ requestHeaders }: HttpMessage, wanted: string, reserved: readonly string[]): string {
  const field = requestHeaders.get(INPUT);
  const taken = field === null ? undefined : parseStructuredDictionary(field);
  let label = wanted;
  for (let number = 2; taken?.has(label) || reserved.includes(label); number++) label = `${wanted}${number}`;
  return label;
}

/** A test whether the attempt that runs now is still the message's: what comes later must not touch another one. */
export function presentAttempt(msg: HttpMessage): () => boolean {
  const state = messageState(msg);
  const { item } = state;
  const attempt = item?.attempt;
  return () => state.item === item && item?.attempt === attempt;
}

/** The end of a message that cannot be signed: nothing is wrong with its connection, and trying again is no use. */
export function notSigned(cause: unknown): never {
  if (cause instanceof TransportError) throw cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const reason = text.startsWith("Cannot ") ? text : `Cannot sign the request: ${text}`;
  throw new TransportError(HttpStatus.IO_ERROR, "connect", reason, { cause, code: NOT_SIGNED, reason });
}

/** A signature that is wanted; one that others ask for is left out where the message lacks what it is to cover. */
export interface WantedSignature extends SignaturePlan {
  /** Whether the message is sent without it, where it cannot be made. */
  readonly isOptional: boolean;
}

/** A message and what signs it. */
export interface SigningAttempt {
  /** The message. */
  readonly msg: HttpMessage;
  /** The http: or https: URI it is sent to. */
  readonly uri: URL;
  /** What signs. */
  readonly signer: Signer;
  /** The fields it gets. */
  readonly fields: OwnFields;
  /** Types of structured fields. */
  readonly types: Readonly<Record<string, StructuredFieldType>> | undefined;
  /** The runtime, for errors. */
  readonly runtime: string;
}

/** Puts signatures on a message. */
export function signAttempt(attempt: SigningAttempt, wanted: readonly WantedSignature[]): void | Promise<void> {
  const { fields, msg, runtime, signer } = attempt;
  try {
    const bases = basesOf(attempt, wanted);
    if (isBlocking(msg)) {
      for (const { base, label, params } of bases) {
        fields.add(msg, fieldsOf(label, params, signInPlace(signer, utf8(base), runtime)));
      }
      return;
    }
    const isPresent = presentAttempt(msg);
    const signed = bases.map(({ base }) => signer.sign(utf8(base)));
    return Promise.all(signed).then((signatures) => {
      if (!isPresent()) return;
      signatures.forEach((signature, index) => {
        const { label, params } = bases[index]!;
        fields.add(msg, fieldsOf(label, params, signature));
      });
    }, notSigned);
  } catch (error) {
    notSigned(error);
  }
}

interface Base {
  readonly label: string;
  readonly base: string;
  readonly params: string;
}

function basesOf({ msg, types, uri }: SigningAttempt, wanted: readonly WantedSignature[]): Base[] {
  const parts = outgoingParts(msg, uri);
  const bases: Base[] = [];
  for (const plan of wanted) {
    try {
      bases.push({ label: plan.label, ...baseOf(plan, parts, types) });
    } catch (error) {
      if (!plan.isOptional || !(error instanceof MessageSignatureError)) throw error;
    }
  }
  return bases;
}

/** Puts the parameters of signatures in front of the body, and the signatures behind it (RFC 9421 §4.2). */
export function signInTrailers(
  { fields, msg, signer, types, uri }: SigningAttempt,
  wanted: readonly WantedSignature[],
  trailers: SignatureTrailers,
): void {
  for (const { components, label, parameters } of wanted) {
    fields.addInput(msg, label, signatureParams(components, parameters));
  }
  fields.announce(msg, ["content-digest", "signature"]);
  const headers = new Headers(msg.requestHeaders);
  trailers.sign = async (behind) => {
    const parts = outgoingParts(msg, uri, headers, (name) => headerLines(behind, name));
    for (const plan of wanted) {
      const { base, params } = baseOf(plan, parts, types);
      const signature = await signer.sign(utf8(base)).catch(notSigned);
      behind.append("signature", fieldsOf(plan.label, params, signature).signature);
    }
  };
}
