import { ConfigurationError } from "../errors.ts";

/** What C's `isspace` takes for white space. */
const SPACE = " \t\n\v\f\r";

/** The settings of one configuration file: names and values; the last of equal names counts. */
export type Settings = Map<string, string>;

/**
 * Reads the text of a configuration file, lines of `name: value`, with the rules of libp11-kit.
 *
 * @param file Its path, for messages.
 * @throws {ConfigurationError} at the first line that is something else.
 */
export function parseSettings(text: string, file: string): Settings {
  const settings: Settings = new Map();
  const lines = text.split("\n");
  for (const [index, whole] of lines.entries()) {
    const damaged = (reason: string) => new ConfigurationError(`${file}, line ${index + 1}`, reason);
    if (whole.startsWith("-----BEGIN ")) {
      const ends = lines.slice(index + 1).some((line) => line.startsWith("-----END "));
      throw damaged(ends ? "unexpected pem block" : "invalid pem block: no ending line");
    }
    const line = trim(whole);
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[")) {
      throw damaged(line.endsWith("]") ? "unexpected section header" : "invalid section header: missing braces");
    }
    const colon = line.indexOf(":");
    if (colon < 0) throw damaged("invalid field line: no colon");
    settings.set(untilNul(trim(line.slice(0, colon))), untilNul(trim(line.slice(colon + 1))));
  }
  return settings;
}

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.includes(text[start]!)) start++;
  while (end > start && SPACE.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function untilNul(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}
