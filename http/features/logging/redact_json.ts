/** Hides members of JSON texts, whole or cut off, one or several behind one another. */

/** What stands for a secret. */
export const HIDDEN = "****";

/** Members that say what another one of their object is: `{"name": "password", "value": "…"}`. */
const LABELS = /^(?:name|key|field|param|header)$/i;
const LABELLED = /^(?:value|content)$/i;

/** An object that is being read. */
interface OpenObject {
  hasSecretLabel: boolean;
  /** Where the value is that a label may speak of. */
  value: Piece | null;
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * A JSON text with `"****"` for the value of each member whose name, once its escapes are read, is a secret one: a text, a
 * number, a list or an object. `nested` shows what stands within other texts. It goes through the text once, and what is
 * no JSON is left as it is.
 */
export function redactJson(
  text: string,
  isSecret: (name: string) => boolean,
  nested: (text: string) => string,
): string {
  const changes = new Map<number, { end: number; shown: string }>();
  const open: OpenObject[] = [];
  const hide = ({ start, end }: Piece) => void changes.set(start, { end, shown: `"${HIDDEN}"` });
  const close = (object: OpenObject | undefined) => {
    if (object?.hasSecretLabel && object.value !== null) hide(object.value);
  };
  for (let at = 0; at < text.length;) {
    const character = text[at]!;
    if (character === "{") open.push({ hasSecretLabel: false, value: null });
    else if (character === "}") close(open.pop());
    if (character !== '"') {
      at++;
      continue;
    }
    const end = endOfString(text, at, "\n");
    const content = contentOf(text.slice(at, end));
    const shown = nested(content);
    if (shown !== content) changes.set(at, { end, shown: JSON.stringify(shown) });
    const colon = skipBlanks(text, end);
    if (text[colon] === ":") {
      const start = skipBlanks(text, colon + 1);
      if (isSecret(content)) {
        at = endOfValue(text, start);
        if (at > start) hide({ start, end: at });
        continue;
      }
      noteLabel(open.at(-1), text, content, start, isSecret);
    }
    at = end;
  }
  open.forEach(close);
  return changed(text, changes);
}

function noteLabel(
  object: OpenObject | undefined,
  text: string,
  name: string,
  start: number,
  isSecret: (name: string) => boolean,
): void {
  if (object === undefined || "{[".includes(text[start] ?? "{")) return;
  if (LABELLED.test(name)) object.value = { start, end: endOfValue(text, start) };
  else if (LABELS.test(name) && isSecret(contentOf(text.slice(start, endOfString(text, start, "\n"))))) {
    object.hasSecretLabel = true;
  }
}

function changed(text: string, changes: ReadonlyMap<number, { end: number; shown: string }>): string {
  let result = "";
  let kept = 0;
  for (const [start, { end, shown }] of [...changes].sort(([a], [b]) => a - b)) {
    if (start < kept || start === end) continue;
    result += text.slice(kept, start) + shown;
    kept = end;
  }
  return result + text.slice(kept);
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** What a string says; one that is cut off or wrongly escaped is read as far as it goes. */
function contentOf(literal: string): string {
  const bare = literal.replace(/^"|"$/g, "");
  if (!bare.includes("\\")) return bare;
  return bare.replace(
    /\\(?:u([\da-fA-F]{4})|([^]))/g,
    (_, code: string | undefined, character: string) =>
      code === undefined ? ESCAPES[character] ?? character : String.fromCharCode(parseInt(code, 16)),
  );
}

/** Behind the closing quote, or where a string breaks off: at the end of the text, or at `breaker`. */
function endOfString(text: string, start: number, breaker = ""): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
    else if (text[at] === breaker) return at;
  }
  return text.length;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

const BARE_VALUE = /[^\s,\]}]*/y;

/** Behind a value; null, true and false are no secrets, and end where they begin. */
function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== "{" && first !== "[") {
    BARE_VALUE.lastIndex = start;
    const [bare] = BARE_VALUE.exec(text)!;
    return /^(?:null|true|false)$/.test(bare) ? start : start + bare.length;
  }
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at) - 1;
    else if (text[at] === "{" || text[at] === "[") depth++;
    else if ((text[at] === "}" || text[at] === "]") && --depth === 0) return at + 1;
  }
  return text.length;
}
