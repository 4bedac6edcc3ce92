/**
 * The fields that signatures put on a message, so that they can be taken away again: another attempt has others, and another
 * origin none.
 *
 * @module
 */
import { formatStructuredDictionary, parseStructuredDictionary } from "../../protocol/structured_fields.ts";
import type { HttpMessage } from "../../message/message.ts";
import type { SignatureFields } from "./sign_message.ts";

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
