/**
 * The automatic Accept-Language list (`SoupSession:accept-language-auto`).
 *
 * @module
 */

import { secureExecution } from "../../internal/secure_execution.ts";
import { environmentVariable, isGranted } from "../transports/permissions.ts";

/** Reads one variable of the environment; undefined when unset. */
export type EnvironmentReader = (name: string) => string | undefined;

/** The user's languages in the order of `g_get_language_names`: each locale followed by its less specific forms. */
export function languageNames(read: EnvironmentReader): string[] {
  const value = read("LANGUAGE") || read("LC_ALL") || read("LC_MESSAGES") || read("LANG") || "C";
  const names: string[] = [];
  for (const locale of value.split(":")) {
    if (locale === "") continue;
    for (const name of variantsOf(locale)) if (!names.includes(name)) names.push(name);
  }
  if (!names.includes("C")) names.push("C");
  return names;
}

/** A locale and its less specific forms: `de_DE.UTF-8@euro`, `de_DE@euro` … `de`. */
function variantsOf(locale: string): string[] {
  const match = /^([^_.@]+)(_[^.@]+)?(\.[^@]+)?(@.+)?$/.exec(locale);
  if (match === null) return [locale];
  const [, language = "", territory = "", codeset = "", modifier = ""] = match;
  const names: string[] = [];
  for (const m of unique([modifier, ""])) {
    for (const t of unique([territory, ""])) {
      for (const c of unique([codeset, ""])) names.push(language + t + c + m);
    }
  }
  return names;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** The header value for a list of POSIX locale names; "en" when none is usable. */
export function acceptLanguageOf(names: readonly string[]): string {
  const usable = names.filter((name) => !/[.@]/.test(name) && name !== "C" && name !== "POSIX")
    .map((name) => name.toLowerCase().replaceAll("_", "-"));
  if (usable.length === 0) return "en";
  const step = usable.length < 10 ? 10 : usable.length < 20 ? 5 : 1;
  return usable.map((name, index) => {
    const quality = 100 - index * step;
    if (quality === 100) return name;
    if (quality <= 0) return null;
    return `${name};q=0.${quality % 10 === 0 ? quality / 10 : String(quality).padStart(2, "0")}`;
  }).filter((entry) => entry !== null).join(", ");
}

/**
 * The list for this process. Without permission to read the environment, or reason to believe it, it is what an empty
 * environment gives.
 */
export function systemAcceptLanguage(): string {
  return acceptLanguageOf(languageNames(secureExecution(isGranted) === true ? () => undefined : environmentVariable));
}
