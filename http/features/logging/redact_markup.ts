/** Hides elements and attributes of XML and HTML, whole or cut off. */
import { withoutReferences, withReferences } from "./encodings.ts";
import { HIDDEN } from "./redact_json.ts";

const ATTRIBUTE = /(?<![^\s"'/])([^\s"'/=]+)(\s*=\s*)("[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s"']+)/g;
const LABELS = /^(?:name|key|param|field|property)$/i;
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
    if (LABELS.test(name!) && isSecret(unquoted(value!))) isLabelled = true;
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
