/**
 * Signatures as they stand in the fields of a message (RFC 9421 §4).
 *
 * @module
 */
import {
  formatStructuredInnerList,
  isStructuredInnerList,
  parseStructuredDictionary,
  type StructuredDictionary,
  type StructuredInnerList,
  type StructuredItem,
} from "../../protocol/structured_fields.ts";
import {
  type Component,
  componentOf,
  MessageSignatureError,
  type MessageSignatureReason,
  repeated,
  type SignedParts,
} from "./components.ts";

/** Signatures of one message that are looked at. */
const MOST_SIGNATURES = 16;
/** Components of one signature: each is looked for in the whole message, before anything shows that its key made it. */
const MOST_COMPONENTS = 128;

/** The parameters of a signature (RFC 9421 §2.3). */
export interface SignatureInfo {
  /** What it is called within the message. */
  readonly label: string;
  /** What names its key; null where it does not say. */
  readonly keyId: string | null;
  /** Its algorithm by the HTTP name; null where it does not say. */
  readonly algorithm: string | null;
  /** When it was made, in seconds since 1970; null where it does not say. */
  readonly created: number | null;
  /** When it expires, in seconds since 1970; null for never. */
  readonly expires: number | null;
  /** Its nonce; null for none. */
  readonly nonce: string | null;
  /** The application it is for; null for any. */
  readonly tag: string | null;
  /** What it covers, as it stands in the field Signature-Input. */
  readonly components: readonly string[];
}

/** A signature of a message, taken apart. */
export interface ReceivedSignature {
  /** Its parameters. */
  readonly info: SignatureInfo;
  /** What it covers. */
  readonly components: readonly Component[];
  /** The value of "@signature-params". */
  readonly params: string;
  /** Its bytes. */
  readonly signature: Uint8Array;
}

/** Why a signature, or a message, is not accepted. */
export function refusal(
  reason: MessageSignatureReason,
  why: string,
  label: string | null = null,
): MessageSignatureError {
  const what = label === null ? "the message" : `the signature ${label}`;
  return new MessageSignatureError(reason, `Cannot accept ${what}: ${why}`, label);
}

/** The signatures that count, in the order of the message; each is taken apart when it is looked at. */
export function signaturesOf(
  parts: SignedParts,
  { label, tag }: { readonly label?: string | undefined; readonly tag?: string | undefined },
): (() => ReceivedSignature)[] {
  const inputs = dictionaryOf(parts, "signature-input");
  const signatures = dictionaryOf(parts, "signature");
  if (inputs.size > MOST_SIGNATURES) throw refusal("malformed", `it has ${inputs.size} signatures`);
  const found = [...inputs]
    .filter(([name, member]) => (label === undefined || name === label) && (tag === undefined || tagOf(member) === tag))
    .map(([name, member]) => () => receivedOf(name, member, signatures));
  if (found.length > 0) return found;
  const which = label !== undefined ? ` called ${label}` : tag !== undefined ? ` for ${JSON.stringify(tag)}` : "";
  throw refusal("missing", `it has no signature${which}`);
}

function tagOf([, parameters]: StructuredItem | StructuredInnerList): unknown {
  return parameters.get("tag");
}

/** The dictionary of a field; of the trailers where the header has none. */
function dictionaryOf(parts: SignedParts, name: string): StructuredDictionary {
  const lines = parts.field(name) ?? parts.trailer(name);
  if (lines === null) throw refusal("missing", `it has no field ${name}`);
  const dictionary = parseStructuredDictionary(lines.join(", "));
  if (dictionary === undefined) throw refusal("malformed", `its field ${name} does not parse`);
  return dictionary;
}

/**
 * Takes a signature apart.
 *
 * @throws {MessageSignatureError} "malformed", or "missing" where its bytes are.
 */
function receivedOf(
  label: string,
  member: StructuredItem | StructuredInnerList,
  signatures: StructuredDictionary,
): ReceivedSignature {
  if (!isStructuredInnerList(member)) throw refusal("malformed", "its Signature-Input is no list of components", label);
  const value = signatures.get(label)?.[0];
  if (!(value instanceof ArrayBuffer)) throw refusal("malformed", "the field Signature has no bytes for it", label);
  const [items, parameters] = member;
  if (items.length > MOST_COMPONENTS) throw refusal("malformed", `it covers ${items.length} components`, label);
  const components = items.map(componentOf);
  const twice = repeated(components);
  if (twice !== undefined) throw refusal("malformed", `it covers ${twice.identifier} twice`, label);
  const text = (name: string): string | null => {
    const said = parameters.get(name);
    if (said === undefined || typeof said === "string") return said ?? null;
    throw refusal("malformed", `its parameter ${name} is no string`, label);
  };
  const time = (name: string): number | null => {
    const said = parameters.get(name);
    if (said === undefined || Number.isInteger(said)) return said as number | undefined ?? null;
    throw refusal("malformed", `its parameter ${name} is no whole number`, label);
  };
  return {
    info: {
      label,
      keyId: text("keyid"),
      algorithm: text("alg"),
      created: time("created"),
      expires: time("expires"),
      nonce: text("nonce"),
      tag: text("tag"),
      components: components.map(({ identifier }) => identifier),
    },
    components,
    params: formatStructuredInnerList(member),
    signature: new Uint8Array(value),
  };
}
