/** Structured fields (RFC 9651), parsed and written by the `structured-headers` package. */

import type * as StructuredHeaders from "structured-headers";
import { fromPackage, requiredAt } from "../../internal/npm_package.ts";
import { checkText } from "../../internal/expected.ts";

/** Where there is one already: on Bun, and in what a bundler has made, which finds the library by this call. */
declare const require: ((name: "structured-headers") => typeof StructuredHeaders) | undefined;

let loaded: typeof StructuredHeaders | null = null;

/** Loads the library on first use, in place. */
function library(): typeof StructuredHeaders {
  return loaded ??= fromPackage<typeof StructuredHeaders>(
    "structured-headers",
    () =>
      typeof require === "function"
        ? require("structured-headers")
        : requiredAt(import.meta.resolve("structured-headers"), "structured-headers"),
  );
}

/** Never called: a runtime that resolves modules ahead of time fetches the package because of this expression. */
export function preloadStructuredFields(): Promise<unknown> {
  return import("structured-headers");
}

/** A token or a display string: no string, so that it is written as what it was. */
export interface StructuredText {
  /** Its text. */
  toString(): string;
}
/** A bare value: number, string, token, bytes, date, boolean or display string. */
export type StructuredValue = number | string | boolean | Date | ArrayBuffer | ArrayBufferView | StructuredText;
/** An item: its value and its parameters. */
export type StructuredItem = [value: StructuredValue, parameters: Map<string, StructuredValue>];
/** An inner list: items, and the parameters of the list. */
export type StructuredInnerList = [items: StructuredItem[], parameters: Map<string, StructuredValue>];
/** A list: items, and inner lists with parameters of their own. */
export type StructuredList = (StructuredInnerList | StructuredItem)[];
/** A dictionary: items and inner lists by their keys. */
export type StructuredDictionary = Map<string, StructuredItem | StructuredInnerList>;

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
export function parseStructuredItem(text: string): StructuredItem | undefined {
  return ignoringFailure(library().parseItem, text);
}

/** Reads a structured field that is a list; `undefined` when it does not parse. */
export function parseStructuredList(text: string): StructuredList | undefined {
  return ignoringFailure(library().parseList, text);
}

/** Reads a structured field that is a dictionary; `undefined` when it does not parse. */
export function parseStructuredDictionary(text: string): StructuredDictionary | undefined {
  return ignoringFailure(library().parseDictionary, text);
}

/** Whether a member of a list or dictionary is an inner list. */
export function isStructuredInnerList(
  member: StructuredItem | StructuredInnerList,
): member is StructuredInnerList {
  return Array.isArray(member[0]);
}

/** A token as it is written, or null for every other value: unlike strings, tokens stand without quotes. */
export function tokenText(value: StructuredValue): string | null {
  return value instanceof library().Token ? value.toString() : null;
}

/** Writes an item (RFC 9651 §4.1.3). */
export function formatStructuredItem(item: StructuredItem): string {
  return library().serializeItem(item as StructuredHeaders.Item);
}

/** Writes an inner list (RFC 9651 §4.1.1.1). */
export function formatStructuredInnerList(list: StructuredInnerList): string {
  return library().serializeInnerList(list as StructuredHeaders.InnerList);
}

/** Writes a list (RFC 9651 §4.1.1). */
export function formatStructuredList(list: StructuredList): string {
  return library().serializeList(list as StructuredHeaders.List);
}

/** Writes a dictionary (RFC 9651 §4.1.2). */
export function formatStructuredDictionary(dictionary: StructuredDictionary): string {
  return library().serializeDictionary(dictionary as StructuredHeaders.Dictionary);
}

function ignoringFailure<T>(parse: (text: string) => T, text: string): T | undefined {
  checkText("parse a structured field", text);
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
