/** Lists with weights, as in Accept, Accept-Language and Accept-Encoding (RFC 9110 §12.4.2). */

import { checkIterable, checkText } from "../../internal/expected.ts";
import { type HeaderParameter, parseParameters, splitOutsideQuotes, trimWhitespace } from "./syntax.ts";

/** A member of a list with weights. */
export interface QualityValue {
  /** What is accepted, as written: `text/html`, `en-gb`, `gzip`, `*`. */
  value: string;
  /** The weight from 0 (refused) to 1 (preferred). */
  quality: number;
  /** The parameters in front of the weight, such as the `level=1` of `text/html;level=1;q=0.4`. */
  parameters: HeaderParameter[];
}

const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Reads a list with weights, the preferred members first and equal ones in the order given. A missing weight is 1;
 * a member whose weight is malformed is dropped. Members of weight 0 are kept, at the end, because they refuse something.
 *
 * @example Preferred first
 * ```ts
 * import { parseQualityList } from "@gp11/gp11/http";
 * import { assertEquals } from "@std/assert";
 *
 * const values = parseQualityList("fr;q=0.5, en, de;q=0").map((member) => member.value);
 * assertEquals(values, ["en", "fr", "de"]);
 * ```
 */
export function parseQualityList(text: string): QualityValue[] {
  const members: QualityValue[] = [];
  for (const member of splitOutsideQuotes(checkText("parse qualities", text), ",")) {
    const semicolon = member.indexOf(";");
    const value = trimWhitespace(semicolon < 0 ? member : member.slice(0, semicolon));
    const all = semicolon < 0 ? [] : parseParameters(member.slice(semicolon + 1));
    const weightAt = all.findIndex((parameter) => parameter.name === "q");
    const weight = weightAt < 0 ? "1" : all[weightAt]!.value ?? "";
    if (value === "" || !WEIGHT.test(weight)) continue;
    members.push({ value, quality: Number(weight), parameters: weightAt < 0 ? all : all.slice(0, weightAt) });
  }
  return members.sort((a, b) => b.quality - a.quality);
}

/** The weight a list gives to `value` (compared without case, `*` matching anything not named); 0 when it is absent. */
export function qualityOf(list: readonly QualityValue[], value: string): number {
  checkIterable("look for a quality", list, "a list of qualities");
  const wanted = checkText("look for a quality", value).toLowerCase();
  const named = list.find((member) => member.value.toLowerCase() === wanted);
  return (named ?? list.find((member) => member.value === "*"))?.quality ?? 0;
}
