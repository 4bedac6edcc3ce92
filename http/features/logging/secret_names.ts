/**
 * Names that say that what they name is a secret, and the ways to write a text within another one: both read leniently, as who
 * receives it may be lenient, too.
 *
 * @module
 */
import { checkIterable } from "../../../internal/expected.ts";
import { Buffer } from "node:buffer";

const WORDS = [
  "token",
  "secret",
  "passw(?:or)?d",
  "passphrase",
  "pass",
  "pwd",
  "pin",
  "otp",
  "credentials?",
  "(?:api|access|auth|private)[-_]?key",
  "auth(?:orization)?[-_]?code",
  "authorization",
  "j?session[-_]?id",
  "[a-z]*sessid",
  "sid",
  "jwt",
  "(?:set-)?cookie",
].join("|");
/** Names, or parts of names between separators, of header fields, members and parameters. */
const SECRET_NAME = new RegExp(
  `(?:^|[^a-z0-9])(?:${WORDS})(?:$|[^a-z0-9])|^dpop$|^client_assertion$|^assertion$|^samlresponse$`,
  "i",
);
/** Names that are secret in a query or form only; elsewhere they are ordinary words. */
const SECRET_PARAMETER =
  /^(?:code|key|sig|signature|auth|x-(?:amz|goog)-(?:signature|credential|security-token)|code_verifier|ticket)$/i;

/** What else is secret. */
export interface RedactionRules {
  /** Names of header fields in lower case. */
  readonly headers: ReadonlySet<string>;
  /** Names of query parameters and of members of forms and JSON bodies in lower case. */
  readonly parameters: ReadonlySet<string>;
}

/** Whether a header field's name, in lower case, is a secret's. */
export function isSecretField(name: string, rules: RedactionRules): boolean {
  return rules.headers.has(name) || SECRET_NAME.test(name);
}

/** Whether a query parameter or the field of a form is a secret. */
export function isSecretParameter(name: string, rules: RedactionRules): boolean {
  return SECRET_PARAMETER.test(name) || isSecretMember(name, rules);
}

/** Whether a member, an element or a variable is a secret. */
export function isSecretMember(name: string, rules: RedactionRules): boolean {
  // accessToken and access_token are one name.
  const separated = name.replace(/([a-z])([A-Z])/g, "$1_$2");
  return SECRET_NAME.test(separated) || rules.parameters.has(name.toLowerCase());
}

/** Names of fields or parameters, which are compared without case. Text alone is no list of them. */
export function lowerCaseSet(names: Iterable<string> = []): ReadonlySet<string> {
  checkIterable("hide secrets", names, "a list of names");
  return new Set(Array.from(names, (name) => name.toLowerCase()));
}

/** A text without its percent-encoding; what is none stays as it stands. */
export function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString());
}

/** A text in percent-encoding. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** A text of XML or HTML without its character references. */
export function withoutReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name.toLowerCase()]!;
    const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
    return code > 0x10ffff ? all : String.fromCodePoint(code);
  });
}

/** A text as it stands in XML or HTML. */
export function withReferences(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The text that a word in Base64, or in Base64 for URLs, stands for; null when that is none. */
export function base64Decoded(word: string): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(word, "base64"));
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    return /[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(text) ? null : text;
  } catch {
    return null; // The decoder's way to say that these bytes are no text.
  }
}
