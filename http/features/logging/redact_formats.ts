/** What is hidden in texts of a known structure: JSON, markup, parts of forms. */
import { percentDecoded, withoutReferences, withReferences } from "./secret_names.ts";
import { Buffer } from "node:buffer";
import { parseContentDisposition } from "../../protocol/media_type.ts";

/** What stands for a secret. */
export const HIDDEN = "****";

/** Members that say what another one of their object is: `{"name": "password", "value": "…"}`. */
const LABELS = /^(?:name|key|field|param|header)$/i;
const LABELLED = /^(?:value|content)$/i;

/** An object that is being read. */
interface OpenObject {
  hasSecretLabel: boolean;
  /** Where the value is that a label may speak of. */
  value: Piece | null;
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * A JSON text with `"****"` for the value of each member whose name, once its escapes are read, is a secret one: a text, a
 * number, a list or an object. `nested` shows what stands within other texts. It goes through the text once, and what is
 * no JSON is left as it is.
 */
export function redactJson(
  text: string,
  isSecret: (name: string) => boolean,
  nested: (text: string) => string,
): string {
  const changes = new Map<number, { end: number; shown: string }>();
  const open: OpenObject[] = [];
  const hide = ({ start, end }: Piece) => void changes.set(start, { end, shown: `"${HIDDEN}"` });
  const close = (object: OpenObject | undefined) => {
    if (object?.hasSecretLabel && object.value !== null) hide(object.value);
  };
  for (let at = 0; at < text.length;) {
    const character = text[at]!;
    if (character === "{") open.push({ hasSecretLabel: false, value: null });
    else if (character === "}") close(open.pop());
    if (character !== '"') {
      at++;
      continue;
    }
    const end = endOfString(text, at, "\n");
    const content = contentOf(text.slice(at, end));
    const shown = nested(content);
    if (shown !== content) changes.set(at, { end, shown: JSON.stringify(shown) });
    const colon = skipBlanks(text, end);
    if (text[colon] === ":") {
      const start = skipBlanks(text, colon + 1);
      if (isSecret(content)) {
        at = endOfValue(text, start);
        if (at > start) hide({ start, end: at });
        continue;
      }
      noteLabel(open.at(-1), text, content, start, isSecret);
    }
    at = end;
  }
  open.forEach(close);
  return changed(text, changes);
}

function noteLabel(
  object: OpenObject | undefined,
  text: string,
  name: string,
  start: number,
  isSecret: (name: string) => boolean,
): void {
  if (object === undefined || "{[".includes(text[start] ?? "{")) return;
  if (LABELLED.test(name)) object.value = { start, end: endOfValue(text, start) };
  else if (LABELS.test(name) && isSecret(contentOf(text.slice(start, endOfString(text, start, "\n"))))) {
    object.hasSecretLabel = true;
  }
}

function changed(text: string, changes: ReadonlyMap<number, { end: number; shown: string }>): string {
  let result = "";
  let kept = 0;
  for (const [start, { end, shown }] of [...changes].sort(([a], [b]) => a - b)) {
    if (start < kept || start === end) continue;
    result += text.slice(kept, start) + shown;
    kept = end;
  }
  return result + text.slice(kept);
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** What a string says; one that is cut off or wrongly escaped is read as far as it goes. */
function contentOf(literal: string): string {
  const bare = literal.replace(/^"|"$/g, "");
  if (!bare.includes("\\")) return bare;
  return bare.replace(
    /\\(?:u([\da-fA-F]{4})|([^]))/g,
    (_, code: string | undefined, character: string) =>
      code === undefined ? ESCAPES[character] ?? character : String.fromCharCode(parseInt(code, 16)),
  );
}

/** Behind the closing quote, or where a string breaks off: at the end of the text, or at `breaker`. */
function endOfString(text: string, start: number, breaker = ""): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
    else if (text[at] === breaker) return at;
  }
  return text.length;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

const BARE_VALUE = /[^\s,\]}]*/y;

/** Behind a value; null, true and false are no secrets, and end where they begin. */
function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== "{" && first !== "[") {
    BARE_VALUE.lastIndex = start;
    const [bare] = BARE_VALUE.exec(text)!;
    return /^(?:null|true|false)$/.test(bare) ? start : start + bare.length;
  }
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at) - 1;
    else if (text[at] === "{" || text[at] === "[") depth++;
    else if ((text[at] === "}" || text[at] === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}

const ATTRIBUTE = /(?<![^\s"'/])([^\s"'/=]+)(\s*=\s*)("[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s"']+)/g;
const LABEL_ATTRIBUTES = /^(?:name|key|param|field|property)$/i;
const VALUES = /^(?:value|content)$/i;

/** How a text within the markup is shown; `isEncoded` where it is written in character references. */
type Nested = (text: string, isEncoded: boolean) => string;

/**
 * A text with `****` for the content of elements and the values of attributes with a secret's name, or labelled with
 * one (`<input name="password" value="…">`). `nested` shows what stands there in character references.
 */
export function redactMarkup(
  text: string,
  isSecret: (name: string) => boolean,
  nested: Nested,
): string {
  let shown = "";
  let kept = 0;
  for (const { index } of text.matchAll(/<(?=[a-z_/?])/gi)) {
    if (index < kept) continue; // Within a tag or an element that is written already.
    const end = endOfTag(text, index);
    const inside = text.slice(index + 1, text[end - 1] === ">" ? end - 1 : end);
    const [tag, isLabelled] = redactTag(inside, isSecret, nested);
    shown += `${escaped(text.slice(kept, index), nested)}<${tag}${text.slice(index + 1 + inside.length, end)}`;
    kept = end;
    const name = /^[^\s/?]+/.exec(inside)?.[0];
    if (name === undefined || inside.endsWith("/") || !(isLabelled || isSecret(localName(name)))) continue;
    const close = isLabelled ? text.indexOf("<", kept) : text.indexOf(`</${name}`, kept);
    const stop = close < 0 ? text.length : close;
    if (text.slice(kept, stop).trim() !== "") shown += HIDDEN;
    kept = stop;
  }
  return shown + escaped(text.slice(kept), nested);
}

/** Behind the angle bracket that ends a tag; one within an attribute's quotes does not. */
function endOfTag(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === ">") return at + 1;
    if (text[at] !== "=") continue;
    while (" \t\r\n".includes(text[at + 1] ?? "x")) at++;
    const quote = text[at + 1];
    if (quote !== '"' && quote !== "'") continue;
    const close = text.indexOf(quote, at + 2);
    if (close < 0) return text.length;
    at = close;
  }
  return text.length;
}

/** What stands between angle brackets, and whether an attribute says that the element's content is a secret. */
function redactTag(
  tag: string,
  isSecret: (name: string) => boolean,
  nested: Nested,
): [shown: string, isLabelled: boolean] {
  let isLabelled = false;
  let hasValue = false;
  for (const [, name, , value] of tag.matchAll(ATTRIBUTE)) {
    if (LABEL_ATTRIBUTES.test(name!) && isSecret(unquoted(value!))) isLabelled = true;
    if (VALUES.test(name!)) hasValue = true;
  }
  const shown = tag.replace(ATTRIBUTE, (_, name: string, equals: string, value: string) => {
    const hidden = isSecret(localName(name)) || (isLabelled && VALUES.test(name));
    if (hidden) return `${name}${equals}"${HIDDEN}"`;
    const [, quote, content, end] = /^(["']?)([^]*?)(\1)$/.exec(value) ?? ["", "", value, ""];
    return `${name}${equals}${quote}${escaped(content!, nested)}${end}`;
  });
  return [shown, isLabelled && !hasValue];
}

/** A name without its prefix. */
function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function unquoted(value: string): string {
  return withoutReferences(value.replace(/^["']|["']$/g, ""));
}

/** A text between tags or quotes as it may be shown. */
function escaped(text: string, nested: Nested): string {
  const meant = withoutReferences(text);
  const shown = nested(meant, meant !== text);
  return shown === meant ? text : meant === text ? shown : withReferences(shown);
}

/** How what is inside is hidden. */
interface PartRules {
  /** Whether the field of a form is a secret. */
  isSecret(name: string): boolean;
  /** The value of a header field as it may be shown. */
  header(name: string, value: string): string;
  /** The content of a part as it may be shown. */
  body(text: string, contentType: string): string;
}

/** A multipart body as it may be shown; what stands outside of its parts is redacted as plain text. */
export function redactMultipart(text: string, boundary: string, rules: PartRules): string {
  // Lines may end by a line feed alone: what reads the body may be as lenient.
  const mark = `\n--${boundary}`;
  const [preamble = "", ...parts] = `\n${text}`.split(mark);
  const shown = preamble === "" ? "" : `\n${rules.body(preamble.slice(1), "text/plain")}`;
  return [shown, ...parts.map((part) => redactPart(part, rules))].join(mark).slice(1);
}

function redactPart(part: string, rules: PartRules): string {
  // The rest of the boundary's line is there, and "--" behind the last one.
  if (part.startsWith("--")) return `--${rules.body(part.slice(2), "text/plain")}`;
  const [gap] = /\r?\n\r?\n/.exec(part) ?? [];
  if (gap === undefined) return part.trim() === "" ? part : `\r\n${HIDDEN}`;
  const fields = new Map<string, string>();
  const unfolded = part.slice(0, part.indexOf(gap)).replace(/\r?\n[ \t]/g, " ");
  const head = unfolded.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    if (colon < 0) return line;
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    fields.set(name, value);
    const shown = rules.header(name, value);
    return shown === value ? line : `${line.slice(0, colon)}: ${shown}`;
  });
  const field = parseContentDisposition(fields.get("content-disposition") ?? "")?.parameters.get("name");
  const body = part.slice(part.indexOf(gap) + gap.length);
  const type = fields.get("content-type") ?? "text/plain";
  const isHidden = (field !== undefined && rules.isSecret(percentDecoded(field))) ||
    isEncodedSecret(body, type, fields.get("content-transfer-encoding") ?? "", rules);
  return `${head.join("\r\n")}\r\n\r\n${isHidden ? HIDDEN + lineEnd(body) : rules.body(body, type)}`;
}

/** What stands in front of the next boundary. */
function lineEnd(body: string): string {
  return body.endsWith("\r") ? "\r" : "";
}

/** Whether a part shows a secret once its encoding is read (RFC 2045 §6). */
function isEncodedSecret(body: string, type: string, encoding: string, rules: PartRules): boolean {
  const text = transferDecoded(body, encoding.toLowerCase());
  return text !== body && rules.body(text, type) !== text;
}

function transferDecoded(body: string, encoding: string): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString();
  if (encoding !== "quoted-printable") return body;
  return percentDecoded(body.replace(/=\r?\n/g, "").replaceAll("%", "%25").replaceAll("=", "%"));
}
