/**
 * Requests in the form that AWS signs, and the text that is signed (AWS Signature Version 4, "Create a canonical request").
 *
 * @module
 */
import { builtin } from "../../../../internal/builtin_modules.ts";

/** A request as it is signed. */
export interface AwsRequest {
  /** The method. */
  readonly method: string;
  /** The URL as it goes out. */
  readonly url: URL;
  /** The fields that are signed, `host` among them; names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The SHA-256 of the body in hexadecimal, or what stands for it. */
  readonly payloadHash: string;
  /** Whether it is for S3, whose paths are encoded once. */
  readonly isS3: boolean;
}

/** When, where and how it is signed. */
export interface AwsScope {
  /** The algorithm's name, for example "AWS4-HMAC-SHA256". */
  readonly algorithm: string;
  /** The time, for example "20150830T123600Z". */
  readonly time: string;
  /** Day, region where there is one, service and "aws4_request", with slashes between. */
  readonly scope: string;
}

/** SHA-256 in hexadecimal. */
export function hexSha256(data: string | Uint8Array): string {
  return builtin.crypto.createHash("sha256").update(data).digest("hex");
}

/** The names of the signed fields, as the Authorization field has them. */
export function signedNames({ fields }: AwsRequest): string {
  return fields.map(([name]) => name).sort().join(";");
}

/** The request in canonical form. */
export function canonicalRequest(request: AwsRequest): string {
  const { fields, method, payloadHash, url } = request;
  const lines = [...fields].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, value]) => `${name}:${value.trim().replace(/[\t ]+/g, " ")}\n`);
  return [
    method,
    canonicalPath(request),
    canonicalQuery(url),
    lines.join(""),
    signedNames(request),
    payloadHash,
  ].join("\n");
}

/** What is signed. */
export function stringToSign({ algorithm, scope, time }: AwsScope, request: AwsRequest): string {
  return [algorithm, time, scope, hexSha256(canonicalRequest(request))].join("\n");
}

/** The path as S3 reads it, encoded once; for the other services what goes out is encoded again. */
function canonicalPath({ isS3, url }: AwsRequest): string {
  if (!isS3) return url.pathname.replace(/\/+/g, "/").split("/").map(encoded).join("/");
  return url.pathname.split("/").map(recoded).join("/");
}

function canonicalQuery(url: URL): string {
  return url.search.slice(1).split("&").filter((pair) => pair !== "").map((pair) => {
    const end = pair.indexOf("=");
    const [name, value] = end < 0 ? [pair, ""] : [pair.slice(0, end), pair.slice(end + 1)];
    return [recoded(name), recoded(value)] as const;
  })
    .sort(([a, x], [b, y]) => a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0)
    .map(([name, value]) => `${name}=${value}`).join("&");
}

/** Text of a URL, encoded in AWS's one way; a plus is a space. Bytes that are no UTF-8 stay what they are. */
function recoded(text: string): string {
  return text.replaceAll("+", " ").replace(/%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~-]/g, (each, hex: string | undefined) => {
    const code = hex === undefined ? each.charCodeAt(0) : Number.parseInt(hex, 16);
    const char = String.fromCharCode(code);
    return /[A-Za-z0-9._~-]/.test(char) ? char : `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

/** Everything but the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
