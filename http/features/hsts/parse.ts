/** The Strict-Transport-Security field. */

/** What a valid Strict-Transport-Security field says (RFC 6797 §6.1). */
export interface StrictTransportSecurity {
  /** How long the policy lasts, in seconds; 0 withdraws it. */
  maxAge: number;
  /** Whether the policy covers every subdomain. */
  includeSubDomains: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A hundred years: longer ones mean "for ever" and would leave the range of dates. */
const LONGEST_MAX_AGE = 100 * 365 * 86_400;

/**
 * Reads a Strict-Transport-Security field. Of several fields joined by commas only the first counts (RFC 6797 §8.1);
 * an invalid one is `null` (§6.1: a missing or malformed max-age, a repeated directive, a value on includeSubDomains).
 */
export function parseStrictTransportSecurity(field: string): StrictTransportSecurity | null {
  const seen = new Map<string, string | null>();
  for (const part of splitDirectives(field)) {
    const text = part.trim();
    if (text === "") continue;
    const equals = text.indexOf("=");
    const name = (equals < 0 ? text : text.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? null : unquote(text.slice(equals + 1).trim());
    if (!TOKEN.test(name) || value === undefined || seen.has(name)) return null;
    seen.set(name, value);
  }
  const maxAge = seen.get("max-age");
  if (maxAge === undefined || maxAge === null || !/^[0-9]+$/.test(maxAge)) return null;
  if (seen.has("includesubdomains") && seen.get("includesubdomains") !== null) return null;
  return { maxAge: Math.min(Number(maxAge), LONGEST_MAX_AGE), includeSubDomains: seen.has("includesubdomains") };
}

/** The directives of the first field; quoted strings may hold any separator. */
function splitDirectives(field: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < field.length; index++) {
    const char = field[index];
    if (quoted && char === "\\") index++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === ";") {
      parts.push(field.slice(start, index));
      start = index + 1;
    } else if (!quoted && char === ",") {
      parts.push(field.slice(start, index));
      return parts;
    }
  }
  parts.push(field.slice(start));
  return parts;
}

/** A token or a quoted string; `undefined` when it is neither. */
function unquote(text: string): string | undefined {
  if (TOKEN.test(text)) return text;
  const match = /^"((?:[^"\\]|\\.)*)"$/s.exec(text);
  return match ? match[1]!.replace(/\\(.)/gs, "$1") : undefined;
}
