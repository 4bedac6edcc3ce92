/** Hides members of JSON texts, whole or cut off, one or several behind one another. */

/** What stands for a secret. */
export const HIDDEN = "****";

/**
 * A JSON text with `"****"` for the value of each member whose name, once its escapes are read, is a secret one: a text, a
 * number, a list or an object. It goes through the text once, and what is no JSON is left as it is.
 */
export function redactJson(text: string, isSecret: (name: string) => boolean): string {
  let shown = "";
  let kept = 0;
  for (let at = 0; at < text.length;) {
    if (text[at] !== '"') {
      at++;
      continue;
    }
    const end = endOfString(text, at);
    const colon = skipBlanks(text, end);
    if (text[colon] !== ":" || !isSecret(nameOf(text.slice(at, end)))) {
      at = end;
      continue;
    }
    const value = skipBlanks(text, colon + 1);
    at = endOfValue(text, value);
    if (at === value) continue;
    shown += `${text.slice(kept, value)}"${HIDDEN}"`;
    kept = at;
  }
  return shown + text.slice(kept);
}

/** A name with its escapes read; one that is no JSON as it stands. */
function nameOf(literal: string): string {
  const bare = literal.replace(/^"|"$/g, "");
  if (!bare.includes("\\")) return bare;
  try {
    return String(JSON.parse(literal));
  } catch {
    return bare;
  }
}

/** Behind the closing quote, or the end of a text that was cut off. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

/** Behind a value; null, true and false are no secrets, and end where they begin. */
function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== "{" && first !== "[") {
    let at = start;
    while (at < text.length && /[-+.\deE]/.test(text[at]!)) at++;
    return at;
  }
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at) - 1;
    else if (text[at] === "{" || text[at] === "[") depth++;
    else if ((text[at] === "}" || text[at] === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}
