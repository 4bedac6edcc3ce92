/** Names that say that what they name is a secret. */
import { checkIterable } from "../../../internal/expected.ts";

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
