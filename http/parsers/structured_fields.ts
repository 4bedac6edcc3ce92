/** Structured fields (RFC 9651), parsed and written by the `structured-headers` package. */

import {
  type BareItem,
  type Dictionary,
  type InnerList,
  type Item,
  type List,
  type Parameters,
  parseDictionary,
  parseItem,
  parseList,
  serializeDictionary,
  serializeItem,
  serializeList,
  Token,
} from "structured-headers";

export type { BareItem, Dictionary, InnerList, Item, List, Parameters };
export { serializeDictionary, serializeItem, serializeList, Token };

/**
 * Reads a structured field that is an item, or returns `undefined` when it does not parse: RFC 9651 §4.2 has a
 * recipient ignore such a field as if it were absent.
 *
 * @example An item with a parameter
 * ```ts
 * import { parseStructuredItem } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseStructuredItem("5; unit=s")?.[0], 5);
 * assertEquals(parseStructuredItem("5;;"), undefined);
 * ```
 */
export function parseStructuredItem(text: string): Item | undefined {
  return ignoringFailure(parseItem, text);
}

/** Reads a structured field that is a list; `undefined` when it does not parse. */
export function parseStructuredList(text: string): List | undefined {
  return ignoringFailure(parseList, text);
}

/** Reads a structured field that is a dictionary; `undefined` when it does not parse. */
export function parseStructuredDictionary(text: string): Dictionary | undefined {
  return ignoringFailure(parseDictionary, text);
}

function ignoringFailure<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
