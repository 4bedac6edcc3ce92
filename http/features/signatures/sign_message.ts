/**
 * Signatures of messages outside of a session: responses of a server, requests that something else sends (RFC 9421
 * §3.1). And the signature base, which is the text that is signed (§2.5).
 *
 * @module
 */
import { formatStructuredItem, parseStructuredDictionary } from "../../protocol/syntax.ts";
import {
  type Component,
  componentValue,
  parseComponent,
  repeated,
  type SignedParts,
  type StructuredFieldType,
} from "./components.ts";
import { toBase64 } from "../../../internal/bytes.ts";
import { checkText, type OptionNames, refuseUnknown, wholeNumber } from "../../../internal/expected.ts";
import { checkSigner, httpAlgorithmOf, type Signer, utf8 } from "./signer.ts";
import { partsOf, type SignableMessage, type SignableRequest } from "./message_parts.ts";

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

/** How a message is signed. */
export interface SignMessageOptions {
  /** What signs. */
  readonly signer: Signer;
  /**
   * What is covered, in this order: fields by name, derived components such as "@method", with parameters as in
   * `@query-param;name="id"`.
   */
  readonly components: Iterable<string>;
  /**
   * What the signature is called within the message.
   *
   * @default {"sig"}
   */
  readonly label?: string | undefined;
  /** When it is made, in seconds since 1970; now where it is left out. */
  readonly created?: number | undefined;
  /** Seconds after which it is no longer valid. */
  readonly expires?: number | undefined;
  /** Its nonce. */
  readonly nonce?: string | undefined;
  /** The application it is for. */
  readonly tag?: string | undefined;
  /**
   * Whether the algorithm is named in the signature: verifiers know it from the key.
   *
   * @default {false}
   */
  readonly alg?: boolean | undefined;
  /** The request a response answers, for components with the parameter `req`. */
  readonly request?: SignableRequest | undefined;
  /** Types of structured fields, for components with the parameter `sf`, beside those of fields HTTP defines. */
  readonly structuredFields?: Readonly<Record<string, StructuredFieldType>> | undefined;
}

/** What limits a signature must not be left out because a name is misspelt. */
const signMessageNames: OptionNames<SignMessageOptions> = {
  signer: true,
  components: true,
  label: true,
  created: true,
  expires: true,
  nonce: true,
  tag: true,
  alg: true,
  request: true,
  structuredFields: true,
};

/** A signature and its parameters: members of the fields Signature-Input and Signature. */
export interface SignatureFields {
  /** For the field Signature-Input. */
  readonly signatureInput: string;
  /** For the field Signature. */
  readonly signature: string;
}

/** What one signature is to be; checked. */
export interface SignaturePlan {
  readonly label: string;
  readonly components: readonly Component[];
  readonly parameters: SignatureParameters;
}

/**
 * Signs a message: gives what to append to its fields Signature-Input and Signature. A Content-Digest that is covered has to
 * be there already.
 *
 * @throws {MessageSignatureError} "component", where the message lacks something that is to be covered.
 * @throws {TypeError} For components that are none, and algorithms RFC 9421 does not know.
 * @throws {RangeError} For times that are no whole numbers.
 *
 * @example A server signs its answer
 * ```ts
 * import { type Signer, signMessage } from "@gp11/gp11/http";
 *
 * async function signed(signer: Signer, request: Request, response: Response): Promise<Response> {
 *   const components = ["@status", "content-type", "@method;req", "@target-uri;req"];
 *   const { signature, signatureInput } = await signMessage(response, { signer, components, request });
 *   response.headers.append("Signature-Input", signatureInput);
 *   response.headers.append("Signature", signature);
 *   return response;
 * }
 * ```
 */
export async function signMessage(message: SignableMessage, options: SignMessageOptions): Promise<SignatureFields> {
  const signer = checkSigner(options?.signer, "a signature");
  refuseUnknown("sign the message", options, signMessageNames);
  const { alg = false, expires, label = "sig", nonce, request = null, tag } = options;
  const created = wholeNumber("created", options.created ?? secondsNow());
  const algorithm = httpAlgorithmOf(signer);
  const parameters: SignatureParameters = {
    created,
    keyid: signer.keyId || undefined,
    alg: alg ? algorithm : undefined,
    expires: expires === undefined ? undefined : created + wholeNumber("expires", expires),
    nonce: nonce === undefined ? undefined : checkText("sign with the nonce", nonce),
    tag: checkTag(tag),
  };
  const plan = { label: checkLabel(label), components: componentsOf(options.components), parameters };
  const { base, params } = baseOf(plan, partsOf(message, request), options.structuredFields);
  return fieldsOf(plan.label, params, await signer.sign(utf8(base)));
}

/**
 * Checks the name of the application that signatures are for.
 *
 * @throws {TypeError} For what is no text.
 */
export function checkTag(tag: string | undefined): string | undefined {
  return tag === undefined ? undefined : checkText("sign with the tag", tag);
}

/** What is signed, and the parameters within it. */
export function baseOf(
  { components, parameters }: SignaturePlan,
  parts: SignedParts,
  types?: Readonly<Record<string, StructuredFieldType>>,
): { base: string; params: string } {
  const params = signatureParams(components, parameters);
  return { base: signatureBase(components, params, parts, types), params };
}

/** The members of the two fields. */
export function fieldsOf(label: string, params: string, signature: Uint8Array): SignatureFields {
  return { signatureInput: `${label}=${params}`, signature: `${label}=:${toBase64(signature)}:` };
}

/**
 * Reads the names of components.
 *
 * @throws {TypeError} For what is none, and for one that is there twice.
 */
export function componentsOf(names: Iterable<string>): readonly Component[] {
  if (typeof names === "string" || typeof names?.[Symbol.iterator] !== "function") {
    throw new TypeError("Cannot sign: components is no list of names");
  }
  const components = [...names].map(parseComponent);
  const twice = repeated(components);
  if (twice !== undefined) throw new TypeError(`Cannot sign: the component ${twice.identifier} is there twice`);
  return components;
}

/**
 * Checks what a signature is called: a key of a structured dictionary (RFC 9651 §3.1.2).
 *
 * @throws {TypeError} For anything else.
 */
export function checkLabel(label: unknown): string {
  if (typeof label === "string" && parseStructuredDictionary(`${label}=1`)?.has(label) === true) return label;
  throw new TypeError(
    `Cannot call a signature ${JSON.stringify(label)}: a label is of a-z, 0-9, "_", "-", "." and "*"`,
  );
}

/** Seconds since 1970. */
export function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
