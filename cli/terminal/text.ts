/**
 * Text for a terminal: made safe, coloured, measured.
 *
 * @module
 */
import type { CliOutput, CliSurroundings } from "./surroundings.ts";

/**
 * What a terminal takes for commands, and what turns the order of letters round: a token's label can hold either, and must
 * not write over what a person reads.
 */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(letter: string): string {
  const code = letter.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** A text of somebody else's on one line, with what could harm a terminal written as an escape. */
export function safeText(text: string): string {
  return text.replace(HARMFUL, escaped);
}

/** JSON of a value, with `\u` escapes for what could harm a terminal; `bigint` is decimal text, bytes are base64url. */
export function safeJson(value: unknown, indent = 2): string {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, name, member) {
    if (typeof member === "bigint") return member.toString();
    // A Buffer has become a list of its bytes by now, by its toJSON().
    const own = this[name];
    return own instanceof Uint8Array ? own.toBase64({ alphabet: "base64url", omitPadding: true }) : member;
  }, indent);
  return text.replace(HARMFUL, (letter) => {
    return letter === "\n" ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A way to write. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Writes in a style, or plainly. */
export type Painter = (style: Style, text: string) => string;

/** The painter of an output: colours are for terminals, and for who has not set `NO_COLOR` or a dumb terminal. */
export function painterOf(output: CliOutput, { environment }: Pick<CliSurroundings, "environment">): Painter {
  const { NO_COLOR, TERM } = environment;
  if (!output.isTerminal || (NO_COLOR !== undefined && NO_COLOR !== "") || TERM === "dumb") {
    return (_style, text) => text;
  }
  return (style, text) => {
    const [on, off] = CODES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

/** Letters that take two columns, and marks that take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const MARK = /^\p{M}$/u;

/** Columns that a text without escapes takes. */
export function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) width += MARK.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return width;
}

/** A text with blanks up to a width. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/** Words on lines of at most so many columns, each after the same blanks but the first. */
export function wrapped(text: string, columns: number, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + textWidth(line) + 1 + textWidth(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}
