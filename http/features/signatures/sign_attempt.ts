/**
 * Signatures on one attempt to send a message.
 *
 * @module
 */
import { NOT_SIGNED, TransportError } from "../../errors.ts";
import { type HttpMessage, messageState } from "../../message/message.ts";
import { HttpStatus } from "../../protocol/status.ts";
import { isBlocking } from "../../contract/blocking.ts";
import type { StructuredFieldType } from "./components.ts";
import { headerLines, outgoingParts } from "./message_parts.ts";
import type { OwnFields } from "./own_fields.ts";
import { baseOf, fieldsOf, type SignaturePlan } from "./sign_message.ts";
import { signatureParams } from "./signature_base.ts";
import { MessageSignatureError } from "./signature_error.ts";
import type { SignatureTrailers } from "./signature_trailers.ts";
import { type Signer, signInPlace, utf8 } from "./signer.ts";

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
