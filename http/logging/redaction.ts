/** Hides what must not stand in a log: credentials, cookies, tokens. */

import { splitOutsideQuotes } from "../parsers/syntax.ts";
import { HIDDEN, redactJson } from "./redact_json.ts";
import { redactMultipart } from "./redact_multipart.ts";

const AUTHORIZATION = new Set(["authorization", "proxy-authorization", "x-authorization", "x-auth"]);
const CHALLENGES = new Set([
  "www-authenticate",
  "proxy-authenticate",
  "authentication-info",
  "proxy-authentication-info",
]);
const ADDRESSES = new Set(["location", "content-location", "referer", "refresh", "link"]);
const SECRET_WORD =
  "token|secret|passw(?:or)?d|pwd|credential|api[-_]?key|access[-_]?key|auth[-_]?key|session[-_]?id|sid|jwt";
/** Names, or parts of names between separators, of fields and members that carry a secret. */
const SECRET_NAME = new RegExp(`(?:^|[-_.])(?:${SECRET_WORD})(?:$|[-_.])|^dpop$|^client_assertion$|^assertion$`, "i");
/** Names that are secret in a query or form only; elsewhere they are ordinary words. */
const SECRET_PARAMETER =
  /^(?:code|key|sig|signature|auth|x-(?:amz|goog)-(?:signature|credential|security-token)|code_verifier|pass|pin)$/i;

/** What else is secret. */
export interface RedactionRules {
  /** Names of header fields in lower case. */
  readonly headers: ReadonlySet<string>;
  /** Names of query parameters and of members of forms and JSON bodies in lower case. */
  readonly parameters: ReadonlySet<string>;
}

/** A header value as it may be shown. */
export function redactHeader(name: string, value: string, rules: RedactionRules): string {
  const field = name.toLowerCase();
  if (AUTHORIZATION.has(field)) return redactAuthorization(value);
  if (field === "cookie") return value.split(";").map((pair) => redactPair(pair)).join(";");
  if (field === "set-cookie") return redactSetCookie(value);
  if (CHALLENGES.has(field)) return redactChallenge(value);
  if (rules.headers.has(field) || SECRET_NAME.test(field)) return HIDDEN;
  return ADDRESSES.has(field) ? redactAddress(value, rules) : value;
}

// The patterns below look at no more than so many characters from one place, so that no text makes them slow.

/** An absolute or relative URL, or a text with one in it, as it may be shown. */
export function redactAddress(text: string, rules: RedactionRules): string {
  return text
    .replace(/(\/\/)[^/?#@\s]{0,1024}@/g, `$1${HIDDEN}@`)
    .replace(
      /([?&#;])([^=&#;\s]{1,128})=([^&#;\s>"]+)/g,
      (all, mark: string, name: string) => isSecretParameter(decoded(name), rules) ? `${mark}${name}=${HIDDEN}` : all,
    );
}

/** A text body as it may be shown: members of forms and JSON with a telling name lose their values. */
export function redactBody(text: string, contentType: string, rules: RedactionRules): string {
  if (/^application\/x-www-form-urlencoded/i.test(contentType)) {
    return redactAddress(`?${text}`, rules).slice(1);
  }
  if (/^multipart\//i.test(contentType)) {
    return redactMultipart(text, contentType, {
      isSecret: (name) => isSecretParameter(name, rules),
      header: (name, value) => redactHeader(name, value, rules),
      body: (part, type) => redactBody(part, type, rules),
    });
  }
  if (!/[/+]json\b|ndjson|json-seq/i.test(contentType)) return text;
  return redactJson(text, (name) => isSecretMember(name, rules));
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

/** A name as it is meant: percent-encoding is no way around a rule. */
function decoded(name: string): string {
  if (!/[%+]/.test(name)) return name;
  try {
    return decodeURIComponent(name.replaceAll("+", " ")).trim();
  } catch {
    return name; // No percent-encoding, so the name is what stands there.
  }
}

function isSecretParameter(name: string, rules: RedactionRules): boolean {
  return SECRET_PARAMETER.test(name) || isSecretMember(name, rules);
}

function isSecretMember(name: string, rules: RedactionRules): boolean {
  // accessToken and access_token are one name.
  const separated = name.replace(/([a-z])([A-Z])/g, "$1_$2");
  return SECRET_NAME.test(separated) || rules.parameters.has(name.toLowerCase());
}
