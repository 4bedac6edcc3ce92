/** Hides what must not stand in a log: credentials, cookies, tokens. */
import { splitOutsideQuotes, trimEndOf } from "../../protocol/syntax.ts";
import {
  base64Decoded,
  isSecretField,
  isSecretMember,
  isSecretParameter,
  percentDecoded,
  percentEncoded,
  type RedactionRules,
} from "./secret_names.ts";
import { HIDDEN, redactJson, redactMarkup, redactMultipart } from "./redact_formats.ts";
import { parseMediaType } from "../../protocol/media_type.ts";

/** How many encodings within one another are read; what is written in still more is hidden as a whole. */
const LAYERS = 4;

// Each pattern below begins where a run of its characters begins and ends with that run, so that none takes time by the
// square of a text.

/** The beginning of a part in a multipart body. */
const PART = /--([^\s"<>]{1,70})\r?\n(?:content|x)-[\w-]+:/i;
/** Objects, lists, strings with escapes: of JSON whatever stands around it. */
const JSON_TEXT = /^\s*[{["]|"\s{0,16}:|\\["\\/bfnrtu]/;
/** A text without any of these holds neither a name with a value nor another encoding. */
const SUSPICIOUS = /[=%:<"]|[\w+/-]{16}/;
/** A signed or encrypted token (RFC 7515 §7.1, RFC 7516 §7.1): whoever has it may use it, whatever it is called. */
const COMPACT_TOKEN = /(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*(?:\.[\w-]+){0,2}/g;
const NAME_AND_COLON = /(?<![\w.-])([\w.-]+)[ \t]*:[ \t]*/g;
const REST_OF_LINE = /.*/y;
const AUTHORITY = /((?:https?|wss?|ftp):[/\\]*|:[/\\]+|[/\\]{2})([^/\\?#\s"<>]+)/gi;
const NAME = /(?<![^?&#;,=\s<>"'(){}/|])[^?&#;,=\s<>"'(){}/|]+=/g;
const VALUE = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[^&#\s<>"]*/sy;
const BASE64 = /[\w+/-]{16,}/g;
const WORD = /[^?&#;,=\s<>"']+/g;

/** A text as it may be shown. */
function redactText(text: string, rules: RedactionRules, layers: number = LAYERS): string {
  if (!SUSPICIOUS.test(text)) return text;
  const part = PART.exec(text);
  if (part !== null) {
    text = text.slice(0, part.index) + redactParts(text.slice(part.index), part[1]!, rules, layers);
  }
  if (JSON_TEXT.test(text)) {
    if (layers < 0) return HIDDEN;
    text = redactMembers(text, rules, layers);
  }
  if (/<[a-z_/?]/i.test(text)) {
    if (layers < 0) return HIDDEN;
    text = redactMarkup(
      text,
      (name) => isSecretMember(name, rules),
      (inner, isEncoded) => isEncoded && layers === 0 ? HIDDEN : redactText(inner, rules, layers - 1),
    );
  }
  if (text.includes(":")) text = redactFields(text, rules);
  if (text.includes("@")) text = redactUsers(text);
  if (text.includes("=")) text = redactParameters(text, rules);
  return redactWords(text.replace(COMPACT_TOKEN, HIDDEN), rules, layers);
}

/** A multipart body whose media type does not say so. */
function redactParts(text: string, boundary: string, rules: RedactionRules, layers: number): string {
  if (layers <= 0) return HIDDEN;
  return redactMultipart(text, boundary, {
    isSecret: (name) => isSecretParameter(name, rules),
    header: (name, value) => isSecretField(name, rules) ? HIDDEN : redactText(value, rules, layers - 1),
    body: (part) => redactText(part, rules, layers - 1),
  });
}

/** A JSON text as it may be shown. */
function redactMembers(text: string, rules: RedactionRules, layers: number): string {
  return redactJson(
    text,
    (name) => isSecretMember(name, rules),
    (inner) => redactText(inner, rules, layers - 1),
  );
}

/** A query, or a form as it is sent, as it may be shown. */
function redactForm(text: string, rules: RedactionRules): string {
  return text.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 0 || equals === pair.length - 1) return redactText(pair, rules);
    const name = pair.slice(0, equals);
    if (isSecretParameter(meant(name), rules)) return `${redactText(name, rules)}=${HIDDEN}`;
    const value = pair.slice(equals + 1);
    const spaced = value.replaceAll("+", "%20");
    const shown = redactText(spaced, rules);
    return `${redactText(name, rules)}=${shown === spaced ? value : shown}`;
  }).join("&");
}

/** `name: value` up to the end of a line, of header sections and YAML. */
function redactFields(text: string, rules: RedactionRules): string {
  let shown = "";
  let kept = 0;
  for (const match of text.matchAll(NAME_AND_COLON)) {
    const start = match.index + match[0].length;
    if (match.index < kept || text.startsWith(HIDDEN, start)) continue;
    const name = match[1]!;
    if (!isSecretField(name.toLowerCase(), rules) && !isSecretMember(name, rules)) continue;
    REST_OF_LINE.lastIndex = start;
    const [rest] = REST_OF_LINE.exec(text)!;
    if (rest === "") continue;
    shown += text.slice(kept, start) + HIDDEN;
    kept = start + rest.length;
  }
  return shown + text.slice(kept);
}

/** User information of addresses. */
function redactUsers(text: string): string {
  return text.replace(AUTHORITY, (all, slashes: string, authority: string) => {
    const at = authority.lastIndexOf("@");
    return at < 0 ? all : `${slashes}${HIDDEN}${authority.slice(at)}`;
  });
}

/** `name=value` anywhere. */
function redactParameters(source: string, rules: RedactionRules): string {
  let shown = "";
  let kept = 0;
  for (const match of source.matchAll(NAME)) {
    if (match.index < kept) continue; // Within a value that is hidden already.
    const name = meant(match[0].slice(0, -1));
    const isParameter = match.index === 0 || "?&#;".includes(source[match.index - 1]!);
    if (!(isParameter ? isSecretParameter : isSecretMember)(name, rules)) continue;
    VALUE.lastIndex = match.index + match[0].length;
    const value = trimEndOf(VALUE.exec(source)![0], ";,");
    if (value === "" || value === `"${HIDDEN}"`) continue;
    shown += `${source.slice(kept, match.index)}${match[0]}${HIDDEN}`;
    kept = match.index + match[0].length + value.length;
  }
  return shown + source.slice(kept);
}

/** Words that are a text in another encoding. */
function redactWords(text: string, rules: RedactionRules, layers: number): string {
  if (!text.includes("%")) return text.replace(BASE64, (word) => redactBase64(word, rules, layers));
  return text.replace(WORD, (word) => {
    if (!word.includes("%")) return redactBase64(word, rules, layers);
    // In forms a plus sign is a blank, elsewhere it is itself.
    for (const form of word.includes("+") ? [word.replaceAll("+", "%20"), word] : [word]) {
      const decoded = percentDecoded(form);
      if (decoded === word) continue;
      if (layers <= 0) return HIDDEN;
      const shown = redactText(decoded, rules, layers - 1);
      if (shown !== decoded) return percentEncoded(shown);
    }
    return word;
  });
}

/** A word is tried as a whole, as a slash is a character of Base64, and then each segment of a path or a domain. */
function redactBase64(word: string, rules: RedactionRules, layers: number): string {
  const hides = (piece: string): boolean => {
    if (piece.length < 16 || !/^[\w+/-]+$/.test(piece)) return false;
    const text = base64Decoded(piece);
    return text !== null && (layers <= 0 || redactText(text, rules, layers - 1) !== text);
  };
  if (word.length < 16) return word;
  if (hides(word)) return HIDDEN;
  return word.split(/([^\w+-])/).map((piece) => piece === word || !hides(piece) ? piece : HIDDEN).join("");
}

/** A name as it is meant: percent-encoding, however often, is no way around a rule. */
function meant(name: string): string {
  for (let layer = 0; layer < LAYERS && name.includes("%"); layer++) name = percentDecoded(name);
  return name.replaceAll("+", " ").trim();
}

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
