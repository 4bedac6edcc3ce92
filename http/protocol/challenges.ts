/**
 * The grammar of WWW-Authenticate, Proxy-Authenticate and Authentication-Info (RFC 9110 §11).
 *
 * Two lists share one comma here: challenges, and the parameters of each challenge. What servers get wrong (missing
 * commas, stray ones, spaces around "=", a missing closing quote) is read as it was meant; what makes no sense is skipped.
 */
import { trimWhitespace } from "./syntax.ts";

/** One challenge of a server or proxy. */
export interface Challenge {
  /** Name of the scheme as it was written, for example "Digest". Compare without regard to case. */
  readonly scheme: string;
  /** The credentials-like blob of schemes such as Negotiate and NTLM; null when there are parameters instead. */
  readonly token68: string | null;
  /** Parameters by lower-case name, quotes removed; of a repeated one the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** A field with more challenges than this is cut: no honest server sends as many. */
const MAX_CHALLENGES = 64;
/** A challenge with more parameters than this is cut. */
const MAX_PARAMETERS = 64;

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const token68 = /[0-9A-Za-z\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const blanks = /[ \t]*/y;
const separators = /[ \t,]*/y;
const bareValue = /[^\s,"]*/y;

/** Reads one field value from left to right; every step moves on, so reading is linear. */
class FieldReader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  /** Takes what the sticky expression matches here; null, and no step, when it does not match. */
  take(expression: RegExp): string | null {
    expression.lastIndex = this.#position;
    const match = expression.exec(this.#text);
    if (match === null) return null;
    this.#position = expression.lastIndex;
    return match[0];
  }

  /** Takes `name =` and returns the name in lower case; null, and no step, when something else is here. */
  takeParameterName(): string | null {
    const start = this.#position;
    const name = this.take(token);
    if (name !== null) {
      this.take(blanks);
      if (this.#text[this.#position] === "=") {
        this.#position++;
        this.take(blanks);
        return name.toLowerCase();
      }
    }
    this.#position = start;
    return null;
  }

  /** Takes a quoted string or a bare value; a missing closing quote reaches to the end. */
  takeValue(): string {
    if (this.#text[this.#position] !== '"') return this.take(bareValue) ?? "";
    const parts: string[] = [];
    let start = ++this.#position;
    while (this.#position < this.#text.length && this.#text[this.#position] !== '"') {
      if (this.#text[this.#position] === "\\" && this.#position + 1 < this.#text.length) {
        parts.push(this.#text.slice(start, this.#position));
        start = ++this.#position;
      }
      this.#position++;
    }
    parts.push(this.#text.slice(start, this.#position));
    this.#position++;
    return parts.join("");
  }

  /** Passes over what fits nowhere, up to the next place where something can begin. */
  skipJunk(): void {
    if (this.#text[this.#position] === '"') this.takeValue();
    else this.#position++;
  }
}

/**
 * Reads the challenges of a WWW-Authenticate or Proxy-Authenticate field, in the order they were sent. Several fields
 * may be joined with commas, as `Headers` does. Never throws.
 *
 * @example Read challenges
 * ```ts ignore
 * const [negotiate, basic] = parseChallenges('Negotiate, Basic realm="a, b", charset="UTF-8"');
 * negotiate.scheme; // "Negotiate"
 * basic.parameters.get("realm"); // "a, b"
 * ```
 */
export function parseChallenges(field: string): Challenge[] {
  const reader = new FieldReader(field);
  const challenges: Challenge[] = [];
  readParameters(reader); // Parameters of no scheme.
  while (!reader.atEnd && challenges.length < MAX_CHALLENGES) {
    const scheme = reader.take(token);
    if (scheme === null) {
      reader.skipJunk();
    } else {
      const blob = reader.take(blanks) === "" ? null : reader.take(token68);
      challenges.push({ scheme, token68: blob, parameters: readParameters(reader) });
    }
    reader.take(separators);
  }
  return challenges;
}

/** Reads parameters up to a token that is not followed by "=": the scheme of the next challenge. */
function readParameters(reader: FieldReader): Map<string, string> {
  const parameters = new Map<string, string>();
  for (;;) {
    reader.take(separators);
    const name = reader.takeParameterName();
    if (name === null) return parameters;
    const value = reader.takeValue();
    if (parameters.size < MAX_PARAMETERS && !parameters.has(name)) parameters.set(name, value);
  }
}

/**
 * Reads an Authentication-Info or Proxy-Authentication-Info field (RFC 9110 §11.6.3): parameters without a scheme.
 * Never throws.
 */
export function parseAuthenticationInfo(field: string): Map<string, string> {
  return readParameters(new FieldReader(field));
}

/** Writes a value as a quoted string (RFC 9110 §5.6.4). */
export function quoteString(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Splits a comma-separated list inside one parameter, such as the qop options of Digest, in lower case. */
export function splitOptions(value: string): string[] {
  return value.split(",").map((option) => trimWhitespace(option).toLowerCase()).filter((option) => option !== "");
}
