/** Hides parts of multipart bodies (RFC 2046 §5.1, RFC 7578). */
import { Buffer } from "node:buffer";
import { parseContentDisposition } from "../../protocol/content_disposition.ts";
import { percentDecoded } from "./encodings.ts";
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

/** A multipart body as it may be shown; what stands outside of its parts is redacted as plain text. */
export function redactMultipart(text: string, boundary: string, rules: PartRules): string {
  // Lines may end by a line feed alone: what reads the body may be as lenient.
  const mark = `\n--${boundary}`;
  const [preamble = "", ...parts] = `\n${text}`.split(mark);
  const shown = preamble === "" ? "" : `\n${rules.body(preamble.slice(1), "text/plain")}`;
  return [shown, ...parts.map((part) => redactPart(part, rules))].join(mark).slice(1);
}

function redactPart(part: string, rules: PartRules): string {
  // The rest of the boundary's line is there, and "--" behind the last one.
  if (part.startsWith("--")) return `--${rules.body(part.slice(2), "text/plain")}`;
  const [gap] = /\r?\n\r?\n/.exec(part) ?? [];
  if (gap === undefined) return part.trim() === "" ? part : `\r\n${HIDDEN}`;
  const fields = new Map<string, string>();
  const unfolded = part.slice(0, part.indexOf(gap)).replace(/\r?\n[ \t]/g, " ");
  const head = unfolded.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    if (colon < 0) return line;
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    fields.set(name, value);
    const shown = rules.header(name, value);
    return shown === value ? line : `${line.slice(0, colon)}: ${shown}`;
  });
  const field = parseContentDisposition(fields.get("content-disposition") ?? "")?.parameters.get("name");
  const body = part.slice(part.indexOf(gap) + gap.length);
  const type = fields.get("content-type") ?? "text/plain";
  const isHidden = (field !== undefined && rules.isSecret(percentDecoded(field))) ||
    isEncodedSecret(body, type, fields.get("content-transfer-encoding") ?? "", rules);
  return `${head.join("\r\n")}\r\n\r\n${isHidden ? HIDDEN + lineEnd(body) : rules.body(body, type)}`;
}

/** What stands in front of the next boundary. */
function lineEnd(body: string): string {
  return body.endsWith("\r") ? "\r" : "";
}

/** Whether a part shows a secret once its encoding is read (RFC 2045 §6). */
function isEncodedSecret(body: string, type: string, encoding: string, rules: PartRules): boolean {
  const text = transferDecoded(body, encoding.toLowerCase());
  return text !== body && rules.body(text, type) !== text;
}

function transferDecoded(body: string, encoding: string): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString();
  if (encoding !== "quoted-printable") return body;
  return percentDecoded(body.replace(/=\r?\n/g, "").replaceAll("%", "%25").replaceAll("=", "%"));
}
