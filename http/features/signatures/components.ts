/**
 * Components: the parts of a message that a signature covers, and their values (RFC 9421 §2); and why a signature cannot be
 * made or is not accepted.
 *
 * @module
 */
import { brandError } from "../../../internal/error_brand.ts";
import { Buffer } from "node:buffer";
import {
  formatStructuredDictionary,
  formatStructuredInnerList,
  formatStructuredItem,
  formatStructuredList,
  isStructuredInnerList,
  parseStructuredDictionary,
  parseStructuredItem,
  parseStructuredList,
  type StructuredItem,
  type StructuredValue,
} from "../../protocol/syntax.ts";

/**
 * The kind of reason: "missing", no such signature; "malformed", its fields do not parse; "component", a part of the message
 * that is covered is not there or has no one value; "coverage", not enough of the message is covered; "key", no known key;
 * "algorithm", not the key's; "expired", too old or from the future; "replayed", its nonce was seen before; "signature", it is
 * wrong; "content", the body is not the one whose digest is signed.
 */
export type MessageSignatureReason =
  | "missing"
  | "malformed"
  | "component"
  | "coverage"
  | "key"
  | "algorithm"
  | "expired"
  | "replayed"
  | "signature"
  | "content";

/** A signature of an HTTP message that cannot be made, or is not accepted. */
export class MessageSignatureError extends Error {
  /** The kind of reason. */
  readonly reason: MessageSignatureReason;
  /** The signature's label; null where no one signature is meant. */
  readonly label: string | null;

  /**
   * Makes the error.
   *
   * @param reason The kind of reason.
   * @param message The whole text.
   * @param label The signature's label.
   */
  constructor(reason: MessageSignatureReason, message: string, label: string | null = null) {
    super(message);
    this.reason = reason;
    this.label = label;
  }
}

brandError(MessageSignatureError, "MessageSignatureError");

/** The types structured fields are of (RFC 9651 §3). */
export type StructuredFieldType = "dictionary" | "list" | "item";

/** One component, named. */
export interface Component {
  /** A field's name in lower case, or a derived component's with its "@". */
  readonly name: string;
  /** Its parameters. */
  readonly parameters: ReadonlyMap<string, StructuredValue>;
  /** The identifier as it stands in the signature base and in Signature-Input. */
  readonly identifier: string;
}

/** A message as its signatures see it. */
export interface SignedParts {
  /** The method; null of responses. */
  readonly method: string | null;
  /** The target URI without fragment; null of responses. */
  readonly url: URL | null;
  /** The status; null of requests. */
  readonly status: number | null;
  /** The lines of a header field; null where there is none. */
  field(name: string): readonly string[] | null;
  /** The lines of a trailer field; null where there is none. */
  trailer(name: string): readonly string[] | null;
  /** The request a response answers; null where it is not known, and of requests. */
  readonly request: SignedParts | null;
}

/** Types of the structured fields that HTTP itself and its signatures define. */
const fieldTypes: ReadonlyMap<string, StructuredFieldType> = new Map<string, StructuredFieldType>([
  ...["content-digest", "repr-digest", "want-content-digest", "want-repr-digest", "priority", "cdn-cache-control"]
    .map((name): [string, StructuredFieldType] => [name, "dictionary"]),
  ...["signature", "signature-input", "accept-signature"]
    .map((name): [string, StructuredFieldType] => [name, "dictionary"]),
  ...["cache-status", "proxy-status", "client-cert-chain", "accept-ch", "critical-ch"]
    .map((name): [string, StructuredFieldType] => [name, "list"]),
  ...["client-cert", "deprecation"].map((name): [string, StructuredFieldType] => [name, "item"]),
]);

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const DERIVED: ReadonlySet<string> = new Set([
  "@method",
  "@target-uri",
  "@authority",
  "@scheme",
  "@request-target",
  "@path",
  "@query",
  "@query-param",
  "@status",
]);
const FLAGS: ReadonlySet<string> = new Set(["sf", "bs", "tr", "req"]);

/** A component by its name and the flags it has. */
export function namedComponent(name: string, ...flags: readonly string[]): Component {
  const parameters = new Map(flags.map((flag) => [flag, true]));
  return { name, parameters, identifier: [`"${name}"`, ...flags].join(";") };
}

/**
 * Reads a component as people write them: `content-type`, `@query-param;name="id"`, `"cache-control";req`.
 *
 * @throws {TypeError} For what is no component.
 */
export function parseComponent(text: string): Component {
  if (typeof text !== "string") throw new TypeError(`Cannot sign the component ${String(text)}: it is no string`);
  const end = text.indexOf(";");
  const name = end < 0 ? text : text.slice(0, end);
  const quoted = text.startsWith('"') ? text : `"${name.toLowerCase()}"${end < 0 ? "" : text.slice(end)}`;
  const item = parseStructuredItem(quoted);
  if (item === undefined) throw new TypeError(`Cannot sign the component ${text}: it does not parse`);
  try {
    return componentOf(item);
  } catch (error) {
    throw new TypeError((error as Error).message);
  }
}

/**
 * The component an item of a Signature-Input field names.
 *
 * @throws {MessageSignatureError} "malformed", for what is no component.
 */
export function componentOf(item: StructuredItem): Component {
  const [name, parameters] = item;
  const identifier = formatStructuredItem(item);
  const wrong = (why: string): MessageSignatureError =>
    new MessageSignatureError("malformed", `Cannot use the component ${identifier}: ${why}`);
  if (typeof name !== "string") throw wrong("its name is no string");
  const isDerived = name.startsWith("@");
  if (isDerived ? !DERIVED.has(name) : !FIELD_NAME.test(name)) throw wrong("there is none with this name");
  for (const [key, value] of parameters) {
    const isText = isDerived ? name === "@query-param" && key === "name" : key === "key";
    const isFlag = isDerived ? key === "req" : FLAGS.has(key);
    if (!isText && !isFlag) throw wrong(`it has no parameter ${key}`);
    if (isText ? typeof value !== "string" : value !== true) throw wrong(`the parameter ${key} has no such value`);
  }
  if (name === "@query-param" && !parameters.has("name")) throw wrong("it wants the parameter name");
  if (parameters.has("bs") && (parameters.has("sf") || parameters.has("key"))) {
    throw wrong("bs goes with neither sf nor key");
  }
  return { name, parameters, identifier };
}

/** Whether two components are the same, in whatever order their parameters stand (RFC 9421 §2). */
export function isSameComponent(left: Component, right: Component): boolean {
  if (left.identifier === right.identifier) return true;
  if (left.name !== right.name || left.parameters.size !== right.parameters.size) return false;
  return [...left.parameters].every(([key, value]) => right.parameters.get(key) === value);
}

/** The first component that is there twice; undefined where none is. */
export function repeated(components: readonly Component[]): Component | undefined {
  return components.find((component, index) =>
    components.slice(0, index).some((earlier) => isSameComponent(earlier, component))
  );
}

/**
 * The value of a component of a message.
 *
 * @param types Types of structured fields, beside those that HTTP defines, for `;sf`.
 * @throws {MessageSignatureError} "component", where it has none, or more than one.
 */
export function componentValue(
  component: Component,
  parts: SignedParts,
  types: Readonly<Record<string, StructuredFieldType>> = {},
): string {
  const { name, parameters } = component;
  const isOfRequest = parameters.size > 0 && parameters.has("req");
  if (isOfRequest && parts.status === null) throw lacks(component, "only responses have a request");
  const source = isOfRequest ? parts.request : parts;
  if (source === null) throw lacks(component, "the request is not known");
  const value = name.startsWith("@") ? derivedValue(component, source) : fieldValue(component, source, types);
  if (!/^[\t\x20-\x7e]*$/.test(value)) throw lacks(component, "its value is not ASCII, which only ;bs can cover");
  return value;
}

function lacks({ identifier }: Component, why: string): MessageSignatureError {
  return new MessageSignatureError("component", `Cannot cover ${identifier}: ${why}`);
}

function derivedValue(component: Component, { method, status, url }: SignedParts): string {
  const { name } = component;
  if (name === "@status") {
    if (status === null) throw lacks(component, "a request has no status");
    return String(status);
  }
  if (method === null || url === null) {
    throw lacks(component, "a response has none; the parameter req means its request's");
  }
  switch (name) {
    case "@method":
      return method;
    case "@target-uri":
      return url.href;
    case "@authority":
      return url.host;
    case "@scheme":
      return url.protocol.slice(0, -1);
    case "@request-target":
      return url.pathname + url.search;
    case "@path":
      return url.pathname;
    case "@query":
      return url.search === "" ? "?" : url.search;
    default:
      return queryParameter(component, url);
  }
}

function queryParameter(component: Component, url: URL): string {
  const wanted = component.parameters.get("name");
  const values = [...url.searchParams].filter(([name]) => encodeQuery(name) === wanted);
  if (values.length === 0) throw lacks(component, "the query has no such parameter");
  if (values.length > 1) throw lacks(component, "the query has it more than once; cover @query instead");
  return encodeQuery(values[0]![1]);
}

/** The form encoding (URL standard §1.3), with %20 for a space (RFC 9421 §2.2.8). */
function encodeQuery(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function fieldValue(
  component: Component,
  parts: SignedParts,
  types: Readonly<Record<string, StructuredFieldType>>,
): string {
  const { name, parameters } = component;
  const isTrailer = parameters.size > 0 && parameters.has("tr");
  const lines = isTrailer ? parts.trailer(name) : parts.field(name);
  if (lines === null) throw lacks(component, `the message has no such ${isTrailer ? "trailer" : "field"}`);
  if (parameters.size === 0) return lines.length === 1 ? trimmed(lines[0]!) : lines.map(trimmed).join(", ");
  if (parameters.has("bs")) {
    return lines.map((line) => `:${Buffer.from(trimmed(line), "latin1").toString("base64")}:`).join(", ");
  }
  const text = lines.map(trimmed).join(", ");
  if (!parameters.has("key") && !parameters.has("sf")) return text;
  const value = parameters.has("key") ? memberValue(component, text) : strictValue(component, text, types);
  // Looked at behind the parser, as only what parses is quick to look through.
  if (hasWholeDecimal(text)) throw lacks(component, "a decimal such as 1.0 in it would be written as the integer 1");
  return value;
}

/** Decimals without a fraction: JavaScript's numbers do not tell them from integers. */
function hasWholeDecimal(text: string): boolean {
  const values = text.replace(/"(?:[^"\\]|\\.)*"|:[A-Za-z0-9+/=]*:/g, "");
  return /(?:^|[\s,;=(])-?\d+\.0+(?!\d)/.test(values);
}

/** A line without whitespace around it and folds within (RFC 9421 §2.1). */
function trimmed(line: string): string {
  const text = line.trim();
  return text.includes("\n") ? text.replace(/[\t ]*\r?\n[\t ]+/g, " ") : text;
}

function memberValue(component: Component, text: string): string {
  const dictionary = parseStructuredDictionary(text);
  if (dictionary === undefined) throw lacks(component, "the field is no dictionary");
  const member = dictionary.get(component.parameters.get("key") as string);
  if (member === undefined) throw lacks(component, "the field has no such member");
  return isStructuredInnerList(member) ? formatStructuredInnerList(member) : formatStructuredItem(member);
}

function strictValue(
  component: Component,
  text: string,
  types: Readonly<Record<string, StructuredFieldType>>,
): string {
  const { name } = component;
  const type = Object.hasOwn(types, name) ? types[name] : fieldTypes.get(name);
  if (type === undefined) throw lacks(component, "its type is not known; name it in structuredFields");
  const written = type === "dictionary"
    ? writtenAs(parseStructuredDictionary(text), formatStructuredDictionary)
    : type === "list"
    ? writtenAs(parseStructuredList(text), formatStructuredList)
    : writtenAs(parseStructuredItem(text), formatStructuredItem);
  if (written === undefined) throw lacks(component, `the field is no ${type}`);
  return written;
}

function writtenAs<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value);
}
