/**
 * The signature base: the text that is signed (RFC 9421 §2.5).
 *
 * @module
 */
import { formatStructuredItem } from "../../protocol/structured_fields.ts";
import {
  type Component,
  componentValue,
  isSameComponent,
  type SignedParts,
  type StructuredFieldType,
} from "./components.ts";

/** Parameters of a signature that is made (RFC 9421 §2.3), in the order they are written. */
export interface SignatureParameters {
  /** When it is made, in seconds since 1970. */
  readonly created?: number | undefined;
  /** What names the key. */
  readonly keyid?: string | undefined;
  /** The algorithm, by its HTTP name. */
  readonly alg?: string | undefined;
  /** When it expires, in seconds since 1970. */
  readonly expires?: number | undefined;
  /** Its nonce. */
  readonly nonce?: string | undefined;
  /** The application it is for. */
  readonly tag?: string | undefined;
}

const ORDER = ["created", "keyid", "alg", "expires", "nonce", "tag"] as const;

/** The value of "@signature-params", which is also the member of Signature-Input. */
export function signatureParams(components: readonly Component[], parameters: SignatureParameters): string {
  let text = `(${components.map(({ identifier }) => identifier).join(" ")})`;
  for (const name of ORDER) {
    const value = parameters[name];
    if (value === undefined) continue;
    text += `;${name}=${typeof value === "number" ? value : quoted(name, value)}`;
  }
  return text;
}

function quoted(name: string, text: string): string {
  if (/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(text)) return `"${text}"`;
  if (/^[\x20-\x7e]*$/.test(text)) return formatStructuredItem([text, new Map()]);
  throw new TypeError(`Cannot sign: the parameter ${name} holds characters beyond ASCII`);
}

/** The text that is signed: one line for each component, and the parameters. */
export function signatureBase(
  components: readonly Component[],
  params: string,
  parts: SignedParts,
  types?: Readonly<Record<string, StructuredFieldType>>,
): string {
  let base = "";
  for (const component of components) {
    base += `${component.identifier}: ${componentValue(component, parts, types)}\n`;
  }
  return `${base}"@signature-params": ${params}`;
}

/** The first component that is there twice; undefined where none is. */
export function repeated(components: readonly Component[]): Component | undefined {
  return components.find((component, index) =>
    components.slice(0, index).some((earlier) => isSameComponent(earlier, component))
  );
}
