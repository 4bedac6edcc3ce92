/** Feeds that are labelled as HTML (WHATWG MIME Sniffing §7.3). */

import { isWhitespace } from "./patterns.ts";

const RSS_1_0 = "http://purl.org/rss/1.0/";
const RDF_SYNTAX = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/** The feed type the data begin like, or `undefined` when they may be HTML. */
export function sniffFeed(data: Uint8Array): string | undefined {
  // The markup that is looked for is ASCII, so one character per byte keeps offsets right.
  const text = new TextDecoder("latin1").decode(data);
  let position = text.startsWith("\xef\xbb\xbf") ? 3 : 0;
  while (position < text.length) {
    while (isWhitespace(data[position])) position++;
    if (text[position++] !== "<") return undefined;
    const end = skipMarkup(text, position);
    if (end === undefined) return feedNamed(text, position);
    position = end;
  }
  return undefined;
}

/** The end of the comment, declaration or instruction at `position`; `undefined` when an element begins there. */
function skipMarkup(text: string, position: number): number | undefined {
  if (text.startsWith("!--", position)) return endOf(text, "-->", position + 3);
  if (text[position] === "!") return endOf(text, ">", position + 1);
  if (text[position] === "?") return endOf(text, "?>", position + 1);
  return undefined;
}

function endOf(text: string, terminator: string, position: number): number {
  const index = text.indexOf(terminator, position);
  return index < 0 ? text.length : index + terminator.length;
}

function feedNamed(text: string, position: number): string | undefined {
  if (text.startsWith("rss", position)) return "application/rss+xml";
  if (text.startsWith("feed", position)) return "application/atom+xml";
  if (!text.startsWith("rdf:RDF", position)) return undefined;
  const names = [text.indexOf(RSS_1_0, position), text.indexOf(RDF_SYNTAX, position)];
  return names.every((index) => index >= 0) ? "application/rss+xml" : undefined;
}
