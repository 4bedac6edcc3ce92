/** Hides parts of multipart bodies (RFC 2046 §5.1, RFC 7578). */
import { parseContentDisposition } from "../parsers/content_disposition.ts";
import { parseMediaType } from "../parsers/media_type.ts";
import { HIDDEN } from "./redact_json.ts";

/** How what is inside is hidden. */
export interface PartRules {
  /** Whether the field of a form is a secret. */
  isSecret(name: string): boolean;
  /** The value of a header field as it may be shown. */
  header(name: string, value: string): string;
  /** The content of a part as it may be shown. */
  body(text: string, contentType: string): string;
}

/** A multipart body as it may be shown; without a boundary nobody knows what is what, and nothing is. */
export function redactMultipart(text: string, contentType: string, rules: PartRules): string {
  const boundary = parseMediaType(contentType)?.parameters.get("boundary");
  if (boundary === undefined || boundary === "") return HIDDEN;
  const [preamble = "", ...parts] = `\r\n${text}`.split(`\r\n--${boundary}`);
  return [preamble, ...parts.map((part) => redactPart(part, rules))].join(`\r\n--${boundary}`).slice(2);
}

function redactPart(part: string, rules: PartRules): string {
  // The rest of the boundary's line is there, and "--" behind the last one.
  if (part.startsWith("--")) return part;
  const gap = part.indexOf("\r\n\r\n");
  if (gap < 0) return part.trim() === "" ? part : `\r\n${HIDDEN}`;
  const fields = new Map<string, string>();
  const head = part.slice(0, gap).split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    if (colon < 0) return line;
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    fields.set(name, value);
    return `${line.slice(0, colon)}: ${rules.header(name, value)}`;
  });
  const field = parseContentDisposition(fields.get("content-disposition") ?? "")?.parameters.get("name");
  const body = part.slice(gap + 4);
  // Bodies in bodies in bodies would be read again for each.
  const isNested = /^multipart\//i.test(fields.get("content-type") ?? "");
  const shown = isNested || (field !== undefined && rules.isSecret(nameOf(field)))
    ? HIDDEN
    : rules.body(body, fields.get("content-type") ?? "text/plain");
  return `${head.join("\r\n")}\r\n\r\n${shown}`;
}

/** Names of forms escape quotes and line ends by percent (RFC 7578 §2, HTML §4.10.21.8). */
function nameOf(field: string): string {
  try {
    return decodeURIComponent(field);
  } catch {
    return field;
  }
}
