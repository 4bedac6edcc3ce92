/** The Link field (RFC 8288). */

import { checkText } from "../../internal/expected.ts";
import { decodeExtendedValue, parseParameters } from "./syntax.ts";

/** One link of a Link field. */
export interface HeaderLink {
  /** The target, as written, or absolute when a base was given. */
  target: string;
  /** The relation types in lower case; several when `rel` names several. */
  relations: string[];
  /** The context the link starts from (`anchor`), when it is not the response's own URL. */
  anchor: string | undefined;
  /** The title; an extended `title*` wins over `title`. */
  title: string | undefined;
  /** Every other attribute by its name in lower case; the first of several. */
  attributes: Map<string, string>;
}

/**
 * Reads a Link field. Links that are malformed or that have no relation are dropped, as are targets that do not resolve
 * against `base`.
 *
 * @example The next page
 * ```ts
 * import { parseLink } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const links = parseLink('</items?page=2>; rel="next", </items?page=9>; rel=last', "https://example.org/items");
 * const next = links.find((link) => link.relations.includes("next"));
 * assertEquals(next?.target, "https://example.org/items?page=2");
 * ```
 */
export function parseLink(text: string, base?: string | URL): HeaderLink[] {
  checkText("parse Link", text);
  const links: HeaderLink[] = [];
  let position = 0;
  while (position < text.length) {
    const open = text.indexOf("<", position);
    const close = open < 0 ? -1 : text.indexOf(">", open);
    if (close < 0) break;
    // A comma inside <> belongs to the target, so the end of the link is only sought behind the closing bracket.
    const end = endOfMember(text, close + 1);
    const link = readLink(text.slice(open + 1, close), text.slice(close + 1, end), base);
    if (link !== undefined) links.push(link);
    position = end + 1;
  }
  return links;
}

function endOfMember(text: string, start: number): number {
  let quoted = false;
  for (let index = start; index < text.length; index++) {
    if (quoted && text[index] === "\\") index++;
    else if (text[index] === '"') quoted = !quoted;
    else if (text[index] === "," && !quoted) return index;
  }
  return text.length;
}

function readLink(reference: string, parameters: string, base: string | URL | undefined): HeaderLink | undefined {
  const target = resolve(reference.trim(), base);
  if (target === undefined) return undefined;
  const attributes = new Map<string, string>();
  for (const { name, value } of parseParameters(parameters)) {
    if (!attributes.has(name)) attributes.set(name, value ?? "");
  }
  const relations = (attributes.get("rel") ?? "").toLowerCase().split(/\s+/).filter((relation) => relation !== "");
  if (relations.length === 0) return undefined;
  const anchor = attributes.get("anchor");
  const extended = attributes.get("title*");
  const title = (extended === undefined ? undefined : decodeExtendedValue(extended)) ?? attributes.get("title");
  for (const name of ["rel", "anchor", "title", "title*"]) attributes.delete(name);
  return { target, relations, anchor: anchor === undefined ? undefined : resolve(anchor, base), title, attributes };
}

function resolve(reference: string, base: string | URL | undefined): string | undefined {
  if (base === undefined) return reference;
  return URL.canParse(reference, base) ? new URL(reference, base).href : undefined;
}
