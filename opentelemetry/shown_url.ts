/** URLs as spans may show them: `url.full` of the semantic conventions. */
import { isSecretParameter, lowerCaseSet, type RedactionRules } from "../http/features/logging/secret_names.ts";

const REDACTED = "REDACTED";
/** Parameters that the conventions name and that do not sound like a secret. */
const OF_CONVENTIONS: readonly string[] = ["AWSAccessKeyId"];

/** Which parameters of a query are hidden: those of the conventions, what sounds like a secret, and others by name. */
export function hiddenParameters(names: Iterable<string> = []): RedactionRules {
  return { headers: new Set(), parameters: new Set([...lowerCaseSet(OF_CONVENTIONS), ...lowerCaseSet(names)]) };
}

/** A URL without its fragment; user name, password and hidden parameters say that they were there, and no more. */
export function shownUrl(url: URL, rules: RedactionRules): string {
  const shown = new URL(url.href);
  if (shown.username !== "") shown.username = REDACTED;
  if (shown.password !== "") shown.password = REDACTED;
  shown.hash = "";
  if (shown.search !== "") {
    shown.search = shown.search.slice(1).split("&").map((part) => shownPart(part, rules)).join("&");
  }
  return shown.href;
}

function shownPart(part: string, rules: RedactionRules): string {
  const [name = ""] = part.split("=", 1);
  return part.length > name.length && isSecretParameter(decoded(name), rules) ? `${name}=${REDACTED}` : part;
}

function decoded(name: string): string {
  return [...new URLSearchParams(`${name}=`).keys()][0] ?? name;
}
