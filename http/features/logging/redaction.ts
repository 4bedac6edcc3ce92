/** Hides what must not stand in a log: credentials, cookies, tokens. */

import { parseMediaType } from "../../protocol/media_type.ts";
import { splitOutsideQuotes } from "../../protocol/syntax.ts";
import { HIDDEN } from "./redact_json.ts";
import { redactMultipart } from "./redact_multipart.ts";
import { redactForm, redactText } from "./redact_text.ts";
import { isSecretField, isSecretParameter, type RedactionRules } from "./secret_names.ts";

export type { RedactionRules } from "./secret_names.ts";

const AUTHORIZATION = new Set(["authorization", "proxy-authorization", "x-authorization", "x-auth"]);
const CHALLENGES = new Set([
  "www-authenticate",
  "proxy-authenticate",
  "authentication-info",
  "proxy-authentication-info",
]);

/** A header value as it may be shown. */
export function redactHeader(name: string, value: string, rules: RedactionRules): string {
  const field = name.toLowerCase();
  if (rules.headers.has(field)) return HIDDEN;
  if (AUTHORIZATION.has(field)) return redactAuthorization(value);
  if (field === "cookie") return value.split(";").map((pair) => redactPair(pair)).join(";");
  if (field === "set-cookie") return redactSetCookie(value);
  if (CHALLENGES.has(field)) return redactChallenge(value);
  return isSecretField(field, rules) ? HIDDEN : redactText(value, rules);
}

/** An absolute or relative URL, or a text with one in it, as it may be shown. */
export function redactAddress(text: string, rules: RedactionRules): string {
  return redactText(text, rules);
}

/** How many multipart bodies may stand within one another; each is read again by the one around it. */
const MAX_MULTIPART_DEPTH = 3;

/** A text body as it may be shown, whatever it is called: what names a secret loses its value. */
export function redactBody(text: string, contentType: string, rules: RedactionRules, depth = 0): string {
  if (text.includes("\0")) { // Latin letters in UTF-16.
    const letters = text.replaceAll("\0", "");
    return redactBody(letters, contentType, rules, depth) === letters ? text : HIDDEN;
  }
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) return redactForm(text, rules);
  if (!/^multipart\//i.test(contentType)) return redactText(text, rules);
  const boundary = parseMediaType(contentType)?.parameters.get("boundary") ?? "";
  if (depth === MAX_MULTIPART_DEPTH || boundary === "") return HIDDEN;
  return redactMultipart(text, boundary, {
    isSecret: (name) => isSecretParameter(name, rules),
    header: (name, value) => redactHeader(name, value, rules),
    body: (part, type) => redactBody(part, type, rules, depth + 1),
  });
}

function redactAuthorization(value: string): string {
  const space = value.indexOf(" ");
  if (space < 0) return HIDDEN;
  const scheme = value.slice(0, space);
  if (scheme.toLowerCase() === "basic") return `${scheme} [${userOf(value.slice(space + 1))}:${HIDDEN}]`;
  return `${scheme} ${HIDDEN}`;
}

function userOf(credentials: string): string {
  try {
    return atob(credentials.trim()).split(":")[0]!;
  } catch {
    return HIDDEN; // Not Base64, so what stands there is unknown and hidden.
  }
}

/** A bare word behind a scheme is the data of NTLM or Negotiate; parameters are public. */
function redactChallenge(value: string): string {
  return splitOutsideQuotes(value, ",")
    .map((member) => member.replace(/^((?:ntlm|negotiate|kerberos)\s+)\S+$/i, `$1${HIDDEN}`))
    .join(", ");
}

function redactPair(pair: string): string {
  const equals = pair.indexOf("=");
  return equals < 0 ? ` ${HIDDEN}` : `${pair.slice(0, equals)}=${HIDDEN}`;
}

function redactSetCookie(value: string): string {
  const semicolon = value.indexOf(";");
  if (semicolon < 0) return redactPair(value).trim();
  return redactPair(value.slice(0, semicolon)).trim() + value.slice(semicolon);
}
