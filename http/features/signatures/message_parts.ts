/**
 * Messages as signatures see them: those of the Fetch standard, plain ones, and those on their way through a session; and the
 * signatures that stand in their fields (RFC 9421 §4).
 *
 * @module
 */
import type { HttpMessage } from "../../message/message.ts";
import {
  type Component,
  componentOf,
  MessageSignatureError,
  type MessageSignatureReason,
  repeated,
  type SignedParts,
} from "./components.ts";
import {
  formatStructuredInnerList,
  isStructuredInnerList,
  parseStructuredDictionary,
  type StructuredDictionary,
  type StructuredInnerList,
  type StructuredItem,
} from "../../protocol/syntax.ts";

/** Header or trailer fields: `Headers`, or lines in their order, one for each line of the message. */
export type FieldLines = Headers | Iterable<readonly [name: string, value: string]>;

/** A request that is signed or verified; a `Request` is one. */
export interface SignableRequest {
  /** The method. */
  readonly method: string;
  /** The absolute URL. Behind a proxy that changes it, the one the client has asked for. */
  readonly url: string | URL;
  /** Header fields. */
  readonly headers: FieldLines;
  /** Trailer fields, where the server shows them. */
  readonly trailers?: FieldLines | null | undefined;
}

/** A response that is signed or verified; a `Response` is one. */
export interface SignableResponse {
  /** The status. */
  readonly status: number;
  /** Header fields. */
  readonly headers: FieldLines;
  /** Trailer fields, where the transport shows them. */
  readonly trailers?: FieldLines | null | undefined;
}

/** A message that is signed or verified. */
export type SignableMessage = SignableRequest | SignableResponse;

/** Whether a message is a response. */
export function isResponse(message: SignableMessage): message is SignableResponse {
  return "status" in message && typeof message.status === "number";
}

/**
 * The parts of a message.
 *
 * @throws {TypeError} For what is none.
 */
export function partsOf(message: SignableMessage, request: SignableRequest | null = null): SignedParts {
  if (typeof message !== "object" || message === null || !("headers" in message)) {
    throw new TypeError("Cannot sign or verify the message: it is neither a request nor a response");
  }
  const field = linesOf(message.headers);
  const trailer = linesOf(message.trailers ?? []);
  if (isResponse(message)) {
    const related = request === null ? null : partsOf(request);
    return { method: null, url: null, status: message.status, field, trailer, request: related };
  }
  if (request !== null) throw new TypeError("Cannot relate a request to another one: only responses have a request");
  return { method: message.method, url: bare(new URL(message.url)), status: null, field, trailer, request: null };
}

function bare(url: URL): URL {
  url.hash = url.username = url.password = "";
  return url;
}

type Lines = (name: string) => readonly string[] | null;

function linesOf(fields: FieldLines): Lines {
  if (fields instanceof Headers) return (name) => headerLines(fields, name);
  if (typeof fields?.[Symbol.iterator] !== "function") {
    throw new TypeError(
      "Cannot sign or verify the message: its fields are neither Headers nor pairs of name and value, as Object.entries makes",
    );
  }
  const lines = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const known = lines.get(key);
    if (known === undefined) lines.set(key, [value]);
    else known.push(value);
  }
  return (name) => lines.get(name) ?? null;
}

/** The lines of a field; null where there is none. */
export function headerLines(headers: Headers, name: string): readonly string[] | null {
  if (name === "set-cookie") {
    const lines = headers.getSetCookie();
    return lines.length === 0 ? null : lines;
  }
  const value = headers.get(name);
  return value === null ? null : [value];
}

const noTrailer = (): null => null;

/** A request on its way: what transports add by themselves, Host and Content-Length, is there already. */
export function outgoingParts(
  msg: HttpMessage,
  uri: URL,
  headers: Headers = msg.requestHeaders,
  trailer: Lines = noTrailer,
): SignedParts {
  const { method } = msg;
  const target = uri.hash === "" && uri.username === "" && uri.password === "" ? uri : bare(new URL(uri));
  const host = headers.get("host");
  const url = host === null ? target : withHost(target, host);
  const field: Lines = (name) => headerLines(headers, name) ?? impliedLines(msg, url, name);
  return { method, url, status: null, field, trailer, request: null };
}

/** Behind a Host field of its own the target is what the field says (RFC 9110 §7.1). */
function withHost(url: URL, host: string): URL {
  const target = new URL(url);
  target.host = host;
  return target;
}

function impliedLines(msg: HttpMessage, url: URL, name: string): readonly string[] | null {
  if (name === "host") return [url.host];
  if (name !== "content-length") return null;
  const { method, requestBody: body } = msg;
  if (body instanceof Uint8Array) return [String(body.byteLength)];
  return body === null && /^(?:POST|PUT|PATCH)$/.test(method) ? ["0"] : null;
}

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
  readonly signature: Uint8Array<ArrayBuffer>;
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
