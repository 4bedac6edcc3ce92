/**
 * The arithmetic of Digest access authentication (RFC 7616 §3.4), free of state.
 *
 * @module
 */
import { builtin } from "../../../internal/builtin_modules.ts";
import { encodeFieldText } from "./text.ts";

/** A hash algorithm of Digest. */
export interface DigestAlgorithm {
  /** The name as the parameter is written. */
  readonly name: string;
  /** The name node:crypto knows it by. */
  readonly hash: "md5" | "sha256" | "sha512-256";
  /** True when A1 is bound to a nonce of server and client. */
  readonly isSession: boolean;
  /** The stronger of two is the greater. */
  readonly strength: number;
}

const algorithms: readonly DigestAlgorithm[] = [
  { name: "MD5", hash: "md5", isSession: false, strength: 1 },
  { name: "MD5-sess", hash: "md5", isSession: true, strength: 2 },
  { name: "SHA-256", hash: "sha256", isSession: false, strength: 3 },
  { name: "SHA-256-sess", hash: "sha256", isSession: true, strength: 4 },
  { name: "SHA-512-256", hash: "sha512-256", isSession: false, strength: 5 },
  { name: "SHA-512-256-sess", hash: "sha512-256", isSession: true, strength: 6 },
];

/** The algorithm of a challenge; MD5 when it names none, null when it names one nobody knows. */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | null {
  if (name === undefined) return algorithms[0]!;
  const wanted = name.toLowerCase();
  return algorithms.find((algorithm) => algorithm.name.toLowerCase() === wanted) ?? null;
}

/** Hashes the parts one after the other; text goes in with one byte per character. The result is in hexadecimal. */
export function digestHash(algorithm: DigestAlgorithm, ...parts: (string | Uint8Array)[]): string {
  const hash = builtin.crypto.createHash(algorithm.hash);
  for (const part of parts) hash.update(typeof part === "string" ? encodeFieldText(part) : part);
  return hash.digest("hex");
}

/** H(user ":" realm ":" password): what a server keeps instead of the password. */
export function digestUserKey(
  algorithm: DigestAlgorithm,
  user: Uint8Array,
  realm: string,
  password: Uint8Array,
): string {
  return digestHash(algorithm, user, ":", realm, ":", password);
}

/** H(A1) of the -sess algorithms (RFC 7616 §3.4.2). */
export function digestSessionKey(algorithm: DigestAlgorithm, userKey: string, nonce: string, cnonce: string): string {
  return digestHash(algorithm, userKey, ":", nonce, ":", cnonce);
}

/** What one `response` or `rspauth` is made of. */
export interface DigestInput {
  /** The algorithm. */
  readonly algorithm: DigestAlgorithm;
  /** H(A1). */
  readonly key: string;
  /** The method; "" for `rspauth`. */
  readonly method: string;
  /** The request target. */
  readonly uri: string;
  /** The server's nonce. */
  readonly nonce: string;
  /** Quality of protection; null for servers of RFC 2069. */
  readonly qop: "auth" | "auth-int" | null;
  /** The nonce count in eight digits. */
  readonly nonceCount: string;
  /** The client's nonce. */
  readonly cnonce: string;
  /** H(body), for auth-int. */
  readonly bodyHash: string;
}

/** The `response` of a request, or the `rspauth` of a response (RFC 7616 §3.4.1, §3.5). */
export function digestResponse(input: DigestInput): string {
  const { algorithm, key, nonce, qop } = input;
  const a2 = qop === "auth-int"
    ? digestHash(algorithm, `${input.method}:${input.uri}:${input.bodyHash}`)
    : digestHash(algorithm, `${input.method}:${input.uri}`);
  if (qop === null) return digestHash(algorithm, `${key}:${nonce}:${a2}`);
  return digestHash(algorithm, `${key}:${nonce}:${input.nonceCount}:${input.cnonce}:${qop}:${a2}`);
}

/** A nonce count as it is written: eight hexadecimal digits. */
export function formatNonceCount(count: number): string {
  return count.toString(16).padStart(8, "0");
}
